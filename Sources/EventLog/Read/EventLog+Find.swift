package import EventModel
import PostgreSQL

extension EventLog {
    /// The newest chunk that begins at or below the offset; from the end backwards, since such events are recent.
    private static let find = Statement(
        "find",
        """
        SELECT first_offset, slice_time, event_count, payload FROM leat.chunk
        WHERE partition_id = $1 AND slice_time >= $2 AND first_offset <= $3 AND event_count > 0
        ORDER BY slice_time DESC LIMIT 1
        """
    )

    /// The chunk that holds one event; nil when it has left the log.
    ///
    /// `time` is one at or before the chunk's, if one is known, so that older slices are left alone.
    package func chunk(
        of partition: PartitionID,
        holding offset: Int64,
        notBefore time: Int64 = 0
    ) async throws(EventLogError) -> Chunk? {
        let found = try await translated { () async throws(PostgreSQLError) -> (Int64, Int64, Int, [UInt8])? in
            let rows = try await pool.query(Self.find, [.int8(partition.rawValue), .timestamp(time), .int8(offset)])
            guard let row = rows.first else { return nil }
            return (try row.int8(0), try row.timestamp(1), try row.int(2), try row.bytes(3))
        }
        guard let (first, time, count, payload) = found, offset < first + Int64(count) else { return nil }
        return try Chunk(partition: partition, firstOffset: first, sliceTime: time, count: count, payload: payload)
    }
}
