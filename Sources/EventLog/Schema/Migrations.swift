package import PostgreSQL

/// Brings a database to the schema that this program knows.
package enum Migrations {
    /// The version that this program knows.
    package static var known: Int { SchemaStep.all.last?.version ?? 0 }

    /// The longest one step may take.
    private static let stepTimeout = Duration.seconds(600)

    private static let foundation = Statement(
        "schema_foundation",
        """
        CREATE SCHEMA IF NOT EXISTS leat;
        CREATE TABLE IF NOT EXISTS leat.schema_version (
            version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )
    /// One program at a time; the key is an arbitrary number of ours.
    private static let lock = Statement("schema_lock", "SELECT pg_advisory_xact_lock(1818583412)")
    private static let version = Statement("schema_found", "SELECT coalesce(max(version), 0) FROM leat.schema_version")
    private static let exists = Statement("schema_exists", "SELECT to_regclass('leat.schema_version') IS NOT NULL")

    /// Takes every step that the database has not taken, each in a transaction of its own.
    ///
    /// - Throws: `newerSchema` if the database knows more than this program; nothing was changed then.
    package static func run(_ pool: ConnectionPool) async throws(EventLogError) {
        try await prepare(pool)
        for step in SchemaStep.all { try await take(step, pool) }
    }

    /// The version of the database; 0 for an empty one.
    package static func found(_ pool: ConnectionPool) async throws(EventLogError) -> Int {
        try await translated { () async throws(PostgreSQLError) in
            guard let row = try await pool.query(exists).first, try row.bool(0) else { return 0 }
            return try await pool.query(version).first?.int(0) ?? 0
        }
    }

    private static func prepare(_ pool: ConnectionPool) async throws(EventLogError) {
        let found = try await found(pool)
        guard found <= known else { throw .newerSchema(found: found, known: known) }
        guard found == 0 else { return }
        try await named("foundation", pool) { connection in
            _ = try await connection.query(lock)
            try await connection.execute(foundation)
        }
    }

    private static func take(_ step: SchemaStep, _ pool: ConnectionPool) async throws(EventLogError) {
        try await named(step.name, pool) { connection in
            _ = try await connection.query(lock)
            let found = try await connection.query(version).first?.int(0) ?? 0
            guard found < step.version else { return }
            try await connection.execute(
                Statement("schema_\(step.name)", step.sql, isCancellable: false, timeout: stepTimeout)
            )
            _ = try await connection.query(
                "INSERT INTO leat.schema_version (version, name) VALUES ($1, $2)",
                [.int4(Int32(step.version)), .text(step.name)]
            )
        }
    }

    private static func named(
        _ name: String,
        _ pool: ConnectionPool,
        _ body: (Connection) async throws -> Void
    ) async throws(EventLogError) {
        do {
            try await pool.transaction(body)
        } catch let error as PostgreSQLError {
            throw .migration(name: name, error)
        } catch {
            throw .migration(name: name, .connectionLost(query: name))
        }
    }
}
