import Foundation
import PostgreSQL
import Synchronization
import TestSupport
import Testing

/// What senders see of a log that is full of what a connection has not read.
@Suite(.serialized, .timeLimit(.minutes(10))) struct BackPressureTests {
    @Test func `Senders wait while a connection that holds keeps the log too large, and go on when it has caught up`()
        async throws
    {
        let isDown = Mutex(true)
        let receiver = try await RecordingServer.start { _ in isDown.withLock { $0 } ? .answer(503) : .answer(200) }
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let cluster = Cluster(PrivateServer.settings(in: shop.folder, isDurable: true))
        try await cluster.start()
        let environment = ["DATABASE_URL": cluster.connection.address, "LEAT_RETENTION_LOG_BYTES": "1"]
        let first = try await ServerProcess.start(data: shop.data, environment: environment)
        let token = try #require(first.token)
        try await shop.setUp(first, token: token)
        #expect(await shop.send([Shop.event(user: 1, number: 0)], to: first)?.status == 200)
        #expect(await first.stop() == 0)
        try await age(cluster)

        let server = try await ServerProcess.start(data: shop.data, environment: environment)
        var number = 1
        let end = ContinuousClock.now + .seconds(90)
        while await shop.send([Shop.event(user: 1, number: number)], to: server)?.status == 200 {
            number += 1
            try #require(ContinuousClock.now < end, "nobody was refused")
            try await Task.sleep(for: .milliseconds(50))
        }
        let accepted = Set((0..<number).map { "u1-\($0)" })
        for refused in 1000..<1003 {
            let answer = try #require(await shop.send([Shop.event(user: 1, number: refused)], to: server))
            #expect(answer.status == 503)
            #expect(try #require(answer.retryAfter.flatMap { Int($0) }) >= 1)
        }
        #expect(try await shop.metric("leat_log_pushed_back_sources", of: server) == 1)
        #expect(server.text.contains("The log is full of what a connection has not read; its source is refused"))

        isDown.withLock { $0 = false }
        while await shop.send([Shop.event(user: 1, number: number)], to: server)?.status != 200 {
            try #require(ContinuousClock.now < end + .seconds(120), "the source was not let in again")
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(try await shop.metric("leat_log_pushed_back_sources", of: server) == 0)
        let counts = try await shop.settled(server, token: token)
        #expect(counts["delivered"] == number + 1 && counts["expired"] == 0)
        // What was refused was not kept, and what was kept was not lost.
        #expect(try Arrivals(receiver.requests).identifiers == accepted.union(["u1-\(number)"]))
        #expect(await server.stop() == 0)
        await cluster.stop()
        try await receiver.stop()
    }

    /// Makes everything in the log five minutes older: the destination was down for so long.
    private func age(_ cluster: Cluster) async throws {
        let session = try await Connection.open(cluster.connection)
        try await session.execute(
            """
            SELECT leat.make_slice('chunk', lower - 10800, lower) FROM (
                SELECT min(split_part(s.name, '_', 2)::bigint) AS lower FROM leat.slices('chunk') AS s
            ) AS s;
            UPDATE leat.chunk SET slice_time = slice_time - interval '5 minutes'
            """
        )
        await session.close()
    }
}
