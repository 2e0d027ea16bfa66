import PostgreSQL

/// The retention of what is kept by the minute: too little for slices of time, so rows are deleted.
extension EventLog {
    /// The total stays for good, in a row whose minute is before all others.
    private static let foldRefusedCounts = Statement(
        "refused_counts_fold",
        """
        WITH old AS (
            DELETE FROM leat.refused_count WHERE minute < to_timestamp($1) AND minute > '-infinity'
            RETURNING source_id, reason, events
        )
        INSERT INTO leat.refused_count AS c (source_id, minute, node_id, reason, events, flush)
        SELECT source_id, '-infinity', 0, reason, sum(events), 0 FROM old GROUP BY source_id, reason
        ON CONFLICT (source_id, minute, node_id, reason) DO UPDATE SET events = c.events + excluded.events
        """,
        isCancellable: false
    )
    private static let deleteRefused = Statement(
        "refused_delete",
        "DELETE FROM leat.refused WHERE refused_at < to_timestamp($1)"
    )
    private static let cutRefused = Statement(
        "refused_cut",
        """
        DELETE FROM leat.refused r USING (SELECT DISTINCT source_id FROM leat.refused) AS s
        WHERE r.source_id = s.source_id AND r.refused_id <= (
            SELECT x.refused_id FROM leat.refused x WHERE x.source_id = s.source_id
            ORDER BY x.refused_id DESC OFFSET $1 LIMIT 1
        )
        """
    )
    /// A retention that was made shorter takes several turns.
    private static let deleteTimings = Statement(
        "timing_delete",
        """
        DELETE FROM leat.timing WHERE ctid = ANY (ARRAY (
            SELECT ctid FROM leat.timing WHERE minute < to_timestamp($1) ORDER BY minute LIMIT $2
        ))
        """
    )
    /// The most rows that one turn deletes.
    private static let timingsATurn: Int64 = 50_000

    /// Adds up the counts of refused events that have had their time, and deletes samples that are old or too many.
    func cutRefused(_ now: Int64) async throws(EventLogError) {
        let limit = Double(now - settings.refusedRetention.components.seconds)
        _ = try await translated { () async throws(PostgreSQLError) in
            _ = try await pool.query(Self.foldRefusedCounts, [.float8(limit)])
            _ = try await pool.query(Self.deleteRefused, [.float8(limit)])
            return try await pool.query(Self.cutRefused, [.int8(Int64(Self.refusedSamples))])
        }
    }

    /// Deletes plugin timings that have had their time.
    func cutTimings(_ now: Int64) async throws(EventLogError) {
        let limit = Double(now - settings.timingRetention.components.seconds)
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(Self.deleteTimings, [.float8(limit), .int8(Self.timingsATurn)])
        }
    }
}
