package import EventModel
import PostgreSQL

/// What people ask of the lanes: over all partitions, so bounded by a limit and a time.
extension EventLog {
    /// The longest that a person's question may keep the database busy.
    static let peopleTimeout = Duration.seconds(20)

    private static let lanes = Statement(
        "report_lanes",
        """
        SELECT source_id, consumer_id, partition_id, start_offset, next_offset, end_offset, settled_beyond, unread,
            bytes, is_estimate, extract(epoch FROM age)::float8, extract(epoch FROM lag)::float8, parked_events,
            parked_parts, extract(epoch FROM clock_timestamp() - parked_since)::float8, state, holder, epoch,
            extract(epoch FROM clock_timestamp() - committed_at)::float8
        FROM leat.backlog
        WHERE source_id = coalesce($1, source_id) AND consumer_id = coalesce($2, consumer_id)
            AND partition_id = coalesce($3, partition_id) AND (NOT $4 OR unread > 0 OR parked_parts > 0)
        ORDER BY source, connection, partition_id LIMIT $5
        """,
        timeout: peopleTimeout
    )
    private static let partitions = Statement(
        "report_partitions",
        """
        SELECT p.partition_id, coalesce(f.first_offset, t.next_offset, 0), coalesce(t.next_offset, 0)
        FROM leat.partition p LEFT JOIN LATERAL (
            SELECT c.first_offset + c.event_count AS next_offset FROM leat.chunk c
            WHERE c.partition_id = p.partition_id ORDER BY c.slice_time DESC LIMIT 1
        ) AS t ON true LEFT JOIN LATERAL (
            SELECT c.first_offset FROM leat.chunk c
            WHERE c.partition_id = p.partition_id AND c.event_count > 0 ORDER BY c.slice_time LIMIT 1
        ) AS f ON true
        WHERE p.partition_id >= $1::bigint << 24 AND p.partition_id < ($1::bigint + 1) << 24
        ORDER BY p.partition_id
        """,
        timeout: peopleTimeout
    )

    /// The lanes that the filter takes, by the names of their sources and connections.
    package func laneReports(_ filter: LaneFilter, limit: Int) async throws(EventLogError) -> [LaneReport] {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(
                Self.lanes,
                [
                    filter.source.map { .int8($0.rawValue) } ?? .null,
                    filter.connection.map { .int8($0.rawValue) } ?? .null,
                    filter.partition.map { .int8($0.rawValue) } ?? .null,
                    .bool(filter.isBehind), .int8(Int64(limit)),
                ]
            )
            var reports: [LaneReport] = []
            for row in rows { reports.append(try Self.laneReport(row)) }
            return reports
        }
    }

    /// What the log keeps of a source's partitions, those of earlier generations first.
    package func partitionReports(_ source: SourceID) async throws(EventLogError) -> [PartitionReport] {
        try await translated { () async throws(PostgreSQLError) in
            var reports: [PartitionReport] = []
            for row in try await pool.query(Self.partitions, [.int8(source.rawValue)]) {
                let partition = PartitionID(rawValue: try row.int8(0))
                reports.append(PartitionReport(partition: partition, first: try row.int8(1), end: try row.int8(2)))
            }
            return reports
        }
    }

    private static func laneReport(_ row: Row) throws(PostgreSQLError) -> LaneReport {
        LaneReport(
            source: SourceID(rawValue: try row.int8(0)),
            connection: ConsumerID(rawValue: try row.int8(1)),
            partition: PartitionID(rawValue: try row.int8(2)),
            start: try row.int8OrNull(3),
            position: try row.int8OrNull(4),
            end: try row.int8(5),
            settledBeyond: try row.int8OrNull(6) ?? 0,
            unread: try row.int8OrNull(7) ?? 0,
            bytes: try row.int8(8),
            bytesAreEstimate: try row.bool(9),
            age: try row.float8OrNull(10),
            lag: try row.float8OrNull(11),
            parkedEvents: try row.int8(12),
            parkedParts: try row.int8(13),
            parkedAge: try row.float8OrNull(14),
            state: try row.text(15),
            holder: try row.textOrNull(16),
            epoch: try row.int8OrNull(17),
            committedAge: try row.float8OrNull(18)
        )
    }
}
