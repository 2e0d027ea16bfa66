package import Conditions
package import EventModel

/// A part of a source's log that is read once more, to one of its connections.
///
/// It is a consumer like a connection, with lanes, positions and exact counts of its own, and goes through whatever
/// transformations and connector the connection has now.
package struct Replay: Equatable, Sendable {
    /// What it reads.
    package enum Kind: String, Sendable {
        /// A range of the log.
        case log
        /// Dead letters that were put into it.
        case letters
    }

    /// Whether it goes on, and if not, why.
    package enum State: String, Sendable, CaseIterable {
        case running
        /// It stands still until a person lets it go on.
        case paused
        /// A person ended it.
        case stopped
        /// Everything that it was to read came to its end.
        case done
        /// It could not go on; the reason says why.
        case failed

        /// Whether it may still read.
        package var isOpen: Bool { self == .running || self == .paused }
    }

    /// Its reading of one partition.
    package struct Range: Equatable, Sendable {
        package let partition: PartitionID
        package let start: Int64
        /// The first offset that it does not read.
        package let end: Int64

        package init(partition: PartitionID, start: Int64, end: Int64) {
            self.partition = partition
            self.start = start
            self.end = end
        }
    }

    package let id: ConsumerID
    package let connection: ConsumerID
    package let source: SourceID
    package let kind: Kind
    /// What was accepted from here to `until` is read.
    /// - Unit: microseconds since 1970, by PostgreSQL's clock, as all times here.
    package let from: Int64
    package let until: Int64
    package let filter: ReplayFilter
    /// - Unit: events a second, over all nodes.
    package let rate: Int
    package let state: State
    /// Why it is in this state, where that is not a matter of course; empty otherwise.
    package let reason: String
    package let who: String
    package let createdAt: Int64
    /// When its lanes were ended; until then what they have counted is in the log.
    package let endedAt: Int64?
    package let ranges: [Range]
    /// Of a requeue: how many events its dead letters are of.
    ///
    /// What lies between them counts as filtered.
    package let letters: Int64?
    /// What its lanes had counted when they were ended.
    package let counts: Counts?
    /// Events that left the log before it had read them, likewise.
    package let expired: Int64

    /// How many events it reads.
    package var events: Int64 { letters ?? ranges.reduce(0) { $0 + $1.end - $1.start } }

    package static let rateRange = 1...1_000_000
    /// What a replay gets that does not say.
    package static let standardRate = 500
    /// The most replays that may be under way at a time.
    package static let maximumOpen = 16
    /// How long the log is kept for a replay from its beginning on, if there is room; what leaves the log afterwards and
    /// was not read counts as expired.
    package static let holdTime = Duration.seconds(7 * 86_400)
}

/// Which events of a range a replay sends; what is empty asks for nothing.
package struct ReplayFilter: Equatable, Sendable {
    /// Names of track events.
    package var events: [String]
    package var types: [EventType]
    /// The user id of one user, or the anonymous id of one who has none.
    package var user: String?
    /// Asked of the event as it was accepted.
    package var condition: Condition?

    package init(
        events: [String] = [],
        types: [EventType] = [],
        user: String? = nil,
        condition: Condition? = nil
    ) {
        self.events = events
        self.types = types
        self.user = user
        self.condition = condition
    }

    /// The most names that one filter may have.
    package static let maximumNames = 100
    /// The longest name or user id, in bytes.
    package static let maximumBytes = 1024
}

/// What a person wants replayed.
package struct ReplayWish: Equatable, Sendable {
    package var connection: ConsumerID
    package var kind: Replay.Kind
    /// - Unit: microseconds since 1970, as the next.
    package var from: Int64
    package var until: Int64
    package var filter: ReplayFilter
    package var rate: Int

    package init(
        connection: ConsumerID,
        kind: Replay.Kind = .log,
        from: Int64,
        until: Int64,
        filter: ReplayFilter = ReplayFilter(),
        rate: Int = Replay.standardRate
    ) {
        self.connection = connection
        self.kind = kind
        self.from = from
        self.until = until
        self.filter = filter
        self.rate = rate
    }
}

/// Which dead letters of a connection, and of the replays to it, are taken up again; what is nil asks for nothing.
package struct LetterSelection: Equatable, Sendable {
    package var connection: ConsumerID
    /// `read`, `transform`, `connect` or `deliver`.
    package var stage: String?
    package var code: String?
    /// A plugin's id, or id@version.
    package var plugin: String?
    /// The hash of the key that events of one user share.
    package var userHash: UInt64?
    /// Only those that this replay made.
    package var replay: ConsumerID?
    /// Only these.
    package var letters: [DeadLetterID]?
    /// When they died.
    /// - Unit: microseconds since 1970, as the next.
    package var since: Int64?
    package var before: Int64?
    /// Also those that were taken up before.
    package var again = false

    package init(connection: ConsumerID, stage: String? = nil, code: String? = nil) {
        self.connection = connection
        self.stage = stage
        self.code = code
    }

    package static let stages = ["read", "transform", "connect", "deliver"]
    /// The most dead letters that are named one by one.
    package static let mostLetters = 1000
}

/// How many dead letters a requeue would take up.
package struct LetterCount: Equatable, Sendable {
    package var letters: Int64 = 0
    /// Of how many events.
    package var events: Int64 = 0

    package init() {}
}
