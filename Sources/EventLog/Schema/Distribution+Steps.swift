package import PostgreSQL

/// How the plan is carried out.
extension Distribution {
    /// Why it was not carried out to its end.
    package enum Failure: Error, CustomStringConvertible {
        /// Somebody else spreads the database, or brings it to another schema.
        case busy
        /// After the move a table did not have as many rows as before; it was left as it was.
        case rowsLost(table: String, before: Int64, after: Int64)
        /// A step was refused.
        case refused(step: String, PostgreSQLError)

        package var description: String {
            switch self {
            case .busy:
                """
                Another program is at work on the schema of this database, or spreads it; wait for it, or for the end of \
                its session, and start this again.
                """
            case .rowsLost(let table, let before, let after):
                """
                leat.\(table) had \(before) rows and \(after) after it was spread, so that was undone. Nothing is lost; what \
                was spread before it stays so.
                """
            case .refused(let step, let error):
                """
                It ended at: \(step). \(error.description) Nothing is lost; start this again to go on from there.
                """
            }
        }
    }

    /// Whoever moves everything may take long.
    private static let patience = Duration.seconds(7 * 86_400)
    /// The lock under which programs change the schema; held to the end of the session.
    private static let lock = Statement("distribute_lock", "SELECT pg_try_advisory_lock(1818583412)")
    /// Tables one after the other over one connection to each machine, so that what one step did the next one sees.
    private static let calmly = Statement(
        "distribute_calmly",
        "SET LOCAL citus.multi_shard_modify_mode = 'sequential'; SET LOCAL client_min_messages = warning"
    )
    private static let placed = Statement(
        "distribute_placed",
        """
        SELECT count(*), count(DISTINCT nodeport::text || nodename) FROM citus_shards
        WHERE table_name = 'leat.chunk'::regclass
        """
    )

    /// Takes every step that was not taken, and says what each did.
    ///
    /// A table is moved, counted and kept in one transaction, so whoever interrupts this leaves each table as it was or
    /// moved; started again, it goes on. No server may run, nor start before the end.
    package func carryOut(_ pool: ConnectionPool, _ say: (String) -> Void) async throws {
        try await pool.withConnection { connection in
            guard try await connection.query(Self.lock).first?.bool(0) == true else { throw Failure.busy }
            for step in steps {
                do {
                    say(try await take(step, connection))
                } catch let error as PostgreSQLError {
                    throw Failure.refused(step: step.title, error)
                }
            }
            do {
                try await Migrations().remakeRoutines(connection)
                say("make leat's functions and views anew on every machine: done")
                if let row = try await connection.query(Self.placed).first {
                    say("Every data table has \(try row.int(0)) shards on \(try row.int(1)) machines.")
                }
            } catch let error as PostgreSQLError {
                throw Failure.refused(step: "make leat's functions and views anew on every machine", error)
            }
            // It ends here, and with it the lock.
            await connection.close()
        }
    }

    private func take(_ step: Step, _ connection: Connection) async throws -> String {
        let statement = Statement("distribute_step", step.sql, isCancellable: false, timeout: Self.patience)
        guard let table = step.table else {
            try await connection.execute(statement)
            return "\(step.title): done"
        }
        return try await connection.transaction { connection in
            try await connection.execute(Self.calmly)
            let spread = Statement(
                "distribute_spread",
                "SELECT EXISTS (SELECT FROM pg_dist_partition WHERE logicalrelid = $1::text::regclass)"
            )
            if try await connection.query(spread, [.text("leat.\(table)")]).first?.bool(0) == true {
                return "\(step.title): was done before"
            }
            let count = Statement("distribute_count", "SELECT count(*) FROM leat.\(table)", timeout: Self.patience)
            let before = try await connection.execute(count).first.map { try $0.text(0) }.flatMap { Int64($0) } ?? -1
            try await connection.execute(statement)
            let after = try await connection.execute(count).first.map { try $0.text(0) }.flatMap { Int64($0) } ?? -2
            guard before == after else { throw Failure.rowsLost(table: table, before: before, after: after) }
            return "\(step.title): \(after) rows, as many as before"
        }
    }
}

/// Whether a server may work on the database.
extension Distribution {
    private static let isThere = Statement(
        "schema_spread_known",
        "SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL"
    )
    private static let spreadTables = Statement(
        "schema_spread",
        """
        SELECT count(*) FROM pg_catalog.pg_dist_partition p JOIN pg_class c ON c.oid = p.logicalrelid
        WHERE c.relnamespace = 'leat'::regnamespace AND c.relname = ANY ($1)
        """
    )

    /// - Throws: `halfSpread` if some of the data tables are spread and others are not: what is locked on one machine would
    ///   not protect what lies on another.
    static func check(_ pool: ConnectionPool) async throws(EventLogError) {
        let count = try await translated { () async throws(PostgreSQLError) -> Int in
            guard try await pool.query(isThere).first?.bool(0) == true else { return 0 }
            return try await pool.query(spreadTables, [.textArray(spread)]).first?.int(0) ?? 0
        }
        guard count == 0 || count == spread.count else { throw .halfSpread }
    }
}
