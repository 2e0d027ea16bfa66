import PostgreSQL

/// The retention of what is too little for slices of time, so that rows are deleted; see `leat.tidy`.
extension EventLog {
    private static let tidy = Statement(
        "tidy",
        """
        SELECT leat.tidy(
            to_timestamp($1), $2, to_timestamp($3), $4, to_timestamp($5), to_timestamp($6)
        )
        """,
        isCancellable: false
    )
    /// The most rows of timings that one round deletes.
    private static let timingsTogether: Int64 = 50_000
    /// How long nodes are shown that fell silent.
    private static let nodeRetention = Duration.seconds(7 * 86_400)

    /// Deletes what has had its time: refused events, timings, silent nodes, and measures of slices before the oldest one,
    /// which is nil if none is known; both times in seconds since 1970.
    func tidy(_ now: Int64, oldest: Int64?) async throws(EventLogError) {
        func before(_ retention: Duration) -> Parameter { .float8(Double(now - retention.components.seconds)) }
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(
                Self.tidy,
                [
                    before(settings.refusedRetention), .int8(Int64(Self.refusedSamples)),
                    before(settings.timingRetention), .int8(Self.timingsTogether),
                    .float8(oldest.map { Double($0) } ?? -.infinity), before(Self.nodeRetention),
                ]
            )
        }
    }
}
