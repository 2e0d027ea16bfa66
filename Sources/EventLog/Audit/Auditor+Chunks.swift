import EventModel
import PostgreSQL

/// The chunks of one partition: their order by their rows alone, and their payloads as far as they are read.
extension Auditor {
    private static let order = Statement(
        "audit_chunks",
        """
        SELECT count(*), count(fault), array_to_string((array_agg(fault ORDER BY slice_time)
            FILTER (WHERE fault IS NOT NULL))[1:5], chr(10))
        FROM (
            SELECT slice_time, CASE
                WHEN first_offset > expected THEN format('offsets %s to %s are missing', expected, first_offset - 1)
                WHEN first_offset < expected
                    THEN format('the chunk at offset %s begins before %s, where the one before it ends', first_offset, expected)
                WHEN slice_time <= before THEN format('the chunk at offset %s is not later than the one before it', first_offset)
            END AS fault
            FROM (
                SELECT first_offset, slice_time, lag(first_offset + event_count) OVER w AS expected,
                    lag(slice_time) OVER w AS before
                FROM leat.chunk WHERE partition_id = $1 WINDOW w AS (ORDER BY slice_time, first_offset)
            ) AS c
        ) AS c
        """
    )
    /// The numbers of a head are little-endian; its first bytes are LC.
    private static let heads = Statement(
        "audit_heads",
        """
        SELECT count(*), count(fault), array_to_string((array_agg(fault ORDER BY first_offset)
            FILTER (WHERE fault IS NOT NULL))[1:5], chr(10))
        FROM (
            SELECT first_offset, CASE
                WHEN length(head) < 16 OR get_byte(head, 0) <> 76 OR get_byte(head, 1) <> 67
                    THEN format('the chunk at offset %s does not begin like one', first_offset)
                WHEN events <> event_count THEN
                    format('the chunk at offset %s has %s events by its row and %s by its head', first_offset, event_count, events)
                WHEN get_byte(head, 3) <> codec
                    THEN format('the chunk at offset %s has codec %s by its row and %s by its head', first_offset, codec, get_byte(head, 3))
                WHEN bytes <> byte_count THEN
                    format('the chunk at offset %s has %s bytes by its row and %s by its head', first_offset, byte_count, bytes)
                WHEN size <> 32 + 48 * events + stored
                    THEN format('the chunk at offset %s is %s bytes long instead of %s', first_offset, size, 32 + 48 * events + stored)
            END AS fault
            FROM (
                SELECT first_offset, event_count, byte_count, codec, size, head, \(number(4)) AS events, \(number(8)) AS bytes,
                    \(number(12)) AS stored
                FROM (
                    SELECT first_offset, event_count, byte_count, codec, octet_length(payload) AS size,
                        substring(payload FROM 1 FOR 16) AS head
                    FROM leat.chunk WHERE partition_id = $1 AND event_count > 0 ORDER BY slice_time DESC LIMIT $2
                ) AS c
            ) AS c
        ) AS c
        """
    )
    private static let payloads = Statement(
        "audit_payloads",
        """
        SELECT first_offset, slice_time, event_count, byte_count, payload FROM leat.chunk
        WHERE partition_id = $1 AND slice_time > $2 AND event_count > 0 ORDER BY slice_time LIMIT $3
        """
    )
    /// How many of the newest heads are read of a partition that is not read whole.
    private static let headLimit: Int64 = 2000
    /// How many chunks one page of a deep audit has.
    private static let pageChunks: Int64 = 32

    /// SQL for an unsigned number of four bytes in a head; 0 in what is too short for one.
    private static func number(_ place: Int) -> String {
        let bytes = (0..<4).map { "(get_byte(head, \(place + $0))::bigint << \(8 * $0))" }.joined(separator: " | ")
        return "CASE WHEN length(head) = 16 THEN \(bytes) ELSE 0 END"
    }

    mutating func checkChunks(_ partition: PartitionID) async throws(PostgreSQLError) {
        try await take("chunks", try await connection.query(Self.order, [.int8(partition.rawValue)]), partition)
        let limit = isDeep ? Int64.max : Self.headLimit
        let heads = try await connection.query(Self.heads, [.int8(partition.rawValue), .int8(limit)])
        try await take("directories", heads, partition)
    }

    private mutating func take(
        _ check: String,
        _ rows: Rows,
        _ partition: PartitionID
    ) async throws(PostgreSQLError) {
        guard let row = rows.first else { return }
        report.look(check, at: try row.int8(0))
        let faults = try row.int8(1)
        guard faults > 0 else { return }
        let sentences = (try row.textOrNull(2) ?? "").split(separator: "\n").map(String.init)
        for sentence in sentences { report.add(check, "partition \(partition)", sentence) }
        for _ in 0..<max(0, faults - Int64(sentences.count)) {
            report.add(check, "partition \(partition)", "and more of the kind")
        }
    }

    /// Reads every chunk by itself, which needs no snapshot: a chunk never changes.
    mutating func readAll(_ partition: PartitionID) async throws(PostgreSQLError) {
        var time: Int64 = 0
        while true {
            guard ContinuousClock.now < end else { throw .timedOut(query: Self.payloads.name) }
            let rows = try await connection.query(
                Self.payloads,
                [.int8(partition.rawValue), .timestamp(time), .int8(Self.pageChunks)]
            )
            guard !rows.isEmpty else { return }
            for row in rows {
                time = try row.timestamp(1)
                report.look("bodies")
                let (first, count, bytes) = (try row.int8(0), try row.int(2), try row.int(3))
                let payload = try row.bytes(4)
                do throws(EventLogError) {
                    let chunk = try Chunk(
                        partition: partition,
                        firstOffset: first,
                        sliceTime: time,
                        count: count,
                        payload: payload
                    )
                    _ = try chunk.bodies()
                    guard chunk.byteCount == bytes else {
                        throw .corruptChunk(partition: partition, firstOffset: first, fault: .lengths)
                    }
                } catch {
                    report.add("bodies", "partition \(partition)", error.description)
                }
            }
        }
    }
}
