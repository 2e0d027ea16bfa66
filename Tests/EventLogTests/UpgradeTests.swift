import EventModel
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

/// Programs of two versions on one database, as in a restart of one server after the other.
@Suite(.timeLimit(.minutes(5))) struct UpgradeTests {
    private static let next = SchemaStep.all.last.map { $0.version + 1 } ?? 1

    /// A program that knows one step more than this one.
    private static func newer(
        keepsOlder: Bool,
        identity: String? = nil,
        routines: SchemaRoutines = .own
    ) -> Migrations {
        let step = SchemaStep(
            version: next,
            name: "later",
            sql: "ALTER TABLE leat.refused ADD COLUMN later integer",
            keepsOlder: keepsOlder
        )
        return Migrations(steps: SchemaStep.all + [step], routines: routines, identity: identity)
    }

    /// The functions as a later program has them: one is other, one is new, and one is gone.
    private static func later(level: Int = SchemaRoutines.own.level, _ more: String = "") -> SchemaRoutines {
        let sql = """
            CREATE FUNCTION leat.little_endian(payload bytea, place integer, width integer) RETURNS bigint
            LANGUAGE sql IMMUTABLE AS 'SELECT 4711::bigint';
            CREATE FUNCTION leat.brand_new() RETURNS integer LANGUAGE sql AS 'SELECT 1';
            \(more)
            """
        return SchemaRoutines(sql: sql, level: level)
    }

    private func answer(_ sql: String, _ pool: ConnectionPool) async throws -> Int? {
        try await pool.withConnection { try await $0.query(sql).first?.int(0) }
    }

    @Test func `A step that older programs can live with is taken beside them, and they go on`() async throws {
        try await Database.temporary { pool in
            let old = EventLog(pool)
            _ = try await old.join(identity: "old", name: "node-old")
            try await Self.newer(keepsOlder: true).run(pool)
            #expect(try await Migrations.found(pool) == Self.next)
            try await old.migrations.checkFit(pool)
            try await old.tick()
            let young = EventLog(
                pool,
                settings: EventLogSettings(),
                logger: old.logger,
                migrations: Self.newer(keepsOlder: true)
            )
            _ = try await young.join(identity: "young", name: "node-young")
            #expect(try await answer("SELECT max(schema_version) FROM leat.node", pool) == Self.next)
        }
    }

    @Test func `A step that older programs cannot live with waits for them and names them`() async throws {
        try await Database.temporary { pool in
            let old = EventLog(pool)
            _ = try await old.join(identity: "old", name: "node-old")
            let newer = Self.newer(keepsOlder: false)
            let refused = await #expect(throws: EventLogError.self) { try await newer.run(pool) }
            #expect(refused == .nodesInTheWay(of: "step \(Self.next) (later)", ["node-old"]))
            #expect(refused?.description.contains("such run on node-old. Stop leat there") == true)
            #expect(try await Migrations.found(pool) == Migrations.known)
            try await old.tick()
            try await old.leave()
            try await newer.run(pool)
            #expect(try await Migrations.found(pool) == Self.next)
        }
    }

    @Test func `Its own earlier run, and nodes that are silent for long, are in no program's way`() async throws {
        try await Database.temporary { pool in
            _ = try await EventLog(pool).join(identity: "mine", name: "node-a")
            _ = try await EventLog(pool).join(identity: "dead", name: "node-b")
            _ = try await pool.withConnection {
                try await $0.query(
                    "UPDATE leat.node SET beat_at = beat_at - interval '1 minute' WHERE identity = 'dead'"
                )
            }
            try await Self.newer(keepsOlder: false, identity: "mine").run(pool)
            #expect(try await Migrations.found(pool) == Self.next)
        }
    }

    @Test func `A program whose schema was overtaken between its start and its joining does not join`() async throws {
        try await Database.temporary { pool in
            try await Self.newer(keepsOlder: false).run(pool)
            let error = await #expect(throws: EventLogError.self) {
                _ = try await EventLog(pool).join(identity: "late", name: "node-late")
            }
            #expect(error == .newerSchema(found: Self.next, known: Migrations.known))
        }
    }

    @Test func `Beside nodes with other functions theirs stay, and the first start without them clears up`()
        async throws
    {
        try await Database.temporary { pool in
            let old = EventLog(pool)
            _ = try await old.join(identity: "old", name: "node-old")
            try await old.openPartitions([Events.partition])
            let newer = Migrations(steps: SchemaStep.all, routines: Self.later())
            try await newer.run(pool)
            _ = try await old.append([Events.draft(0..<5)])
            try await old.tick()
            #expect(try await answer("SELECT leat.brand_new()", pool) == 1)
            #expect(try await answer("SELECT leat.little_endian('', 0, 0)", pool) == 4711)
            let has = "SELECT count(*) FROM pg_proc WHERE proname = 'append' AND pronamespace = 'leat'::regnamespace"
            #expect(try await answer(has, pool) == 1)
            try await newer.run(pool)
            #expect(try await answer(has, pool) == 1)
            try await old.leave()
            try await newer.run(pool)
            #expect(try await answer(has, pool) == 0)
            try await Migrations.run(pool)
            #expect(try await answer(has, pool) == 1)
        }
    }

    @Test func `Functions with which older programs could do harm wait for them, and refuse those that come later`()
        async throws
    {
        try await Database.temporary { pool in
            let old = EventLog(pool)
            _ = try await old.join(identity: "old", name: "node-old")
            let level = SchemaRoutines.own.level + 1
            let newer = Migrations(steps: SchemaStep.all, routines: Self.later(level: level))
            let refused = await #expect(throws: EventLogError.self) { try await newer.run(pool) }
            #expect(refused == .nodesInTheWay(of: "level \(level) of its functions", ["node-old"]))
            try await old.leave()
            try await newer.run(pool)
            let late = await #expect(throws: EventLogError.self) { try await Migrations.run(pool) }
            #expect(late == .newerRoutines(found: level, known: level - 1))
            #expect(try await answer("SELECT leat.brand_new()", pool) == 1)
        }
    }

    @Test func `A function that would answer otherwise than older programs expect waits for them`() async throws {
        try await Database.temporary { pool in
            let old = EventLog(pool)
            _ = try await old.join(identity: "old", name: "node-old")
            let other =
                "CREATE FUNCTION leat.partitions(source bigint) RETURNS text LANGUAGE sql AS 'SELECT NULL::text';"
            let newer = Migrations(steps: SchemaStep.all, routines: Self.later(other))
            let refused = await #expect(throws: EventLogError.self) { try await newer.run(pool) }
            #expect(refused == .nodesInTheWay(of: "a function of it", ["node-old"]))
            try await old.tick()
            try await old.leave()
            try await newer.run(pool)
        }
    }

    @Test func `What others may see of the views outlives their making`() async throws {
        try await Database.temporary { pool in
            _ = try await pool.withConnection { connection in
                try await connection.execute("CREATE ROLE leat_looker; GRANT SELECT ON leat.lanes TO leat_looker")
            }
            let changed = SchemaRoutines(sql: SchemaRoutines.own.sql + "\n-- changed", level: SchemaRoutines.own.level)
            try await Migrations(steps: SchemaStep.all, routines: changed).run(pool)
            let may = "SELECT has_table_privilege('leat_looker', 'leat.lanes', 'SELECT')::integer"
            #expect(try await answer(may, pool) == 1)
            _ = try await pool.withConnection {
                try await $0.execute("DROP OWNED BY leat_looker; DROP ROLE leat_looker")
            }
        }
    }

    @Test func `A program that was held for dead and is overtaken stops with a sentence`() async throws {
        try await Database.temporary { pool in
            let old = EventLog(pool)
            _ = try await old.join(identity: "old", name: "node-old")
            _ = try await pool.withConnection {
                try await $0.query("UPDATE leat.node SET beat_at = beat_at - interval '1 hour'")
            }
            try await Self.newer(keepsOlder: false).run(pool)
            let error = await #expect(throws: EventLogError.self) { try await old.run() }
            #expect(error == .newerSchema(found: Self.next, known: Migrations.known))
        }
    }

    @Test func `A running program that is overtaken hears of it and stops`() async throws {
        try await Database.temporary { pool in
            let old = EventLog(pool)
            _ = try await old.join(identity: "old", name: "node-old")
            try await withThrowingTaskGroup(of: EventLogError?.self) { group in
                group.addTask {
                    do throws(EventLogError) { try await old.run() } catch { return error }
                    return nil
                }
                let listening = """
                    SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%leat_schema%'
                        AND pid <> pg_backend_pid()
                    """
                let end = ContinuousClock.now + .seconds(60)
                while try await answer(listening, pool) == 0 { try #require(ContinuousClock.now < end) }
                // The checks are those of the newer program; whoever passes them by has this.
                _ = try await pool.withConnection {
                    try await $0.execute(
                        """
                        INSERT INTO leat.schema_version (version, name) VALUES (4711, 'later');
                        SELECT pg_notify('leat_schema', '')
                        """
                    )
                }
                let ended = try await group.next()
                #expect(ended == .newerSchema(found: 4711, known: Migrations.known))
            }
        }
    }
}
