package import EventModel

/// Which plugin versions handle a lane's events.
package struct ChainRecord: Equatable, Sendable {
    package var lane: LaneID
    /// From this offset on; the lowest of `offsets` where there are any.
    package var from: Int64
    /// These events alone; nil for all from there on.
    package var offsets: [Int64]?
    /// The stages in order, as JSON.
    package var stages: String

    package init(lane: LaneID, from: Int64, offsets: [Int64]?, stages: String) {
        self.lane = lane
        self.from = from
        self.offsets = offsets
        self.stages = stages
    }
}

/// What happened to one event on its way to one consumer.
package struct TraceRecord: Equatable, Sendable {
    package var lane: LaneID
    package var offset: Int64
    /// Nil for the whole event.
    package var part: Int?
    package var userHash: UInt64
    package var message: MessageHash
    package var sliceTime: Int64
    package var cause: String
    package var outcome: String
    /// Stages, payloads, requests and answers, as JSON.
    package var record: String
    /// When it was committed, and by which node; set when read.
    package var writtenAt: Int64 = 0
    package var node: NodeID?

    package init(
        lane: LaneID,
        offset: Int64,
        part: Int?,
        userHash: UInt64,
        message: MessageHash,
        sliceTime: Int64,
        cause: String,
        outcome: String,
        record: String
    ) {
        self.lane = lane
        self.offset = offset
        self.part = part
        self.userHash = userHash
        self.message = message
        self.sliceTime = sliceTime
        self.cause = cause
        self.outcome = outcome
        self.record = record
    }
}

/// Where an event with a message id stands in the log, as its chunk's directory says.
package struct FoundEvent: Sendable {
    package let chunk: Chunk
    /// Its place in the chunk.
    package let place: Int

    package init(chunk: Chunk, place: Int) {
        self.chunk = chunk
        self.place = place
    }

    package var offset: Int64 { chunk.firstOffset + Int64(place) }
    package var entry: DirectoryEntry { chunk.entries[place] }
}
