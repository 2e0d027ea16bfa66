import Foundation
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

/// A newer program beside a real server of this version.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RollingRestartTests {
    private static func newer(_ version: Int, keepsOlder: Bool, _ sql: String = "SELECT 1") -> Migrations {
        let step = SchemaStep(version: version, name: "later_\(version)", sql: sql, keepsOlder: keepsOlder)
        let routines = SchemaRoutines(
            sql: SchemaRoutines.own.sql + "\nCREATE FUNCTION leat.later() RETURNS integer LANGUAGE sql AS 'SELECT 1';",
            level: SchemaRoutines.own.level
        )
        return Migrations(steps: SchemaStep.all + [step], routines: routines)
    }

    @Test func `A server works beside a newer program that it can live with, and stops when it is overtaken`()
        async throws
    {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let cluster = Cluster(PrivateServer.settings(in: shop.folder, isDurable: false))
        try await cluster.start()
        let environment = ["DATABASE_URL": cluster.connection.address, "LEAT_NODE_NAME": "old-node"]
        let server = try await ServerProcess.start(data: shop.data, environment: environment)
        let token = try #require(server.token)
        try await shop.setUp(server, token: token)
        let pool = ConnectionPool(cluster.connection)
        let next = Migrations.known + 1

        let refused = await #expect(throws: EventLogError.self) {
            try await Self.newer(next, keepsOlder: false).run(pool)
        }
        #expect(refused == .nodesInTheWay(of: "step \(next) (later_\(next))", ["old-node"]))
        #expect(await shop.send([Shop.event(user: 1, number: 1)], to: server)?.status == 200)

        try await Self.newer(next, keepsOlder: true, "ALTER TABLE leat.refused ADD COLUMN later integer").run(pool)
        #expect(await shop.send([Shop.event(user: 1, number: 2)], to: server)?.status == 200)
        let counts = try await shop.settled(server, token: token)
        #expect(counts["delivered"] == 2)
        let audit = try await shop.leat(["audit"], server, token: token)
        #expect(audit.status == 0, "\(audit.text)")

        // As if the newer program had held it for dead.
        let overtake = """
            INSERT INTO leat.schema_version (version, name) VALUES (4711, 'later'); SELECT pg_notify('leat_schema', '')
            """
        try await pool.execute(Statement("test.overtake", overtake))
        let sentence = "The database has schema version 4711, but this program knows versions up to \(Migrations.known)"
        let end = ContinuousClock.now + .seconds(60)
        while !server.text.contains(sentence) {
            try #require(ContinuousClock.now < end, "\(server.text)")
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(await server.stop() == 1)
        let again = await #expect(throws: ServerProcess.NotServing.self) {
            _ = try await ServerProcess.start(data: shop.data, environment: environment)
        }
        #expect(again?.words.contains(sentence) == true)
        await pool.close()
        await cluster.stop()
        try await receiver.stop()
    }
}
