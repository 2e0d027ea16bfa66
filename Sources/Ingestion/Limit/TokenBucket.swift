/// A rate that holds on average: it fills by the second, and whoever comes while anything is left may take what they
/// need, even more than that; those who come after them wait until the debt is paid.
///
/// So a request that is larger than a second's worth is not refused for ever.
struct TokenBucket: Equatable {
    /// What one second brings, and the most that is kept.
    private(set) var rate: Double
    /// Below zero while there is debt.
    private(set) var level: Double
    private var at: ContinuousClock.Instant

    init(rate: Double, at now: ContinuousClock.Instant) {
        self.rate = rate
        level = rate
        at = now
    }

    /// Goes on with another rate, with what is left.
    mutating func set(rate: Double, at now: ContinuousClock.Instant) {
        refill(now)
        self.rate = rate
        level = min(level, rate)
    }

    mutating func refill(_ now: ContinuousClock.Instant) {
        guard now > at else { return }
        level = min(rate, level + rate * ((now - at) / .seconds(1)))
        at = now
    }

    var isOpen: Bool { level > 0 }

    mutating func take(_ count: Int) { level -= Double(count) }

    /// Until something is left.
    /// - Unit: whole seconds, at least 1.
    var secondsUntilOpen: Int { max(1, Int((-level / rate).rounded(.up))) }

    /// Until it is full.
    /// - Unit: whole seconds.
    var secondsUntilFull: Int { max(0, Int(((rate - level) / rate).rounded(.up))) }
}
