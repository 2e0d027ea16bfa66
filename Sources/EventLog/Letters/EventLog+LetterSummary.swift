package import EventModel
import PostgreSQL

/// Dead letters by number.
extension EventLog {
    /// A replay that has ended says in its row whether anything of it died, and what died is gone when it ended before the
    /// oldest slice.
    private static let consumers = Statement(
        "letter_consumers",
        """
        SELECT u.consumer_id, u.connection_id, s.name, d.name, c.removed_at IS NOT NULL
        FROM (
            SELECT connection_id AS consumer_id, connection_id FROM leat.connection
            UNION ALL
            SELECT r.replay_id, r.connection_id FROM leat.replay r
            WHERE r.ended_at IS NULL OR r.counts[6] + r.counts[10] > 0 AND r.ended_at >= (
                SELECT min(to_timestamp(split_part(p.relname, '_', 3)::bigint)) FROM pg_inherits i
                JOIN pg_class p ON p.oid = i.inhrelid WHERE i.inhparent = 'leat.dead_letter'::regclass
            )
        ) AS u
            JOIN leat.connection c USING (connection_id) JOIN leat.source s USING (source_id)
            JOIN leat.destination d USING (destination_id)
        ORDER BY u.consumer_id DESC
        """,
        timeout: peopleTimeout
    )
    private static let groups = Statement(
        "dead_letters_counted",
        """
        SELECT stage, code, plugin, count(*), min(died_at), max(died_at)
        FROM (
            SELECT stage, code, plugin, died_at FROM leat.dead_letter
            WHERE consumer_id = $1 AND died_at >= $2 AND died_at <= $3
            ORDER BY died_at DESC LIMIT $4
        ) AS i
        GROUP BY stage, code, plugin ORDER BY 4 DESC LIMIT $5
        """,
        timeout: peopleTimeout
    )
    private static let expired = Statement(
        "dead_letters_expired",
        """
        SELECT coalesce(r.connection_id, e.consumer_id), sum(e.letters)::bigint FROM leat.dead_letter_expired e
            LEFT JOIN leat.replay r ON r.replay_id = e.consumer_id
        GROUP BY 1
        """,
        timeout: peopleTimeout
    )

    /// How many dead letters of one consumer one summary counts, how many groups it has of it, and how long it may go on
    /// from one consumer to the next.
    package static let lettersCounted: Int64 = 500_000
    static let letterGroups: Int64 = 1_000
    private static let summaryTime = Duration.seconds(20)

    /// Everybody who has, or may have, dead letters: connections, and replays to them; the youngest first.
    package func letterConsumers() async throws(EventLogError) -> [LetterConsumer] {
        try await translated { () async throws(PostgreSQLError) in
            var found: [LetterConsumer] = []
            for row in try await pool.query(Self.consumers) {
                found.append(
                    LetterConsumer(
                        id: ConsumerID(rawValue: try row.int8(0)),
                        connection: ConsumerID(rawValue: try row.int8(1)),
                        source: try row.text(2),
                        destination: try row.text(3),
                        isRemoved: try row.bool(4)
                    )
                )
            }
            return found
        }
    }

    /// Counts dead letters of consumers by what became of them, of each the newest `bound`.
    ///
    /// Those that had their time are counted by connection, with those of the replays to it.
    package func letterSummary(
        of consumers: [ConsumerID],
        from: Int64?,
        until: Int64?,
        atMost bound: Int64 = lettersCounted
    ) async throws(EventLogError) -> DeadLetterSummary {
        var summary = DeadLetterSummary()
        let deadline = ContinuousClock.now + Self.summaryTime
        for (place, consumer) in consumers.enumerated() {
            guard ContinuousClock.now < deadline else {
                summary.uncounted = consumers.count - place
                break
            }
            let groups = try await letterGroups(of: consumer, from, until, bound)
            summary.groups += groups
            let counted = groups.reduce(0) { $0 + $1.letters }
            guard counted >= bound || groups.count >= Self.letterGroups else { continue }
            summary.cutAt = max(summary.cutAt ?? 0, groups.map(\.first).min() ?? 0)
        }
        summary.groups.sort { ($0.letters, $0.last) > ($1.letters, $1.last) }
        let wanted = Set(consumers)
        summary.expired = try await expiredLetters().filter { wanted.contains($0.key) }
        return summary
    }

    private func letterGroups(
        of consumer: ConsumerID,
        _ from: Int64?,
        _ until: Int64?,
        _ limit: Int64
    ) async throws(EventLogError) -> [DeadLetterGroup] {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(
                Self.groups,
                [
                    .int8(consumer.rawValue), .timestamp(from ?? 0),
                    .timestamp(min(until ?? DeadLetterID.latest, DeadLetterID.latest)), .int8(limit),
                    .int8(Self.letterGroups),
                ]
            )
            var groups: [DeadLetterGroup] = []
            for row in rows {
                groups.append(
                    DeadLetterGroup(
                        consumer: consumer,
                        stage: try row.text(0),
                        code: try row.text(1),
                        plugin: try row.textOrNull(2),
                        letters: try row.int8(3),
                        first: try row.timestamp(4),
                        last: try row.timestamp(5)
                    )
                )
            }
            return groups
        }
    }

    private func expiredLetters() async throws(EventLogError) -> [ConsumerID: Int64] {
        try await translated { () async throws(PostgreSQLError) in
            var expired: [ConsumerID: Int64] = [:]
            for row in try await pool.query(Self.expired) {
                expired[ConsumerID(rawValue: try row.int8(0))] = try row.int8(1)
            }
            return expired
        }
    }
}
