import EventLog
import Foundation
import PostgreSQL
import TestSupport
import Testing

/// What a server asks of the database while nothing happens.
@Suite(.serialized, .timeLimit(.minutes(5))) struct IdleTests {
    @Test func `A server at rest sends about a statement a second, and still finds a change that nobody told it of`()
        async throws
    {
        let folder = TemporaryFolder()
        var settings = PrivateServer.settings(in: folder, isDurable: false)
        let statements = settings.directory + "-statements"
        settings.parameters.merge(StatementLog.parameters(statements)) { $1 }
        let cluster = Cluster(settings)
        try await cluster.start()
        let environment = ["DATABASE_URL": cluster.connection.address]
        let server = try await ServerProcess.start(data: folder.path + "/leat", environment: environment)
        let token = try #require(server.token)
        let pool = ConnectionPool(cluster.connection, bounds: .init(connections: 1))
        let shop = Shop(folder: folder, receiver: try await RecordingServer.start())
        // Its lanes have nothing to read, and nothing to say of it.
        try await Crew(shop: shop, database: cluster.connection.address).setUp(server, token: token)
        try await beats(20, pool)
        let began = ContinuousClock.now
        let before = try StatementLog(statements).counts
        try await beats(45, pool)
        let after = try StatementLog(statements).counts
        let seconds = began.duration(to: .now) / .seconds(1)
        let sent = after.merging(before) { $0 - $1 }.filter { $0.value > 0 }
        // Somebody asks for the ends of partitions every half minute, and this test for the beats.
        #expect(sent["tick", default: 0] >= 24, "\(sent)")
        #expect(Double(sent["tick", default: 0]) <= seconds + 3, "\(sent) in \(seconds) s")
        #expect(sent["catalog.revision", default: 0] <= 1, "\(sent)")
        let others = sent.filter { !["tick", "test.beats"].contains($0.key) }
        #expect(others.reduce(0) { $0 + $1.value } <= 6, "\(sent)")

        let change = """
            SELECT leat.add_source('quiet', true, 1);
            UPDATE leat.catalog_revision SET revision = revision + 1
            """
        try await pool.execute(Statement("test.change", change))
        let end = ContinuousClock.now + .seconds(60)
        while try await !shop.leat(["source", "list"], server, token: token).output.contains("quiet") {
            try #require(ContinuousClock.now < end, "the change was not found")
        }
        try await shop.receiver.stop()
        await pool.close()
        #expect(await server.stop() == 0)
        await cluster.stop()
    }

    /// Waits for the server's next signs of life.
    private func beats(_ count: Int64, _ pool: ConnectionPool) async throws {
        let question = Statement("test.beats", "SELECT coalesce(max(beats), 0) FROM leat.node")
        while try await pool.query(question)[0].int8(0) < count { try await Task.sleep(for: .milliseconds(500)) }
    }
}

extension StatementLog {
    /// How often each statement was sent.
    fileprivate var counts: [String: Int] { sent.reduce(into: [:]) { $0[$1.name ?? "", default: 0] += 1 } }
}
