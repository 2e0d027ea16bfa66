import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

@Suite(.timeLimit(.minutes(2))) struct DistributionTests {
    @Test func `Every table of the schema is spread or kept, and those that are spread have the column in every key`()
        async throws
    {
        try await Database.temporary { pool in
            let tables = Statement(
                "test.tables",
                """
                SELECT c.relname::text, bool_and(coalesce((
                    SELECT bool_and(a.attnum = ANY (i.indkey)) FROM pg_attribute a
                    WHERE a.attrelid = c.oid AND a.attname = 'partition_id'
                ), false)) FILTER (WHERE i.indisunique)
                FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid
                WHERE c.relnamespace = 'leat'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
                GROUP BY c.relname ORDER BY 1
                """
            )
            var keyed: [String: Bool] = [:]
            for row in try await pool.query(tables) { keyed[try row.text(0)] = try !row.isNull(1) && row.bool(1) }
            #expect(Set(keyed.keys) == Set(Distribution.spread + Distribution.kept))
            #expect(Set(Distribution.spread).isDisjoint(with: Distribution.kept))
            for table in Distribution.spread { #expect(keyed[table] == true, "\(table)") }
        }
    }

    @Test func `The plan names every spread table once, and PostgreSQL can read it`() async throws {
        let plan = Distribution(shards: 64)
        for table in Distribution.spread {
            #expect(plan.steps.filter { $0.sql.contains("create_distributed_table('leat.\(table)'") }.count == 1)
        }
        #expect(plan.steps[0].sql.contains("colocate_with => 'none', shard_count => 64"))
        #expect(plan.script.contains("colocate_with => 'leat.partition')"))
        try await Database.temporary { pool in
            // Whatever is wrong with it here must be that Citus is not there.
            for step in plan.steps {
                let error = await #expect(throws: PostgreSQLError.self) {
                    _ = try await pool.withConnection { try await $0.execute(step.sql) }
                }
                guard case .server(let refusal) = error else {
                    Issue.record("\(step.title): \(String(describing: error))")
                    continue
                }
                #expect(["42883", "42P01"].contains(refusal.sqlState), "\(step.title): \(refusal)")
            }
        }
    }

    @Test func `Without Citus, with servers at work or on another schema it says what to do first`() async throws {
        try await Database.temporary { pool in
            let own = try await Connection.open(pool.settings)
            let obstacles = try await Distribution(shards: 32).obstacles(pool)
            #expect(obstacles.contains { $0.hasPrefix("1 sessions of leat servers are open") })
            let missing =
                CitusCluster.isInstalled
                ? "The extension citus is not in this database" : "This PostgreSQL has no Citus: install Citus 12"
            #expect(obstacles.contains { $0.contains(missing) })
            await own.close()
            try await pool.execute(
                Statement("test.newer", "INSERT INTO leat.schema_version (version, name) VALUES (4711, 'later')")
            )
            let newer = try await Distribution(shards: 32).obstacles(pool)
            #expect(newer.first?.hasPrefix("The database has schema version 4711") == true)
        }
    }
}
