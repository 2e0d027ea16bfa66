import EventModel

/// How long a plugin that fails as a whole is left alone: doubling, with jitter.
///
/// A value: it knows no clock and no dice.
///
/// Only failures that count come here: failed creations and searches that found too many culprits. An event that ends
/// its worker is that event's failure and costs no time.
struct Backoff: Equatable {
    static let first = Duration.milliseconds(100)
    static let longest = Duration.seconds(30)
    /// Good batches after which the plugin counts as healthy again.
    static let healthyBatches = 1_000

    private(set) var failures = 0
    private var good = 0
    /// Until when nothing is tried, on the monotonic clock in nanoseconds.
    private(set) var until: Int64 = 0

    /// Counts a failure; `dice` is evenly spread from 0 up to 1.
    ///
    /// - Returns: How long to wait.
    mutating func failed(now: Int64, dice: Double) -> Duration {
        let longest = min(Self.first * (1 << min(failures, 20)), Self.longest)
        // Not less than a tenth, so that a row of lucky throws is no busy loop.
        let delay = longest * max(0.1, dice)
        failures += 1
        good = 0
        until = now + delay.nanoseconds
        return delay
    }

    mutating func succeeded() {
        guard failures > 0 else { return }
        good += 1
        if good >= Self.healthyBatches { self = Backoff() }
    }

    /// How long to wait still, or nil.
    func remaining(now: Int64) -> Duration? { now < until ? .nanoseconds(until - now) : nil }
}
