import EventLog
import EventModel

/// Reading the dead letters of a requeue instead of the log.
extension PartitionFeed {
    /// The events whose dead letters a requeue has taken up, from `position` on, at most `room` of them.
    func requeued(
        by replay: ConsumerID,
        after position: LogPosition,
        room: Int,
        _ bound: LaneBound
    ) async throws(EventLogError) -> DecidedChunks {
        var decided = DecidedChunks()
        decided.bound = bound
        decided.isSparse = true
        if let end = bound.end, position.offset >= end {
            decided.isAll = true
            return decided
        }
        let found = try await log.requeued(partition, by: replay, from: position.offset, room: room)
        decided.events = found.prefix(room).map(LaneEvent.init)
        return decided
    }
}

extension LaneEvent {
    init(_ event: RequeuedEvent) {
        self.init(
            offset: event.offset,
            sliceTime: event.sliceTime,
            userHash: event.userHash,
            receivedAt: event.sliceTime,
            json: (event.body ?? [])[...],
            choice: event.body == nil ? .gone : .wanted,
            parts: event.parts
        )
    }
}
