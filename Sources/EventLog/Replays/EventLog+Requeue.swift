package import EventModel
import PostgreSQL

/// One event whose dead letters are taken up again, all of one requeue together.
package struct RequeuedEvent: Equatable, Sendable {
    package let offset: Int64
    package let sliceTime: Int64
    package let userHash: UInt64
    /// The parts that are sent again; nil for all of them.
    package var parts: Set<Int>?
    /// What a person made of it, or else as it was accepted; nil where neither is kept any more.
    package var body: [UInt8]?
}

extension EventLog {
    private static let letters = Statement(
        "replay_letters",
        """
        SELECT event_offset, part, user_hash, slice_time, coalesce(edited_payload, payload_before)
        FROM leat.dead_letter WHERE partition_id = $1 AND requeued_by = $2 AND event_offset >= $3
        ORDER BY event_offset, edited_payload IS NULL, edited_at DESC, part LIMIT $4
        """
    )
    /// The most dead letters that one event can have in one place.
    private static let lettersOfOne = 1_001

    /// The events of a requeue in one partition, from an offset on and in their order, about `room` of them.
    package func requeued(
        _ partition: PartitionID,
        by replay: ConsumerID,
        from offset: Int64,
        room: Int
    ) async throws(EventLogError) -> [RequeuedEvent] {
        let limit = room + Self.lettersOfOne
        let (found, isCut) = try await translated { () async throws(PostgreSQLError) in
            var events: [RequeuedEvent] = []
            let rows = try await pool.query(
                Self.letters,
                [.int8(partition.rawValue), .int8(replay.rawValue), .int8(offset), .int8(Int64(limit))]
            )
            for row in rows {
                let (offset, part, body) = (try row.int8(0), try row.int(1), try row.bytesOrNull(4))
                if events.last?.offset != offset {
                    events.append(
                        RequeuedEvent(
                            offset: offset,
                            sliceTime: try row.timestamp(3),
                            userHash: UInt64(bitPattern: try row.int8(2)),
                            parts: [],
                            body: body
                        )
                    )
                }
                if events[events.count - 1].body == nil { events[events.count - 1].body = body }
                if part < 0 { events[events.count - 1].parts = nil }
                events[events.count - 1].parts?.insert(part)
            }
            return (events, rows.count == limit)
        }
        // Of the last one there may be more.
        var events = isCut && found.count > 1 ? Array(found.dropLast()) : found
        for index in events.indices where events[index].body == nil {
            let position = LogPosition(offset: events[index].offset, sliceTime: events[index].sliceTime)
            events[index].body = try await loggedBody(partition, at: position)
        }
        return events
    }

    /// One event as it was accepted; nil where the log does not hold it any more, or cannot be read there.
    func loggedBody(_ partition: PartitionID, at position: LogPosition) async throws(EventLogError) -> [UInt8]? {
        do throws(EventLogError) {
            let chunk = try await readAside(partition, after: position, limit: ReadLimit(chunks: 1)).first
            guard let chunk, chunk.firstOffset <= position.offset, position.offset < chunk.endOffset else { return nil }
            return Array(try chunk.bodies()[Int(position.offset - chunk.firstOffset)])
        } catch .corruptChunk {
            return nil
        }
    }
}
