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
}
