import EventLog
import PostgreSQL
import TestSupport
import Testing

@Suite struct MigrationTests {
    @Test func `Migrations run once, also when several programs start together`() async throws {
        try await Database.empty { pool in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 { group.addTask { try await Migrations.run(pool) } }
                try await group.waitForAll()
            }
            let found = try await Migrations.found(pool)
            #expect(found == Migrations.known)
            try await Migrations.run(pool)
        }
    }

    @Test func `A program refuses a schema that is newer than itself, with a sentence`() async throws {
        try await Database.temporary { pool in
            try await pool.execute(
                Statement("newer", "INSERT INTO leat.schema_version (version, name) VALUES (4711, 'later')")
            )
            let error = await #expect(throws: EventLogError.self) { try await Migrations.run(pool) }
            #expect(error == .newerSchema(found: 4711, known: Migrations.known))
            #expect(error?.description.contains("4711") == true)
        }
    }

    @Test func `A program refuses a schema of which a step was taken in another form`() async throws {
        try await Database.temporary { pool in
            try await pool.execute(
                Statement("altered", "UPDATE leat.schema_version SET digest = 'other' WHERE version = 2")
            )
            let error = await #expect(throws: EventLogError.self) { try await Migrations.run(pool) }
            #expect(error == .alteredSchema(version: 2))
        }
    }

    @Test func `Functions and views of another program are replaced by this one's`() async throws {
        try await Database.temporary { pool in
            let other = """
                CREATE FUNCTION leat.tail(id bigint, more bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 1';
                CREATE VIEW leat.old AS SELECT leat.tail(1, 2) AS value;
                UPDATE leat.schema_routines SET digest = 'other'
                """
            try await pool.execute(Statement("other", other))
            try await Migrations.run(pool)
            let found = Statement(
                "found",
                """
                SELECT count(*) FROM pg_proc WHERE pronamespace = 'leat'::regnamespace AND proname = 'tail'
                UNION ALL SELECT count(*) FROM pg_views WHERE schemaname = 'leat' AND viewname = 'old'
                """
            )
            #expect(try await pool.query(found).map { try $0.int(0) } == [1, 0])
        }
    }
}
