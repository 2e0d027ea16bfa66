package import EventModel

/// One consumer's reading of one partition: the unit of order.
package struct LaneID: Hashable, Sendable {
    package let partition: PartitionID
    package let consumer: ConsumerID

    package init(partition: PartitionID, consumer: ConsumerID) {
        self.partition = partition
        self.consumer = consumer
    }
}

/// The progress of one lane as committed.
package struct LaneRecord: Equatable, Sendable {
    package var lane: LaneID
    /// Counts the commits of the lane, so that one that is sent again is known; 0 where the lane has only begun.
    package var number: Int64
    /// Where the lane began; constant.
    package var start: Int64
    /// Everything below its offset is settled.
    package var position: LogPosition
    /// Settled events beyond the position.
    /// - Shape: bit `i`, counted from the lowest of the first byte, stands for offset `position + i`.
    package var beyond: [UInt8]
    /// Events that left the log before the lane read them.
    package var expired: Int64
    package var counts: Counts
    /// Of what was filtered and dropped.
    package var reasons: ReasonCounts

    package init(
        lane: LaneID,
        number: Int64 = 1,
        start: Int64 = 0,
        position: LogPosition = .beginning,
        beyond: [UInt8] = [],
        expired: Int64 = 0,
        counts: Counts = Counts(),
        reasons: ReasonCounts = ReasonCounts()
    ) {
        self.lane = lane
        self.number = number
        self.start = start
        self.position = position
        self.beyond = beyond
        self.expired = expired
        self.counts = counts
        self.reasons = reasons
    }
}

/// An event, or a part of one, that waits while others go on.
package struct ParkedRecord: Equatable, Sendable {
    package var lane: LaneID
    package var offset: Int64
    /// Nil for a whole event, which is read from the log again.
    package var part: Int?
    package var userHash: UInt64
    /// The time of the event's chunk, which keeps that slice from being dropped; 0 if not known.
    package var sliceTime: Int64
    package var receivedAt: Int64
    package var attempts: Int
    /// When the first try was, as if it had waited for nothing but its own delays since; by this node's clock, while
    /// PostgreSQL keeps it, and the next, by its own.
    package var since: Int64
    /// Nil for one that waits behind an earlier event of its user.
    package var dueAt: Int64?
    package var payload: [UInt8]?
    package var code: String
    /// Answers 429 while others were served.
    package var ownThrottles: Int
    /// The event as it was accepted, kept for a dead letter and never read back.
    ///
    /// - Shape: empty where the payload is that; nil where the row has it already, or it is not kept.
    package var before: [UInt8]?
    /// The tries since it was parked last, kept likewise behind those that the row has.
    ///
    /// - Shape: one JSON text a line.
    package var history: String?

    package init(
        lane: LaneID,
        offset: Int64,
        part: Int?,
        userHash: UInt64,
        sliceTime: Int64,
        receivedAt: Int64,
        attempts: Int,
        since: Int64,
        dueAt: Int64?,
        payload: [UInt8]?,
        code: String,
        ownThrottles: Int = 0,
        before: [UInt8]? = nil,
        history: String? = nil
    ) {
        self.lane = lane
        self.offset = offset
        self.part = part
        self.userHash = userHash
        self.sliceTime = sliceTime
        self.receivedAt = receivedAt
        self.attempts = attempts
        self.since = since
        self.dueAt = dueAt
        self.payload = payload
        self.code = code
        self.ownThrottles = ownThrottles
        self.before = before
        self.history = history
    }
}

/// Names a parked record.
package struct ParkedID: Hashable, Sendable {
    package let lane: LaneID
    package let offset: Int64
    package let part: Int?

    package init(lane: LaneID, offset: Int64, part: Int?) {
        self.lane = lane
        self.offset = offset
        self.part = part
    }
}

/// An event, or a part of one, that is not tried again without a person.
package struct DeadLetter: Equatable, Sendable {
    package var lane: LaneID
    package var offset: Int64
    /// Nil when the event failed before it had parts.
    package var part: Int?
    package var userHash: UInt64
    package var sliceTime: Int64
    /// `read`, `transform`, `connect` or `deliver`.
    package var stage: String
    package var code: String
    package var reason: String
    /// The plugin version in force, as `id@version`.
    package var plugin: String?
    package var attempts: Int
    /// The event as accepted; nil where the parked record has it that is removed with this, or it is not kept.
    package var before: [UInt8]?
    /// The part as it was when it failed; nil when that is the event itself.
    package var after: [UInt8]?
    /// The latest tries with what was answered, without those that such a parked record has.
    /// - Shape: one JSON text a line.
    package var history: String?

    package init(
        lane: LaneID,
        offset: Int64,
        part: Int?,
        userHash: UInt64,
        sliceTime: Int64,
        stage: String,
        code: String,
        reason: String,
        plugin: String?,
        attempts: Int,
        before: [UInt8]?,
        after: [UInt8]?,
        history: String?
    ) {
        self.lane = lane
        self.offset = offset
        self.part = part
        self.userHash = userHash
        self.sliceTime = sliceTime
        self.stage = stage
        self.code = code
        self.reason = reason
        self.plugin = plugin
        self.attempts = attempts
        self.before = before
        self.after = after
        self.history = history
    }
}
