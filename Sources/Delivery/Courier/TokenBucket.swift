/// Lets so much through in a second, and a little of it at once.
///
/// What is taken may exceed what is there, so that a request of many events need not wait until all its tokens are
/// together; the debt is waited out before anything else goes. So no window of time sees more than its rate, the burst and
/// one taking.
package struct TokenBucket: Equatable, Sendable {
    /// - Unit: tokens a second.
    package private(set) var rate: Double
    private var tokens: Double
    private var filled: ContinuousClock.Instant

    /// How much of its rate may be taken at once.
    package static let burst = Duration.milliseconds(100)

    /// A bucket that may be taken from at once.
    package init(rate: Double, at now: ContinuousClock.Instant) {
        self.rate = rate
        tokens = 1
        filled = now
    }

    /// The most tokens that are ever together: the burst, and one at the least.
    package var capacity: Double { max(1, rate * (Self.burst / .seconds(1))) }

    /// Changes the rate from now on; what was saved up stays as far as it fits.
    package mutating func set(rate: Double, at now: ContinuousClock.Instant) {
        guard rate != self.rate else { return }
        fill(at: now)
        self.rate = rate
        tokens = min(tokens, capacity)
    }

    /// What may be taken now; below nothing while a debt is waited out.
    package func available(at now: ContinuousClock.Instant) -> Double {
        guard now > filled else { return tokens }
        return min(capacity, tokens + (now - filled) / .seconds(1) * rate)
    }

    /// Whether anything may be taken.
    package func permits(at now: ContinuousClock.Instant) -> Bool { available(at: now) >= Self.least }

    package mutating func take(_ count: Double, at now: ContinuousClock.Instant) {
        fill(at: now)
        tokens -= count
    }

    /// Nothing that was saved up may be taken.
    package mutating func empty(at now: ContinuousClock.Instant) {
        fill(at: now)
        tokens = min(tokens, 0)
    }

    /// When something may be taken; nil while the rate is nothing.
    package var ready: ContinuousClock.Instant? {
        guard tokens < 1 else { return filled }
        guard rate > 0 else { return nil }
        let wait = min((1 - tokens) / rate, Self.longestWait)
        return filled + .seconds(wait)
    }

    /// A whole token, but for what sums of fractions lose.
    private static let least = 1 - 1e-6
    /// - Unit: seconds.
    private static let longestWait = 86_400.0

    private mutating func fill(at now: ContinuousClock.Instant) {
        tokens = available(at: now)
        filled = max(filled, now)
    }
}

/// About how often something happened within the last while, in two numbers.
package struct SlidingCount: Equatable, Sendable {
    private let window: Duration
    private var begin: ContinuousClock.Instant?
    private var current = 0
    private var previous = 0

    package init(over window: Duration) { self.window = window }

    package mutating func add(_ count: Int = 1, at now: ContinuousClock.Instant) {
        turn(at: now)
        current += count
    }

    /// How often it happened, as if it had been evenly spread over the window before the present one.
    package func value(at now: ContinuousClock.Instant) -> Double {
        var copy = self
        copy.turn(at: now)
        guard let begin = copy.begin else { return 0 }
        let rest = max(0, 1 - (now - begin) / window)
        return Double(copy.current) + Double(copy.previous) * rest
    }

    private mutating func turn(at now: ContinuousClock.Instant) {
        guard let begin else {
            begin = now
            return
        }
        let age = now - begin
        guard age >= window else { return }
        previous = age < window * 2 ? current : 0
        current = 0
        self.begin = age < window * 2 ? begin + window : now
    }
}
