package import EventModel

/// How the log stood when it was last looked after.
package struct RetentionStanding: Equatable, Sendable {
    /// The log on disk, and the bound; 0 for none.
    package var bytes: Int64 = 0
    package var bound: Int64 = 0
    /// Slices of the log that are attached.
    package var slices = 0
    /// Slices that stay beyond their time because somebody has not read them.
    package var heldSlices = 0
    /// Slices of any table that were to go, and that somebody who uses them does not let go yet.
    package var stuckSlices = 0
    package var lags: [Lag] = []
    /// Sources whose senders must wait until a connection has read more.
    package var pushedBack: Set<SourceID> = []

    package init() {}

    /// How far one connection is behind.
    package struct Lag: Equatable, Sendable {
        package let name: String
        package let unread: Int64
        /// Of the oldest event that it has not read.
        package let age: Duration
        /// How much of what the log keeps it has used up: its age against the retention, or the bytes from its place on
        /// against the bound, whichever is more.
        ///
        /// Beyond 1 slices are held for it, or events expire.
        package let share: Double
    }

    /// The share that a consumer has used up.
    static func share(
        _ lag: ConsumerLag,
        _ slices: [Retention.Held],
        _ settings: EventLogSettings,
        at now: Int64
    ) -> Double {
        guard let oldest = lag.oldest else { return 0 }
        let ofTime = lag.age(at: now) / settings.retention
        guard settings.logBytes > 0, lag.age(at: now) >= settings.pushBackPatience else { return ofTime }
        let unread = slices.reduce(Int64(0)) { $0 + ($1.slice.upper * 1_000_000 > oldest ? $1.bytes : 0) }
        return max(ofTime, Double(unread) / Double(settings.logBytes))
    }
}
