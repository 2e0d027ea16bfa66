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
        );
        -- Of the step's text; NULL for steps that were taken before it was kept.
        ALTER TABLE leat.schema_version ADD COLUMN IF NOT EXISTS digest text;
        CREATE TABLE IF NOT EXISTS leat.schema_routines (
            only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row), digest text NOT NULL
        )
        """
    )
    /// One program at a time; the key is an arbitrary number of ours.
    private static let lock = Statement("schema_lock", "SELECT pg_advisory_xact_lock(1818583412)")
    private static let version = Statement("schema_found", "SELECT coalesce(max(version), 0) FROM leat.schema_version")
    private static let exists = Statement("schema_exists", "SELECT to_regclass('leat.schema_version') IS NOT NULL")
    private static let laid = Statement("schema_laid", "SELECT to_regclass('leat.schema_routines') IS NOT NULL")
    private static let taken = Statement(
        "schema_taken",
        "SELECT version, digest FROM leat.schema_version WHERE digest IS NOT NULL ORDER BY version"
    )
    private static let routines = Statement("schema_routines", "SELECT digest FROM leat.schema_routines")

    /// Takes every step that the database has not taken, each in a transaction of its own, and makes the functions and
    /// views anew if they are not this program's.
    ///
    /// - Throws: `newerSchema` if the database knows more than this program; nothing was changed then. `alteredSchema`
    ///   if it took one of the steps in another form.
    package static func run(_ pool: ConnectionPool) async throws(EventLogError) {
        try await prepare(pool)
        for step in SchemaStep.all { try await take(step, pool) }
        try await check(pool)
        try await makeRoutines(pool)
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
        // A running dump holds every table, so nothing is altered that need not be.
        let isLaid = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(laid).first?.bool(0) ?? false
        }
        guard !isLaid else { return }
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
                "INSERT INTO leat.schema_version (version, name, digest) VALUES ($1, $2, $3)",
                [.int4(Int32(step.version)), .text(step.name), .text(step.digest)]
            )
        }
    }

    /// Whether every step has the form in which this program knows it.
    private static func check(_ pool: ConnectionPool) async throws(EventLogError) {
        let digests = Dictionary(SchemaStep.all.map { ($0.version, $0.digest) }) { $1 }
        let altered = try await translated { () async throws(PostgreSQLError) -> Int? in
            for row in try await pool.query(taken) {
                let version = try row.int(0)
                if let digest = digests[version], digest != (try row.text(1)) { return version }
            }
            return nil
        }
        if let altered { throw .alteredSchema(version: altered) }
    }

    private static func makeRoutines(_ pool: ConnectionPool) async throws(EventLogError) {
        try await named("routines", pool) { connection in
            _ = try await connection.query(lock)
            let found = try await connection.query(routines).first?.text(0)
            guard found != SchemaRoutines.digest else { return }
            try await connection.execute(
                Statement("schema_routines_make", SchemaRoutines.removal + SchemaRoutines.sql, isCancellable: false)
            )
            _ = try await connection.query(
                """
                INSERT INTO leat.schema_routines (digest) VALUES ($1)
                ON CONFLICT (only_row) DO UPDATE SET digest = excluded.digest
                """,
                [.text(SchemaRoutines.digest)]
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
