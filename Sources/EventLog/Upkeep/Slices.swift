import PostgreSQL

/// One table that is kept in slices of time.
struct SlicedTable: Sendable {
    let name: String
    /// - Unit: seconds.
    let length: Int64
    let ahead: Int64
}

/// One slice: a table that holds a stretch of time of another.
///
/// Its name holds its bounds in seconds since 1970, so nobody must parse what PostgreSQL says of bounds.
struct Slice: Equatable, Sendable {
    let table: String
    let lower: Int64
    let upper: Int64

    var name: String { "\(table)_\(lower)_\(upper)" }

    init(table: String, lower: Int64, upper: Int64) {
        self.table = table
        self.lower = lower
        self.upper = upper
    }

    init?(table: String, name: String) {
        let parts = name.dropFirst(table.count + 1).split(separator: "_")
        guard name.hasPrefix(table + "_"), parts.count == 2, let lower = Int64(parts[0]), let upper = Int64(parts[1])
        else { return nil }
        self.init(table: table, lower: lower, upper: upper)
    }

    /// The slices that are missing so that `ahead` of them lie beyond `now`; a first one reaches one length back, for
    /// clocks that are set back.
    static func missing(_ table: SlicedTable, existing: [Slice], now: Int64) -> [Slice] {
        var lower = existing.map(\.upper).max() ?? (now / table.length - 1) * table.length
        let end = (now / table.length + 1 + table.ahead) * table.length
        var missing: [Slice] = []
        // After a long pause the hole is closed in one piece.
        if now - lower > table.length * 4 {
            let upper = now / table.length * table.length
            missing.append(Slice(table: table.name, lower: lower, upper: upper))
            lower = upper
        }
        while lower < end {
            let upper = (lower / table.length + 1) * table.length
            missing.append(Slice(table: table.name, lower: lower, upper: upper))
            lower = upper
        }
        return missing
    }
}

/// Makes and drops slices without standing in anybody's way.
///
/// A slice is made as a plain table and then attached; both that and detaching wait for locks for a moment only and are
/// tried again, because a request that waits for a lock makes all others wait behind it.
struct Slices: Sendable {
    private let pool: ConnectionPool
    private let tables: [SlicedTable]

    /// How often a lock that somebody holds is tried again, and the pause between.
    private static let attempts = 50
    private static let pause = Duration.milliseconds(100)

    private static let now = Statement("slices_now", "SELECT extract(epoch FROM clock_timestamp())::bigint")
    /// One node at a time; the key is an arbitrary number of ours.
    private static let lock = Statement("slices_lock", "SELECT pg_advisory_xact_lock(1818583413)")
    private static let list = Statement(
        "slices_list",
        """
        SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = to_regclass('leat.' || $1::text) ORDER BY 1
        """
    )

    init(_ pool: ConnectionPool, _ settings: EventLogSettings) {
        self.pool = pool
        tables = [
            SlicedTable(
                name: "chunk",
                length: settings.sliceLength.components.seconds,
                ahead: Int64(settings.slicesAhead)
            ),
            SlicedTable(name: "checkpoint", length: 3600, ahead: 3),
            SlicedTable(name: "dead_letter", length: 86_400, ahead: 2),
        ]
    }

    /// Makes the slices that will be needed next.
    func makeAhead() async throws(EventLogError) {
        for table in tables {
            try await patiently { connection in
                _ = try await connection.query(Self.lock)
                let now = try await connection.query(Self.now)[0].int8(0)
                let missing = Slice.missing(table, existing: try await existing(table.name, connection), now: now)
                for slice in missing { try await make(slice, connection) }
            }
        }
    }

    /// The slices of a table, oldest first.
    func existing(_ table: String) async throws(EventLogError) -> [Slice] {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(Self.list, [.text(table)])
            var slices: [Slice] = []
            for row in rows { if let slice = Slice(table: table, name: try row.text(0)) { slices.append(slice) } }
            return slices.sorted { $0.lower < $1.lower }
        }
    }

    /// The time by PostgreSQL's clock, which rules the slices.
    /// - Unit: seconds since 1970.
    func time() async throws(EventLogError) -> Int64 {
        try await translated { () async throws(PostgreSQLError) in try await pool.query(Self.now)[0].int8(0) }
    }

    /// Takes a slice out of its table and drops it.
    func drop(_ slice: Slice) async throws(EventLogError) {
        try await patiently { connection in
            try await connection.execute(
                """
                SET LOCAL lock_timeout = '100ms';
                ALTER TABLE leat.\(slice.table) DETACH PARTITION leat.\(slice.name);
                DROP TABLE leat.\(slice.name)
                """
            )
        }
    }

    private func existing(_ table: String, _ connection: Connection) async throws(PostgreSQLError) -> [Slice] {
        let rows = try await connection.query(Self.list, [.text(table)])
        var slices: [Slice] = []
        for row in rows { if let slice = Slice(table: table, name: try row.text(0)) { slices.append(slice) } }
        return slices
    }

    /// Vacuum has nothing to do in tables whose rows never change.
    private func make(_ slice: Slice, _ connection: Connection) async throws(PostgreSQLError) {
        let toast =
            slice.table == "checkpoint" || slice.table == "chunk" || slice.table == "dead_letter"
            ? ", toast.autovacuum_enabled = off" : ""
        try await connection.execute(
            """
            SET LOCAL lock_timeout = '200ms';
            CREATE TABLE IF NOT EXISTS leat.\(slice.name) (LIKE leat.\(slice.table) INCLUDING ALL)
                WITH (autovacuum_enabled = off\(toast));
            ALTER TABLE leat.\(slice.table) ATTACH PARTITION leat.\(slice.name)
                FOR VALUES FROM (to_timestamp(\(slice.lower))) TO (to_timestamp(\(slice.upper)))
            """
        )
    }

    /// Runs `body` in a transaction, again while somebody holds a lock it needs.
    private func patiently(_ body: (Connection) async throws -> Void) async throws(EventLogError) {
        for attempt in 1...Self.attempts {
            do {
                return try await pool.transaction(body)
            } catch let error as PostgreSQLError {
                guard case .server(let server) = error, ["55P03", "40P01"].contains(server.sqlState),
                    attempt < Self.attempts
                else { throw EventLogError(error) }
            } catch {
                throw .database(.cancelled(query: "slices"))
            }
            try? await Task.sleep(for: Self.pause)
        }
    }
}
