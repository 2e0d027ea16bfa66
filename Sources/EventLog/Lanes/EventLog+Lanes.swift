package import EventModel
import PostgreSQL

/// What a node must know to go on with a lane.
package struct LaneState: Equatable, Sendable {
    /// Nil for a lane whose consumer was removed.
    package var record: LaneRecord?
    package var parked: [ParkedRecord] = []

    package init(record: LaneRecord? = nil, parked: [ParkedRecord] = []) {
        self.record = record
        self.parked = parked
    }
}

extension EventLog {
    private static let latest = Statement(
        "lanes_latest",
        """
        SELECT partition_id, consumer_id, commit_number, start_offset, next_offset, slice_time, settled, expired, read,
            duplicates, filtered, dropped, failed, transformed, emitted, delivered, dead_lettered, waiting
        FROM leat.latest($1, $2)
        """
    )
    private static let parked = Statement(
        "lanes_parked",
        """
        SELECT partition_id, consumer_id, event_offset, part, user_hash, slice_time, received_at, attempts, since,
            next_attempt_at, payload, code
        FROM leat.parked WHERE partition_id = $1 ORDER BY consumer_id, event_offset, part
        """
    )

    /// The last committed state of these consumers' lanes of a partition; call it after the lease was taken.
    package func lanes(
        _ partition: PartitionID,
        _ consumers: [ConsumerID]
    ) async throws(EventLogError) -> [ConsumerID: LaneState] {
        var states: [ConsumerID: LaneState] = [:]
        for consumer in consumers { states[consumer] = LaneState() }
        let lanes = consumers.map { LaneID(partition: partition, consumer: $0) }
        for record in try await records(lanes) { states[record.lane.consumer]?.record = record }
        let parked = try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(Self.parked, [.int8(partition.rawValue)])
            var records: [ParkedRecord] = []
            for row in rows { records.append(try parkedRecord(row)) }
            return records
        }
        for record in parked { states[record.lane.consumer]?.parked.append(record) }
        return states
    }

    /// The last committed progress of lanes; those whose consumer was removed are left out.
    package func records(_ lanes: [LaneID]) async throws(EventLogError) -> [LaneRecord] {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(
                Self.latest,
                [.int8Array(lanes.map(\.partition.rawValue)), .int8Array(lanes.map(\.consumer.rawValue))]
            )
            var records: [LaneRecord] = []
            for row in rows { records.append(try Self.laneRecord(row)) }
            return records
        }
    }

    private static func laneRecord(_ row: Row) throws(PostgreSQLError) -> LaneRecord {
        var counts = Counts()
        counts.read = try row.int8(8)
        counts.duplicates = try row.int8(9)
        counts.filtered = try row.int8(10)
        counts.dropped = try row.int8(11)
        counts.failed = try row.int8(12)
        counts.transformed = try row.int8(13)
        counts.emitted = try row.int8(14)
        counts.delivered = try row.int8(15)
        counts.deadLettered = try row.int8(16)
        counts.waiting = try row.int8(17)
        return LaneRecord(
            lane: try lane(row),
            number: try row.int8(2),
            start: try row.int8(3),
            position: LogPosition(offset: try row.int8(4), sliceTime: try row.timestamp(5)),
            beyond: try row.bytes(6),
            expired: try row.int8(7),
            counts: counts
        )
    }

    private func parkedRecord(_ row: Row) throws(PostgreSQLError) -> ParkedRecord {
        let part = try row.int(3)
        return ParkedRecord(
            lane: try Self.lane(row),
            offset: try row.int8(2),
            part: part < 0 ? nil : part,
            userHash: UInt64(bitPattern: try row.int8(4)),
            sliceTime: try row.timestamp(5),
            receivedAt: try row.timestamp(6),
            attempts: try row.int(7),
            since: clock.own(try row.timestamp(8)),
            dueAt: try row.timestampOrNull(9).map(clock.own),
            payload: try row.bytesOrNull(10),
            code: try row.text(11)
        )
    }

    static func lane(_ row: Row) throws(PostgreSQLError) -> LaneID {
        LaneID(
            partition: PartitionID(rawValue: try row.int8(0)),
            consumer: ConsumerID(rawValue: try row.int8(1))
        )
    }
}
