import EventModel
import PostgreSQL

extension EventLog {
    static let ends = Statement(
        "partition_ends",
        "SELECT u, t.next_offset FROM unnest($1::bigint[]) AS u, leat.tail(u) AS t"
    )

    /// How many events each partition has ever accepted; a partition without any is 0.
    func accepted(_ partitions: [PartitionID]) async throws(EventLogError) -> [PartitionID: Int64] {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(Self.ends, [.int8Array(partitions.map(\.rawValue))])
            var ends: [PartitionID: Int64] = [:]
            for partition in partitions { ends[partition] = 0 }
            for row in rows { ends[PartitionID(rawValue: try row.int8(0))] = try row.int8(1) }
            return ends
        }
    }
}
