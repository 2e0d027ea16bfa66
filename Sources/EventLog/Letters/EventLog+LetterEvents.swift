package import EventModel
import PostgreSQL

/// What became of the events of dead letters, in the log and when they were taken up again; of a page of them at a time.
extension EventLog {
    private static let chunks = Statement(
        "dead_letter_chunks",
        """
        SELECT slice_time FROM leat.chunk
        WHERE partition_id = $1 AND slice_time >= $2 AND slice_time <= $3 AND slice_time = ANY ($4)
        """,
        timeout: peopleTimeout
    )
    private static let again = Statement(
        "dead_letters_again",
        """
        SELECT partition_id, consumer_id, event_offset, part, died_at FROM (
            SELECT partition_id, consumer_id, event_offset, part, died_at,
                row_number() OVER (PARTITION BY event_offset ORDER BY died_at DESC) AS n
            FROM leat.dead_letter
            WHERE partition_id = $1 AND consumer_id = $2 AND died_at >= $3 AND event_offset = ANY ($4)
        ) AS d
        WHERE n <= $5 ORDER BY died_at DESC
        """,
        timeout: peopleTimeout
    )
    /// How many that died again are told of one.
    private static let mostAgain = 10

    /// Which of their events the log still holds, with the bodies of those that were not kept with the dead letters.
    package func loggedEvents(of letters: [DeadLetterRecord]) async throws(EventLogError) -> LoggedEvents {
        var logged = LoggedEvents()
        for (partition, own) in Dictionary(grouping: letters, by: \.report.id.partition) {
            let held = try await heldChunks(partition, own.map(\.acceptedAt))
            for letter in own where held.contains(letter.acceptedAt) {
                let id = letter.report.id
                if letter.event == nil {
                    let position = LogPosition(offset: id.offset, sliceTime: letter.acceptedAt)
                    // What cannot be read is as good as gone.
                    guard let body = try await loggedBody(partition, at: position) else { continue }
                    logged.bodies[id] = body
                }
                logged.held.insert(id)
            }
        }
        return logged
    }

    /// Those of these times that are chunks' of the partition.
    private func heldChunks(_ partition: PartitionID, _ times: [Int64]) async throws(EventLogError) -> Set<Int64> {
        guard let first = times.min(), let last = times.max() else { return [] }
        return try await translated { () async throws(PostgreSQLError) in
            var held: Set<Int64> = []
            let rows = try await pool.query(
                Self.chunks,
                [.int8(partition.rawValue), .timestamp(first), .timestamp(last), .timestampArray(Array(Set(times)))]
            )
            for row in rows { held.insert(try row.timestamp(0)) }
            return held
        }
    }

    /// The dead letters that became of each when it was taken up again, the newest ten of each first.
    package func lettersAgain(
        of letters: [DeadLetterReport]
    ) async throws(EventLogError) -> [DeadLetterID: [DeadLetterID]] {
        var groups: [LaneID: [(letter: DeadLetterID, since: Int64)]] = [:]
        for letter in letters {
            guard let deed = letter.requeued, let consumer = Int64(deed.by) else { continue }
            let lane = LaneID(partition: letter.id.partition, consumer: ConsumerID(rawValue: consumer))
            groups[lane, default: []].append((letter.id, deed.at))
        }
        var again: [DeadLetterID: [DeadLetterID]] = [:]
        for (lane, group) in groups {
            let since = group.map(\.since).min() ?? 0
            let died = try await died(lane, since: since, group.map(\.letter.offset))
            for (letter, since) in group {
                again[letter] = died.filter { $0.offset == letter.offset && $0.at >= since }
            }
        }
        return again
    }

    private func died(_ lane: LaneID, since: Int64, _ offsets: [Int64]) async throws(EventLogError) -> [DeadLetterID] {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(
                Self.again,
                [
                    .int8(lane.partition.rawValue), .int8(lane.consumer.rawValue), .timestamp(since),
                    .int8Array(Array(Set(offsets))), .int8(Int64(Self.mostAgain)),
                ]
            )
            var ids: [DeadLetterID] = []
            for row in rows { ids.append(try Self.letterID(row)) }
            return ids
        }
    }
}
