/// When to try again, and when to stop.
///
/// Delays double from `first` to `cap` with full jitter, so that events which failed together do not come back
/// together. What the destination asks for is never undercut.
package struct RetrySchedule: Equatable, Sendable {
    /// The upper bound of the first delay.
    package var first: Duration
    /// The upper bound of every delay that the destination did not ask for.
    package var cap: Duration
    /// Tries in memory before an event that fails while others succeed is parked.
    package var shortTries: Int
    /// A longer delay than this is not waited for in memory while the destination serves others.
    package var longestShortDelay: Duration
    /// Tries that fail while others succeed before an event becomes a dead letter.
    package var maximumAttempts: Int
    /// How long an event that fails while others succeed waits out its delays, however few tries that were.
    package var maximumAge: Duration
    /// Answers 429 to one event while others are served before it becomes a dead letter; they count as no tries.
    package var maximumThrottles: Int
    /// How long an event waits that is answered 429 while others are served, however few answers that were.
    package var maximumThrottledAge: Duration
    /// How long nobody may have been served, beside answers 401 and 403, before the destination is to be paused.
    package var unauthorizedPatience: Duration

    package init(
        first: Duration = .seconds(1),
        cap: Duration = .seconds(300),
        shortTries: Int = 4,
        longestShortDelay: Duration = .seconds(30),
        maximumAttempts: Int = 21,
        maximumAge: Duration = .seconds(72 * 60 * 60),
        maximumThrottles: Int = 200,
        maximumThrottledAge: Duration = .seconds(24 * 60 * 60),
        unauthorizedPatience: Duration = .seconds(120)
    ) {
        self.first = first
        self.cap = cap
        self.shortTries = shortTries
        self.longestShortDelay = longestShortDelay
        self.maximumAttempts = maximumAttempts
        self.maximumAge = maximumAge
        self.maximumThrottles = maximumThrottles
        self.maximumThrottledAge = maximumThrottledAge
        self.unauthorizedPatience = unauthorizedPatience
    }

    /// The time from a failed attempt, counted from 1, to the next.
    ///
    /// `random` is a number from 0 up to 1; `retryAfter` is what the destination asked for.
    package func delay(after attempt: Int, retryAfter: Duration?, random: Double) -> Duration {
        var bound = first
        for _ in 1..<max(1, min(attempt, 64)) where bound < cap { bound *= 2 }
        let jittered = min(bound, cap) * random
        guard let retryAfter else { return max(jittered, first / 10) }
        // Everybody was told the same time, so jitter comes on top of it.
        return retryAfter + min(first, retryAfter / 4) * random
    }

    /// Whether an event that fails while others succeed has had its share.
    package func isExhausted(attempts: Int, age: Duration) -> Bool {
        attempts >= maximumAttempts || (age >= maximumAge && attempts >= min(3, maximumAttempts))
    }

    /// The time to the next try of an event that is answered 429 while others are served.
    ///
    /// What it has waited for already bounds it too, so that the delays go on growing when the event was parked meanwhile.
    package func delay(afterThrottles count: Int, waited: Duration, retryAfter: Duration?, random: Double) -> Duration {
        let delay = delay(after: count, retryAfter: retryAfter, random: random)
        return retryAfter == nil ? max(delay, min(waited, cap) * random) : delay
    }

    /// Whether an event that is answered 429 while others are served has had its share.
    package func isThrottledOut(throttles: Int, waited: Duration) -> Bool {
        throttles >= maximumThrottles || (waited >= maximumThrottledAge && throttles >= 1)
    }
}
