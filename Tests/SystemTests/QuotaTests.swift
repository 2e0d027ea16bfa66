import Foundation
import PostgreSQL
import TestSupport
import Testing

/// The limits of a source on real servers.
@Suite(.serialized, .timeLimit(.minutes(10))) struct QuotaTests {
    /// Sends one event until something else than "not now" is answered.
    private func answer(_ number: Int, _ server: ServerProcess, _ shop: Shop) async throws -> Int? {
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            let answer = await shop.send([Shop.event(user: 1, number: number)], to: server)
            if let answer, answer.status != 503 { return answer.status }
            try await Task.sleep(for: .milliseconds(100))
        }
        return nil
    }

    @Test func `A daily limit holds over nodes and restarts, and is gone when it is taken away`() async throws {
        let receiver = try await RecordingServer.start { _ in .answer(200) }
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        try await PrivateServer.running { cluster in
            let environment = ["DATABASE_URL": cluster.settings.connection(database: "postgres").address]
            let first = try await ServerProcess.start(data: shop.data, environment: environment)
            let token = try #require(first.token)
            try await shop.setUp(first, token: token)
            try await shop.succeed(["source", "limit", "shop", "--bytes-per-day", "5000"], first, token)
            var accepted = 0
            while try await answer(accepted, first, shop) == 200 {
                accepted += 1
                try #require(accepted < 100)
            }
            #expect((5...30).contains(accepted))
            #expect(try await answer(1_000, first, shop) == 429)
            let other = try await ServerProcess.start(data: shop.folder.path + "/other", environment: environment)
            #expect(try await answer(2_000, other, shop) == 429)
            await first.kill()
            let again = try await ServerProcess.start(data: shop.data, environment: environment)
            #expect(try await answer(3_000, again, shop) == 429)
            let refused = await shop.send([Shop.event(user: 1, number: 4_000)], to: again)
            let seconds = try #require(refused?.retryAfter.flatMap { Int($0) })
            #expect((1...86_400).contains(seconds))
            try await shop.succeed(["source", "limit", "shop", "--none"], again, token)
            #expect(try await answer(5_000, again, shop) == 200)
            #expect(await other.stop() == 0)
            #expect(await again.stop() == 0)
        }
        try await receiver.stop()
    }
}
