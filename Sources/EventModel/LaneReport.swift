/// How one lane stands, as of its last commit.
package struct LaneReport: Equatable, Sendable {
    package var source: SourceID
    package var connection: ConsumerID
    package var partition: PartitionID
    /// Where the lane began, what it reads next, and where the partition ends; nil for a lane that has no checkpoint.
    package var start: Int64?
    package var position: Int64?
    package var end: Int64
    /// Events beyond the position that are settled already.
    package var settledBeyond: Int64
    /// Events accepted and neither read nor expired, parked ones included.
    package var unread: Int64
    /// Bytes of the bodies from the position on.
    package var bytes: Int64
    /// Whether `bytes` is worked out from the first of very many chunks.
    package var bytesAreEstimate: Bool
    /// How long ago the oldest event from the position on was accepted.
    /// - Unit: seconds.
    package var age: Double?
    /// How long the time is between the oldest and the newest of them.
    /// - Unit: seconds.
    package var lag: Double?
    /// Whole events, and parts of events, that wait while others go on.
    package var parkedEvents: Int64
    package var parkedParts: Int64
    /// How long the first of them has waited.
    /// - Unit: seconds.
    package var parkedAge: Double?
    /// One of `LaneState`'s words.
    package var state: String
    /// Who runs the partition's lanes, and the number of that right.
    package var holder: String?
    package var epoch: Int64?
    /// How long ago the lane's last checkpoint was written.
    /// - Unit: seconds.
    package var committedAge: Double?

    package init(
        source: SourceID,
        connection: ConsumerID,
        partition: PartitionID,
        start: Int64? = 0,
        position: Int64? = 0,
        end: Int64 = 0,
        settledBeyond: Int64 = 0,
        unread: Int64 = 0,
        bytes: Int64 = 0,
        bytesAreEstimate: Bool = false,
        age: Double? = nil,
        lag: Double? = nil,
        parkedEvents: Int64 = 0,
        parkedParts: Int64 = 0,
        parkedAge: Double? = nil,
        state: String = "idle",
        holder: String? = nil,
        epoch: Int64? = nil,
        committedAge: Double? = nil
    ) {
        self.source = source
        self.connection = connection
        self.partition = partition
        self.start = start
        self.position = position
        self.end = end
        self.settledBeyond = settledBeyond
        self.unread = unread
        self.bytes = bytes
        self.bytesAreEstimate = bytesAreEstimate
        self.age = age
        self.lag = lag
        self.parkedEvents = parkedEvents
        self.parkedParts = parkedParts
        self.parkedAge = parkedAge
        self.state = state
        self.holder = holder
        self.epoch = epoch
        self.committedAge = committedAge
    }
}

/// Which lanes are asked for; everything that is nil is left open.
package struct LaneFilter: Equatable, Sendable {
    package var source: SourceID?
    package var connection: ConsumerID?
    package var partition: PartitionID?
    /// Only lanes with something unread or parked.
    package var isBehind = false

    package init() {}
}

/// What the log keeps of one partition.
package struct PartitionReport: Equatable, Sendable {
    package let partition: PartitionID
    /// The oldest offset that is kept; the end where nothing is.
    package let first: Int64
    package let end: Int64

    package init(partition: PartitionID, first: Int64, end: Int64) {
        self.partition = partition
        self.first = first
        self.end = end
    }
}

/// One event of the log as people ask for it.
package struct LoggedEvent: Equatable, Sendable {
    package let offset: Int64
    /// How many events the entry stands for: more than one where a whole chunk cannot be read.
    package let count: Int64
    /// - Unit: microseconds since 1970.
    package let acceptedAt: Int64
    package let receivedAt: Int64
    package let type: String
    /// The JSON text; nil where it is damaged.
    package let body: [UInt8]?

    package init(offset: Int64, count: Int64 = 1, acceptedAt: Int64, receivedAt: Int64, type: String, body: [UInt8]?) {
        self.offset = offset
        self.count = count
        self.acceptedAt = acceptedAt
        self.receivedAt = receivedAt
        self.type = type
        self.body = body
    }
}
