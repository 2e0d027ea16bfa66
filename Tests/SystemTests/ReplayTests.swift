import Foundation
import PostgreSQL
import TestSupport
import Testing

/// Replays by real servers.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ReplayTests {
    private static let users = 10

    @Test func `A replay goes on after its server was killed, and in the end every event was sent and counted once`()
        async throws
    {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        var server = try await ServerProcess.start(data: shop.data)
        let token = try #require(server.token)
        // One event to a request, so that counting requests tells how far the replay is.
        try await shop.setUp(server, token: token, batch: 1)
        let total = try await shop.fill(server, token: token, users: Self.users, each: 100)
        try await shop.succeed(
            ["replay", "start", "--connection", "shop/receiver", "--from", "1h", "--rate", "100", "--yes"],
            server,
            token
        )
        let id = try #require(try await shop.replays(server, token).first?["id"] as? Int)
        // So slow in the end that it is not over when it is paused, however long a start takes.
        for (wanted, rate) in [(200, 50), (500, 10)] {
            #expect(await receiver.wait(atMost: .seconds(60)) { Self.replayed($0).count >= wanted })
            try await shop.succeed(["replay", "rate", "\(id)", "\(rate)"], server, token)
            await server.kill()
            server = try await ServerProcess.start(data: shop.data)
        }
        try await shop.succeed(["replay", "pause", "\(id)"], server, token)
        try await shop.succeed(["replay", "rate", "\(id)", "100000"], server, token)
        try await shop.succeed(["replay", "resume", "\(id)"], server, token)
        let ended = try await shop.ended(id, server, token)
        #expect(ended["state"] as? String == "done")
        let counts = try #require(ended["counts"] as? [String: Int])
        #expect(counts["read"] == total && counts["delivered"] == total && counts["waiting"] == 0)
        let arrivals = try Arrivals(Self.replayed(receiver.requests))
        #expect(arrivals.identifiers.count == total)
        for user in 0..<Self.users { #expect(arrivals.numbers[user] == Array(0..<100), "user \(user)") }
        // Its own counts are as they were.
        #expect(try await shop.counts(server, token: token)["delivered"] == total)
        try await shop.succeed(["audit", "--deep"], server, token)
        #expect(await server.stop() == 0)
        try await receiver.stop()
    }

    @Test func `Two servers keep a replay's rate together, and one user's events can be replayed alone`() async throws {
        let receiver = try await RecordingServer.start()
        try await PrivateServer.running { cluster in
            let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
            let crew = Crew(shop: shop, database: cluster.connection.address)
            let (first, second) = (try await crew.start("one"), try await crew.start("two"))
            let token = try #require(first.token)
            try await shop.setUp(first, token: token, batch: 1)
            try await shop.hears(second)
            try await crew.wait(on: first, token, for: ["one": 2, "two": 2])
            let total = try await shop.fill(first, token: token, users: 40, each: 40)
            let words = ["replay", "start", "--connection", "shop/receiver", "--from", "1h", "--yes"]
            let begun = ContinuousClock.now
            try await shop.succeed(words + ["--rate", "100"], first, token)
            #expect(await receiver.wait(atMost: .seconds(90)) { Self.replayed($0).count >= 900 })
            Self.check(Self.replayed(receiver.requests).map { ($0.at - begun) / .seconds(1) })
            let id = try #require(try await shop.replays(first, token).first?["id"] as? Int)
            try await shop.succeed(["replay", "rate", "\(id)", "100000"], second, token)
            let ended = try await shop.ended(id, second, token)
            #expect((ended["counts"] as? [String: Int])?["delivered"] == total)
            try await shop.succeed(words + ["--user", "user-7", "--rate", "1000"], second, token)
            let one = try #require(try await shop.replays(first, token).first?["id"] as? Int)
            #expect((try await shop.ended(one, first, token)["counts"] as? [String: Int])?["delivered"] == 40)
            let marked = receiver.requests.filter { $0.header("Leat-Replay") == "\(one)" }
            #expect(try Arrivals(marked).numbers == [7: Array(0..<40)])
            try await shop.succeed(["audit", "--deep"], first, token)
            #expect(await first.stop() == 0)
            #expect(await second.stop() == 0)
        }
        try await receiver.stop()
    }

    /// Looks at when events came, in seconds since a replay of 100 in a second began on two servers.
    private static func check(_ times: [Double]) {
        // What each may have saved up, and a portion that each may have begun.
        let ahead = 60
        for number in 150..<900 {
            #expect(times[number] >= Double(number - ahead) / 100, "event \(number) came after \(times[number]) s")
        }
        // A busy machine has them come later, but not all the time; one server alone never sends more than half.
        let best = zip(times, times.dropFirst(200)).map { 200 / ($1 - $0) }.max() ?? 0
        #expect(best > 70, "both together sent \(best) events a second at best")
    }

    private static func replayed(_ requests: [RecordingServer.Request]) -> [RecordingServer.Request] {
        requests.filter { $0.header("Leat-Replay") != nil }
    }
}

extension Shop {
    /// Sends events of so many users and waits until all are delivered; says how many.
    fileprivate func fill(_ server: ServerProcess, token: String, users: Int, each: Int) async throws -> Int {
        for number in stride(from: 0, to: each, by: 10) {
            for user in 0..<users {
                let events = (number..<number + 10).map { Shop.event(user: user, number: $0) }
                guard await send(events, to: server)?.status == 200 else { throw Refused(words: "not accepted") }
            }
        }
        let counts = try await settled(server, token: token)
        guard let delivered = counts["delivered"], delivered == counts["accepted"] else {
            throw Refused(words: "\(counts)")
        }
        return delivered
    }

    fileprivate func replays(_ server: ServerProcess, _ token: String) async throws -> [[String: Any]] {
        let ended = try await leat(["replay", "list", "--json"], server, token: token)
        let json = try JSONSerialization.jsonObject(with: Data(ended.output.utf8)) as? [String: Any]
        return json?["replays"] as? [[String: Any]] ?? []
    }

    /// Waits until a replay's lanes are ended.
    func ended(_ id: Int, _ server: ServerProcess, _ token: String) async throws -> [String: Any] {
        let end = ContinuousClock.now + .seconds(90)
        while true {
            let shown = try await leat(["replay", "show", "\(id)", "--json"], server, token: token)
            let json = try? JSONSerialization.jsonObject(with: Data(shown.output.utf8)) as? [String: Any]
            if let json, json["endedAt"] is String { return json }
            guard ContinuousClock.now < end else { throw Refused(words: "not ended: \(shown.text)") }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}
