/// One event of the log as a lane receives it.
package struct LaneEvent: Sendable {
    package var offset: Int64
    /// The time of the chunk that holds it, which with the offset is its place in the log.
    /// - Unit: microseconds since 1970.
    package var sliceTime: Int64
    /// The hash of the key that events of one user share.
    package var userHash: UInt64
    /// - Unit: microseconds since 1970.
    package var receivedAt: Int64
    /// The event as it was accepted.
    package var json: ArraySlice<UInt8>
    package var choice: Choice

    /// What was decided of it before anybody parsed it.
    package enum Choice: Sendable {
        case wanted
        /// It repeats a message id inside the window.
        case duplicate
        /// The connection does not want it.
        case filtered
        /// Its body cannot be read, for this reason.
        case damaged(String)
    }

    package init(
        offset: Int64,
        sliceTime: Int64,
        userHash: UInt64,
        receivedAt: Int64,
        json: ArraySlice<UInt8>,
        choice: Choice = .wanted
    ) {
        self.offset = offset
        self.sliceTime = sliceTime
        self.userHash = userHash
        self.receivedAt = receivedAt
        self.json = json
        self.choice = choice
    }
}

/// What came of reading single events again; what is in neither has left the log.
package struct RereadEvents: Sendable {
    package var events: [LaneEvent] = []
    /// Why events cannot be read, by their offsets.
    package var damage: [Int64: String] = [:]

    package init(_ events: [LaneEvent] = []) { self.events = events }
}

/// One point in time on both clocks: the one that never jumps, and the one that outlives the process.
package struct Moment: Sendable {
    package var instant: ContinuousClock.Instant
    /// - Unit: microseconds since 1970.
    package var wall: Int64

    package init(instant: ContinuousClock.Instant, wall: Int64) {
        self.instant = instant
        self.wall = wall
    }
}

/// Which plugin version stood at a stage.
package struct PluginLabel: Hashable, Sendable {
    package var id: String
    package var version: String

    package init(id: String, version: String) {
        self.id = id
        self.version = version
    }
}
