package import EventModel
import PostgreSQL

extension EventLog {
    private static let since = Statement(
        "position_since",
        """
        SELECT first_offset, slice_time FROM leat.chunk WHERE partition_id = $1 AND slice_time >= $2
        ORDER BY slice_time LIMIT 1
        """
    )

    /// Where a reader begins who wants what was accepted from `time` on, in microseconds since 1970.
    ///
    /// - Throws: `database` (try again).
    package func position(_ partition: PartitionID, since time: Int64) async throws(EventLogError) -> LogPosition {
        // Asked first: what is appended between the two questions must not be left out.
        let end = try await tail(partition)
        return try await translated { () async throws(PostgreSQLError) -> LogPosition in
            let rows = try await pool.query(Self.since, [.int8(partition.rawValue), .timestamp(time)])
            guard let row = rows.first else { return end }
            return LogPosition(offset: try row.int8(0), sliceTime: try row.timestamp(1))
        }
    }
}
