import EventModel
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
            duplicates, filtered, dropped, failed, transformed, emitted, delivered, dead_lettered, waiting,
            reasons::text
        FROM leat.latest($1, $2)
        """
    )
    private static let parked = Statement(
        "lanes_parked",
        """
        SELECT partition_id, consumer_id, event_offset, part, user_hash, slice_time, received_at, attempts, since,
            next_attempt_at, payload, code, own_throttles
        FROM leat.parked WHERE partition_id = $1 ORDER BY consumer_id, event_offset, part
        """
    )
    /// Few partitions have any, and what one has may be large.
    private static let havingParked = Statement("lanes_having_parked", "SELECT u FROM leat.having_parked($1) AS u")

    /// The last committed state of lanes; call it after their leases were taken.
    package func lanes(_ lanes: [LaneID]) async throws(EventLogError) -> [LaneID: LaneState] {
        var states: [LaneID: LaneState] = [:]
        for lane in lanes { states[lane] = LaneState() }
        for record in try await records(lanes) { states[record.lane]?.record = record }
        let partitions = Array(Set(lanes.map(\.partition.rawValue)))
        let having = try await translated { () async throws(PostgreSQLError) in
            var having: [Int64] = []
            let rows = try await pool.query(Self.havingParked, [.int8Array(partitions)])
            for row in rows { having.append(try row.int8(0)) }
            return having
        }
        for partition in having {
            for record in try await parked(partition) { states[record.lane]?.parked.append(record) }
        }
        return states
    }

    private func parked(_ partition: Int64) async throws(EventLogError) -> [ParkedRecord] {
        try await translated { () async throws(PostgreSQLError) in
            var records: [ParkedRecord] = []
            let rows = try await pool.query(Self.parked, [.int8(partition)])
            for row in rows { records.append(try parkedRecord(row)) }
            return records
        }
    }

    /// The last committed progress of lanes; those whose consumer was removed are left out.
    package func records(_ lanes: [LaneID]) async throws(EventLogError) -> [LaneRecord] {
        try await translated { () async throws(PostgreSQLError) in try await Self.records(lanes, pool.query) }
    }

    /// The same, asked of a pool or inside a transaction.
    static func records(
        _ lanes: [LaneID],
        _ query: (Statement, [Parameter]) async throws(PostgreSQLError) -> Rows
    ) async throws(PostgreSQLError) -> [LaneRecord] {
        let rows = try await query(
            latest,
            [.int8Array(lanes.map(\.partition.rawValue)), .int8Array(lanes.map(\.consumer.rawValue))]
        )
        var records: [LaneRecord] = []
        for row in rows { records.append(try laneRecord(row)) }
        return records
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
            counts: counts,
            reasons: ReasonCounts(json: try row.text(18))
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
            code: try row.text(11),
            ownThrottles: try row.int(12)
        )
    }

    static func lane(_ row: Row) throws(PostgreSQLError) -> LaneID {
        LaneID(
            partition: PartitionID(rawValue: try row.int8(0)),
            consumer: ConsumerID(rawValue: try row.int8(1))
        )
    }
}
