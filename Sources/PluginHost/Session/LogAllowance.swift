/// How many log records of a plugin are passed on: some at once, and a few each second.
///
/// A value: it knows no clock.
struct LogAllowance {
    private var left = Double(LogAllowance.atOnce)
    private var lookedAt: Int64?

    static let atOnce = 200
    static let perSecond = 20

    /// Takes up to `count` records out of the allowance at `now` (nanoseconds).
    ///
    /// - Returns: How many may be passed on.
    mutating func take(_ count: Int, now: Int64) -> Int {
        if let lookedAt {
            let seconds = Double(max(0, now - lookedAt)) / 1e9
            left = min(Double(Self.atOnce), left + seconds * Double(Self.perSecond))
        }
        lookedAt = now
        let taken = min(count, Int(left))
        left -= Double(taken)
        return taken
    }
}
