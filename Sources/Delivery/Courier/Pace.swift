/// How fast requests may go to one destination: what is configured for it, and what its answers leave of that.
///
/// The configured rates hold for all nodes together, so each uses its share of them. A 429 cuts the rate by half, once for
/// all that were under way then; successes let it grow again, evenly up to where the 429 came and by tenths beyond, until it
/// is well above what there is to send and is forgotten.
package struct Pace: Sendable {
    /// What is configured, for all nodes together.
    package struct Limits: Equatable, Sendable {
        package var requestsPerSecond: Double?
        package var eventsPerSecond: Double?

        package init(requestsPerSecond: Double? = nil, eventsPerSecond: Double? = nil) {
            self.requestsPerSecond = requestsPerSecond
            self.eventsPerSecond = eventsPerSecond
        }
    }

    package private(set) var limits = Limits()
    /// The part of the limits that this node may use.
    package private(set) var share = 1.0
    /// What 429s have left.
    /// - Unit: requests a second.
    package private(set) var adaptive: Double?
    /// Everybody waits until then, because the destination asked for it.
    package private(set) var heldUntil: ContinuousClock.Instant?
    private var requests: TokenBucket?
    private var events: TokenBucket?
    private var meter = SlidingCount(over: .seconds(1))
    /// The rate at which a 429 came last, or that was reached since.
    private var ceiling = 0.0
    private var lastCut: ContinuousClock.Instant?
    private var lastGrowth: ContinuousClock.Instant?
    /// Whether anything succeeded since the last cut.
    private var hasGrown = true

    /// What a 429 leaves of the rate.
    package static let cut = 0.5
    /// What is always left.
    /// - Unit: requests a second.
    package static let slowest = 0.2
    /// How much of the rate at which a 429 came the rate grows by in a second.
    package static let growth = 0.1
    /// The least that it grows by.
    /// - Unit: requests a second, each second.
    package static let leastGrowth = 1.0
    /// Successes that are further apart count as if they were as close as this.
    private static let longestGrowth = Duration.seconds(1)
    /// The rate is forgotten once it is so many times what is sent, and no 429 came for a while.
    package static let headroom = 2.0
    package static let calm = Duration.seconds(10)
    /// The longest time that one answer holds back everybody.
    package static let longestHold = Duration.seconds(300)

    package init() {}

    /// Takes over other limits or another share; what was saved up stays as far as it fits.
    package mutating func set(_ limits: Limits, share: Double, at now: ContinuousClock.Instant) {
        guard limits != self.limits || share != self.share else { return }
        self.limits = limits
        self.share = share
        adjust(at: now)
    }

    /// Forgets what the destination answered.
    package mutating func renew(at now: ContinuousClock.Instant) {
        adaptive = nil
        heldUntil = nil
        lastCut = nil
        adjust(at: now)
    }

    /// What is configured for this node.
    package var requestsPerSecond: Double? { limits.requestsPerSecond.map { $0 * share } }
    package var eventsPerSecond: Double? { limits.eventsPerSecond.map { $0 * share } }

    /// Whether a request may be sent now.
    package func permits(at now: ContinuousClock.Instant) -> Bool {
        if requests == nil, events == nil, heldUntil == nil { return true }
        return !isHeld(at: now) && requests?.permits(at: now) ?? true && events?.permits(at: now) ?? true
    }

    package func isHeld(at now: ContinuousClock.Instant) -> Bool { heldUntil.map { now < $0 } ?? false }

    /// From when on a request may be sent; nil when nothing restrains it, or nothing will ever let it go.
    package var ready: ContinuousClock.Instant? { [heldUntil, requests?.ready, events?.ready].compactMap { $0 }.max() }

    /// Whether nothing goes at all, because this node has no share.
    package var isShut: Bool { requests?.rate == 0 || events?.rate == 0 }

    /// Notes a request that is sent.
    package mutating func take(events count: Int, at now: ContinuousClock.Instant) {
        meter.add(at: now)
        requests?.take(1, at: now)
        events?.take(Double(count), at: now)
    }

    package func requestTokens(at now: ContinuousClock.Instant) -> Double? { requests?.available(at: now) }
    package func eventTokens(at now: ContinuousClock.Instant) -> Double? { events?.available(at: now) }

    // MARK: What the destination answers

    /// Learns of a 429 to a request that was sent at `sent`; says whether the rate was cut for it.
    package mutating func throttled(
        sent: ContinuousClock.Instant,
        retryAfter: Duration?,
        at now: ContinuousClock.Instant
    ) -> Bool {
        if let retryAfter { hold(for: retryAfter, at: now) }
        // Those that were under way when it was cut say nothing of the rate that came of it.
        if let lastCut, sent <= lastCut { return false }
        cut(by: Self.cut, at: now)
        return true
    }

    /// Learns of a 429 that another node was given.
    package mutating func heard(factor: Double, holdFor: Duration?, at now: ContinuousClock.Instant) {
        if let holdFor { hold(for: holdFor, at: now) }
        if let lastCut, now - lastCut < Self.hearing { return }
        cut(by: min(max(factor, Self.cut), 1), at: now)
    }

    /// Of 429s of other nodes within this time only one is heeded.
    private static let hearing = Duration.seconds(1)

    /// Learns of a success.
    package mutating func succeeded(at now: ContinuousClock.Instant) {
        guard let adaptive else { return }
        let span = min(now - (lastGrowth ?? now), Self.longestGrowth) / .seconds(1)
        lastGrowth = now
        hasGrown = true
        ceiling = max(ceiling, adaptive)
        let grown = adaptive + max(Self.leastGrowth, ceiling * Self.growth) * span
        let isFarAbove = grown > meter.value(at: now) * Self.headroom && lastCut.map { now - $0 >= Self.calm } ?? true
        let isAbove = requestsPerSecond.map { grown >= $0 } ?? false
        self.adaptive = isFarAbove || isAbove ? nil : grown
        adjust(at: now)
    }

    private mutating func hold(for time: Duration, at now: ContinuousClock.Instant) {
        let until = now + min(time, Self.longestHold)
        heldUntil = max(heldUntil ?? until, until)
    }

    private mutating func cut(by factor: Double, at now: ContinuousClock.Instant) {
        let sent = max(meter.value(at: now), 1)
        let base = min(adaptive ?? sent, requestsPerSecond ?? sent, sent)
        // While nothing succeeds, each cut says the same: it was too much before the first of them.
        ceiling = hasGrown ? base : max(ceiling, base)
        hasGrown = false
        adaptive = max(base * factor, Self.slowest)
        lastCut = now
        lastGrowth = now
        adjust(at: now)
        requests?.empty(at: now)
    }

    /// Brings the buckets to the rates that are in force.
    private mutating func adjust(at now: ContinuousClock.Instant) {
        let rate = [requestsPerSecond, adaptive].compactMap { $0 }.min()
        Self.set(&requests, to: rate, at: now)
        Self.set(&events, to: eventsPerSecond, at: now)
    }

    private static func set(_ bucket: inout TokenBucket?, to rate: Double?, at now: ContinuousClock.Instant) {
        guard let rate else {
            bucket = nil
            return
        }
        if bucket == nil { bucket = TokenBucket(rate: rate, at: now) } else { bucket?.set(rate: rate, at: now) }
    }
}
