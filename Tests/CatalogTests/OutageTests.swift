import EventLog
import EventModel
import Logging
import PostgreSQL
import TestSupport
import Testing

@testable import Catalog

@Suite(.timeLimit(.minutes(3))) struct OutageTests {
    @Test func `While the database is away the last configuration stays in force, and changes wait`() async throws {
        try await PrivateServer.running { cluster in
            let pool = ConnectionPool(cluster.settings.connection(database: "postgres"))
            try await Migrations.run(pool)
            let catalog = try await Catalog.open(pool: pool, logger: Logger(label: "test"))
            let web = try CatalogTests.declaration("sources: [{name: web}]")
            _ = try await catalog.apply(web, by: "test")
            try await withThrowingTaskGroup { group in
                group.addTask { await catalog.run() }
                await cluster.stop()

                let error = await #expect(throws: CatalogError.self) { try await catalog.apply(web, by: "test") }
                let isWorthAnotherTry = if case .retry? = error?.disposition { true } else { false }
                #expect(isWorthAnotherTry, "\(String(describing: error))")
                #expect(catalog.current.source(named: "web")?.enabled == true)

                // Stopping is final, so the same data gets another keeper.
                let keeper = Cluster(cluster.settings)
                try await keeper.start()
                let app = try CatalogTests.declaration("sources: [{name: app}]")
                try await Self.untilDone { _ = try await catalog.apply(app, by: "test") }
                // A change by another node arrives over the connection that was made again.
                let other = try await Catalog.open(pool: pool, logger: Logger(label: "test"))
                group.addTask {
                    for await snapshot in catalog.snapshots() where snapshot.source(named: "tv") != nil { return }
                }
                let late = try CatalogTests.declaration("sources: [{name: tv}]")
                try await Self.untilDone { _ = try await other.apply(late, by: "test") }
                try await group.next()
                group.cancelAll()
                await keeper.stop()
            }
            #expect(catalog.current.sources.map(\.name) == ["web", "app", "tv"])
            await pool.close()
        }
    }

    /// Repeats what the error says may be tried again, as long as the suite's time allows.
    private static func untilDone(_ body: () async throws -> Void) async throws {
        while true {
            do {
                return try await body()
            } catch let error as CatalogError {
                guard case .retry(let pause) = error.disposition else { throw error }
                try await Task.sleep(for: pause)
            }
        }
    }
}
