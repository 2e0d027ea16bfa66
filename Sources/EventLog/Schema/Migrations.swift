package import PostgreSQL

/// Brings a database to the schema that this program knows.
package struct Migrations: Sendable {
    /// The numbered steps, in order.
    let steps: [SchemaStep]
    let routines: SchemaRoutines
    /// Of the data directory, so that this node's own earlier run is not in its way.
    let identity: String?

    /// The version that this program knows.
    package static var known: Int { SchemaStep.all.last?.version ?? 0 }
    var known: Int { steps.last?.version ?? 0 }

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
    static let lock = Statement("schema_lock", "SELECT pg_advisory_xact_lock(1818583412)")
    private static let version = Statement("schema_found", "SELECT coalesce(max(version), 0) FROM leat.schema_version")
    private static let exists = Statement("schema_exists", "SELECT to_regclass('leat.schema_version') IS NOT NULL")
    private static let laid = Statement("schema_laid", "SELECT to_regclass('leat.schema_routines') IS NOT NULL")
    private static let taken = Statement(
        "schema_taken",
        "SELECT version, digest FROM leat.schema_version WHERE digest IS NOT NULL ORDER BY version"
    )
    private static let note = Statement(
        "schema_note",
        "INSERT INTO leat.schema_version (version, name, digest) VALUES ($1, $2, $3)"
    )
    private static let noteKeeping = Statement(
        "schema_note_keeping",
        "INSERT INTO leat.schema_version (version, name, digest, keeps_older) VALUES ($1, $2, $3, $4)"
    )
    /// The step from which on it is kept whether an older program can live with a step.
    private static let firstKeeping = 8

    package init(identity: String? = nil) {
        self.init(steps: SchemaStep.all, routines: .own, identity: identity)
    }

    init(steps: [SchemaStep], routines: SchemaRoutines, identity: String? = nil) {
        self.steps = steps
        self.routines = routines
        self.identity = identity
    }

    /// Takes every step that the database has not taken, each in a transaction of its own, and makes the functions and
    /// views anew if they are not this program's.
    ///
    /// - Throws: `newerSchema` if the database knows more than this program; nothing was changed then. `alteredSchema`
    ///   if it took one of the steps in another form. `nodesInTheWay` if nodes live that could not go on; what comes
    ///   before the step that is named was taken, and they can live with it.
    package static func run(_ pool: ConnectionPool, identity: String? = nil) async throws(EventLogError) {
        try await Migrations(identity: identity).run(pool)
    }

    func run(_ pool: ConnectionPool) async throws(EventLogError) {
        try await prepare(pool)
        try await Distribution.check(pool)
        for step in steps { try await take(step, pool) }
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

    private func prepare(_ pool: ConnectionPool) async throws(EventLogError) {
        let found = try await Self.found(pool)
        guard found <= known else { throw .newerSchema(found: found, known: known) }
        // A running dump holds every table, so nothing is altered that need not be.
        let isLaid = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(Self.laid).first?.bool(0) ?? false
        }
        guard !isLaid else { return }
        try await named("foundation", pool) { connection in
            _ = try await connection.query(Self.lock)
            try await connection.execute(Self.foundation)
        }
    }

    private func take(_ step: SchemaStep, _ pool: ConnectionPool) async throws(EventLogError) {
        try await named(step.name, pool) { connection in
            _ = try await connection.query(Self.lock)
            let found = try await connection.query(Self.version).first?.int(0) ?? 0
            guard found < step.version else { return }
            if !step.keepsOlder {
                let old = try await livingNodes(connection).filter { $0.schemaVersion < step.version }
                guard old.isEmpty else {
                    throw EventLogError.nodesInTheWay(of: "step \(step.version) (\(step.name))", old.map(\.name))
                }
            }
            try await connection.execute(
                Statement("schema_\(step.name)", step.sql, isCancellable: false, timeout: Self.stepTimeout)
            )
            let entry: [Parameter] = [.int4(Int32(step.version)), .text(step.name), .text(step.digest)]
            if step.version < Self.firstKeeping {
                _ = try await connection.query(Self.note, entry)
            } else {
                _ = try await connection.query(Self.noteKeeping, entry + [.bool(step.keepsOlder)])
            }
            _ = try await connection.query(Self.tell)
        }
    }

    /// Whether every step has the form in which this program knows it.
    private func check(_ pool: ConnectionPool) async throws(EventLogError) {
        let digests = Dictionary(steps.map { ($0.version, $0.digest) }) { $1 }
        let altered = try await translated { () async throws(PostgreSQLError) -> Int? in
            for row in try await pool.query(Self.taken) {
                let version = try row.int(0)
                if let digest = digests[version], digest != (try row.text(1)) { return version }
            }
            return nil
        }
        if let altered { throw .alteredSchema(version: altered) }
    }

    /// Runs `body` in a transaction; what goes wrong there is told as a fault of the step.
    func named(
        _ name: String,
        _ pool: ConnectionPool,
        _ body: (Connection) async throws -> Void
    ) async throws(EventLogError) {
        do {
            try await pool.transaction(body)
        } catch let error as EventLogError {
            throw error
        } catch let error as PostgreSQLError {
            throw .migration(name: name, error)
        } catch {
            throw .migration(name: name, .connectionLost(query: name))
        }
    }
}
