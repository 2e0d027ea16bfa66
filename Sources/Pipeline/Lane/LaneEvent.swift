package import Conditions
package import EventLog

/// One event of the log as a lane receives it.
package struct LaneEvent: Sendable {
    package var offset: Int64
    /// The time of the chunk that holds it, which with the offset is its place in the log.
    /// - Unit: microseconds since 1970.
    package var sliceTime: Int64
    /// The hash of the key that events of one user share.
    package var userHash: UInt64
    package var message: MessageHash
    /// - Unit: microseconds since 1970.
    package var receivedAt: Int64
    /// The event as it was accepted; empty where nobody has to see it.
    package var json: ArraySlice<UInt8>
    package var choice: Choice
    /// The parts of it that are sent, where not all are.
    package var parts: Set<Int>?

    /// What was decided of it before anybody parsed it.
    package enum Choice: Sendable {
        case wanted
        /// It repeats a message id inside the window.
        case duplicate
        /// The connection does not want it, for this reason.
        case filtered(Exclusion)
        /// Its body cannot be read, for this reason.
        case damaged(String)
        /// Nothing is left of it.
        case gone
    }

    package init(
        offset: Int64,
        sliceTime: Int64,
        userHash: UInt64,
        message: MessageHash = MessageHash(high: 0, low: 0),
        receivedAt: Int64,
        json: ArraySlice<UInt8>,
        choice: Choice = .wanted,
        parts: Set<Int>? = nil
    ) {
        self.parts = parts
        self.offset = offset
        self.sliceTime = sliceTime
        self.userHash = userHash
        self.message = message
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
    /// The SHA-256 of its file, and the hash of what it is configured with; empty where nobody asks.
    package var digest: String
    package var config: String
    /// What must hold for what it is given.
    ///
    /// - Shape: a transformation's condition, and of a connector what its connection wants, as JSON. Empty where it is
    ///   given everything; nil where that is not known.
    package var rule: String?
    /// Whether it is one of the source's transformations.
    package var isOfSource = false

    package init(id: String, version: String, digest: String = "", config: String = "", rule: String? = nil) {
        self.rule = rule
        self.id = id
        self.version = version
        self.digest = digest
        self.config = config
    }
}
