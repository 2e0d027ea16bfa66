package import EventModel
import PostgreSQL

extension EventLog {
    static let ends = Statement(
        "partition_ends",
        "SELECT u, t.next_offset FROM unnest($1::bigint[]) AS u, leat.tail(u) AS t"
    )
    private static let deadLetters = Statement(
        "dead_letters",
        """
        SELECT partition_id, consumer_id, event_offset, part, user_hash, slice_time, stage, code, reason, plugin,
            attempts, payload_before, payload_after, history, died_at
        FROM leat.dead_letter WHERE consumer_id = $1 AND died_at < $2
        ORDER BY died_at DESC, partition_id, event_offset, part LIMIT $3
        """,
        timeout: .seconds(10)
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

    /// Dead letters of a consumer, latest first, those that died before `before`.
    package func deadLetters(
        of consumer: ConsumerID,
        before: Int64 = .max,
        limit: Int = 100
    ) async throws(EventLogError) -> [DeadLetter] {
        try await translated { () async throws(PostgreSQLError) in
            // The far end of PostgreSQL's own range, for "whenever".
            let before = min(before, 9_000_000_000_000_000)
            let rows = try await pool.query(
                Self.deadLetters,
                [.int8(consumer.rawValue), .timestamp(before), .int8(Int64(limit))]
            )
            var letters: [DeadLetter] = []
            for row in rows { letters.append(try Self.deadLetter(row)) }
            return letters
        }
    }

    private static func deadLetter(_ row: Row) throws(PostgreSQLError) -> DeadLetter {
        let part = try row.int(3)
        var letter = DeadLetter(
            lane: try lane(row),
            offset: try row.int8(2),
            part: part < 0 ? nil : part,
            userHash: UInt64(bitPattern: try row.int8(4)),
            sliceTime: try row.timestamp(5),
            stage: try row.text(6),
            code: try row.text(7),
            reason: try row.text(8),
            plugin: try row.textOrNull(9),
            attempts: try row.int(10),
            before: try row.bytesOrNull(11),
            after: try row.bytesOrNull(12),
            history: try row.textOrNull(13)
        )
        letter.diedAt = try row.timestamp(14)
        return letter
    }
}
