import Foundation
import PostgreSQL
import TestSupport
import Testing

/// What becomes of the events that a paused destination has not had, when the log's time or room for them is up.
@Suite(.serialized, .timeLimit(.minutes(10))) struct PausedRetentionTests {
    /// What a connection says with `lag`, and what ends the stay of its events.
    struct Case: CustomTestStringConvertible, Sendable {
        let lag: String
        /// Whether it is the bound of bytes, and not the time.
        let isFull: Bool
        var testDescription: String { "\(lag), \(isFull ? "bytes" : "time")" }
    }

    private static let cases = ["hold", "expire"].flatMap { lag in [false, true].map { Case(lag: lag, isFull: $0) } }

    @Test(arguments: cases)
    func `A paused connection that holds keeps its events and loses none, and one that expires gives them up`(
        one: Case
    ) async throws {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let cluster = Cluster(PrivateServer.settings(in: shop.folder, isDurable: true))
        try await cluster.start()
        var environment = ["DATABASE_URL": cluster.connection.address]
        environment[one.isFull ? "LEAT_RETENTION_LOG_BYTES" : "LEAT_RETENTION_LOG"] = "1"
        let first = try await ServerProcess.start(data: shop.data, environment: environment)
        let token = try #require(first.token)
        try await shop.setUp(first, token: token)
        let file = shop.folder.path + "/lag.yaml"
        try "connections: [{source: shop, destination: receiver, lag: \(one.lag)}]"
            .write(toFile: file, atomically: true, encoding: .utf8)
        try await shop.succeed(["apply", "-f", file], first, token)
        try await shop.succeed(["destination", "pause", "receiver", "--reason", "a test"], first, token)
        try await shop.learned(by: first, token: token)
        let events = (0..<5).map { Shop.event(user: 1, number: $0) }
        #expect(await shop.send(events, to: first)?.status == 200)
        #expect(await first.stop() == 0)
        let session = try await Connection.open(cluster.connection)
        try await session.execute(Self.age)

        let server = try await ServerProcess.start(data: shop.data, environment: environment)
        try await Self.until("upkeep has looked at the slices") {
            if one.lag == "expire" { return try await Self.kept(session) == 0 }
            let name = one.isFull ? "leat_log_pushed_back_sources" : "leat_log_held_slices"
            return try await shop.metric(name, of: server) >= 1
        }
        #expect(try await Self.kept(session) == (one.lag == "hold" ? 5 : 0))
        if one.lag == "hold", one.isFull {
            #expect(await shop.send([Shop.event(user: 1, number: 5)], to: server)?.status == 503)
        }
        #expect(receiver.requests.isEmpty)
        try await shop.succeed(["destination", "resume", "receiver"], server, token)
        try await Self.until("senders are let in again") {
            await shop.send([Shop.event(user: 1, number: 5)], to: server)?.status == 200
        }
        let counts = try await shop.settled(server, token: token)
        let numbers = try Arrivals(receiver.requests).numbers[1]
        #expect(counts["expired"] == (one.lag == "hold" ? 0 : 5))
        #expect(numbers == (one.lag == "hold" ? Array(0..<6) : [5]))
        try await shop.succeed(["audit"], server, token)
        await session.close()
        #expect(await server.stop() == 0)
        await cluster.stop()
        try await receiver.stop()
    }

    /// Makes everything in the log four hours older, and so its slice one that is over.
    private static let age = """
        SELECT leat.make_slice('chunk', lower - 10800, lower), leat.make_slice('chunk', lower - 21600, lower - 10800) FROM (
            SELECT min(split_part(s.name, '_', 2)::bigint) AS lower FROM leat.slices('chunk') AS s
        ) AS s;
        UPDATE leat.chunk SET slice_time = slice_time - interval '4 hours'
        """

    /// Events that the log holds.
    private static func kept(_ session: Connection) async throws -> Int64 {
        let count = Statement("test.kept", "SELECT coalesce(sum(event_count), 0)::int8 FROM leat.chunk")
        return try await session.query(count)[0].int8(0)
    }

    private static func until(_ what: String, _ isReached: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(120)
        while try await !isReached() {
            try #require(ContinuousClock.now < end, "in vain: \(what)")
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
