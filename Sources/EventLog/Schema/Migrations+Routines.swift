import PostgreSQL

/// How the functions and views become this program's.
extension Migrations {
    /// By the names of the columns that there are: a database of an older program has no level.
    private static let madeRoutines = Statement(
        "schema_routines",
        "SELECT j ->> 'digest', coalesce((j ->> 'level')::integer, 0) FROM (SELECT to_jsonb(r) AS j FROM leat.schema_routines r) AS r"
    )
    private static let noteRoutines = Statement(
        "schema_routines_note",
        """
        INSERT INTO leat.schema_routines (digest, level) VALUES ($1, $2)
        ON CONFLICT (only_row) DO UPDATE SET digest = excluded.digest, level = excluded.level
        """
    )
    /// Stands behind the digest where functions of other programs may be there still.
    private static let beside = "+"

    /// Makes the functions and views anew if they are not this program's.
    ///
    /// While nodes with others live, theirs stay as they are wherever they have another form; what has the same form is
    /// replaced, which the level says they can live with. The first start without them clears up.
    func makeRoutines(_ pool: ConnectionPool) async throws(EventLogError) {
        try await named("routines", pool) { connection in
            _ = try await connection.query(Self.lock)
            let row = try await connection.query(Self.madeRoutines).first
            let (digest, level) = (try row?.text(0) ?? "", try row?.int(1) ?? 0)
            guard level <= routines.level else {
                throw EventLogError.newerRoutines(found: level, known: routines.level)
            }
            if digest == routines.digest, level == routines.level { return }
            let others = try await livingNodes(connection)
            let old = others.filter { $0.routinesLevel < routines.level }
            guard old.isEmpty else {
                throw EventLogError.nodesInTheWay(of: "level \(routines.level) of its functions", old.map(\.name))
            }
            let mark = others.isEmpty ? routines.digest : routines.digest + Self.beside
            guard digest != mark else { return }
            do {
                let script = others.isEmpty ? routines.anew : routines.besideOthers
                try await connection.execute(Statement("schema_routines_make", script, isCancellable: false))
            } catch PostgreSQLError.server(let error)
                where ["42P13", "42809"].contains(error.sqlState) && !others.isEmpty
            {
                // A function has the same parameters there and another result.
                throw EventLogError.nodesInTheWay(of: "a function of it", others.map(\.name))
            }
            _ = try await connection.query(Self.noteRoutines, [.text(mark), .int4(Int32(routines.level))])
            _ = try await connection.query(Self.tell)
        }
    }

    /// Makes all functions and views anew, where no node lives.
    func remakeRoutines(_ connection: Connection) async throws {
        try await connection.transaction { connection in
            _ = try await connection.query(Self.lock)
            try await connection.execute(
                Statement("schema_routines_make", routines.anew, isCancellable: false, timeout: .seconds(600))
            )
            _ = try await connection.query(
                Self.noteRoutines,
                [.text(routines.digest), .int4(Int32(routines.level))]
            )
        }
    }
}
