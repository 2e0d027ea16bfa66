import PostgreSQL

/// A dump or a long report, as far as the database's own cleaning is concerned.
enum HeldSnapshot {
    /// Keeps a read-only transaction open that sees the database as it was before `body`.
    static func during<Result>(
        _ pool: ConnectionPool,
        _ body: () async throws -> Result
    ) async throws -> Result {
        let session = try await Connection.open(pool.settings)
        do {
            // A session of ours would not be let sit in a transaction.
            try await session.execute("SET idle_in_transaction_session_timeout = 0")
            try await session.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT txid_current_snapshot()")
            let result = try await body()
            // It must have been open to the end, or the figures were taken without it.
            try await session.execute("SELECT 1; COMMIT")
            await session.close()
            return result
        } catch {
            await session.close()
            throw error
        }
    }
}

extension ConnectionPool {
    /// One whole number that a query gives.
    func number(_ sql: String) async throws -> Int64 {
        try await withConnection { connection in try await connection.query(sql).first?.int8(0) ?? 0 }
    }

    /// What was ever written to the journal, in bytes.
    func journal() async throws -> Int64 {
        try await number("SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")
    }

    /// What the log's chunks take on disk, indexes and all.
    func chunkBytes() async throws -> Int64 {
        try await number(
            """
            SELECT coalesce(sum(pg_total_relation_size(inhrelid)), 0)::bigint FROM pg_inherits
            WHERE inhparent = 'leat.chunk'::regclass
            """
        )
    }
}
