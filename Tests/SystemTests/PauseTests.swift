import Foundation
import PostgreSQL
import TestSupport
import Testing

/// An operator stops delivery to a destination and lets it go on, with two servers under load.
@Suite(.serialized, .timeLimit(.minutes(10))) struct PauseTests {
    @Test func `A pause and a drain hold on every server and over restarts, and lose and reorder nothing`() async throws
    {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let cluster = Cluster(PrivateServer.settings(in: shop.folder, isDurable: true))
        try await cluster.start()
        let crew = Crew(shop: shop, database: cluster.connection.address)
        let first = try await crew.start("one")
        let token = try #require(first.token)
        try await crew.setUp(first, token: token)
        let second = try await crew.start("two")
        try await crew.wait(on: first, token, for: ["one": 4, "two": 4])
        let senders = Senders(shop, [("one", first)])
        var lapses = 0.0
        try await senders.during {
            try await until("something arrives") { receiver.requests.count > 10 }
            let words = ["destination", "pause", "receiver", "--reason", "their database is moved"]
            try await shop.succeed(words, first, token)
            try await until("every lane has left") { try await status(shop, first, token).nodes == 0 }
            let before = receiver.requests.count
            let shown = try await shop.leat(["destination", "show", "receiver"], second, token: token).output
            #expect(shown.contains("receiver: paused since ") && shown.contains("by first: their database is moved"))
            lapses += try await shop.lapses(on: second)
            #expect(await second.stop() == 0)
            let again = try await crew.start("two")
            try await crew.wait(on: first, token, for: ["one": 4, "two": 4])
            try await until("events wait") { try await status(shop, first, token).unread > 100 }
            #expect(receiver.requests.count == before, "something was sent to a paused destination")
            try await shop.succeed(["destination", "resume", "receiver"], again, token)
            try await until("delivery goes on") { receiver.requests.count > before + 10 }

            try await senders.pauseSending()
            let accepted = try await shop.counts(first, token: token)["accepted"] ?? 0
            try await shop.succeed(["destination", "drain", "receiver"], first, token)
            // What a lane reads before it hears of the drain is delivered, too.
            try await shop.learned(by: first, again, token: token)
            senders.goOn()
            try await until("it is drained") { try await status(shop, first, token).state == "drained" }
            #expect(try await shop.counts(first, token: token)["delivered"] == accepted)
            try await until("later events wait") { try await status(shop, first, token).unread > 50 }
            #expect(try await status(shop, first, token).state == "drained")
            #expect(try await shop.counts(first, token: token)["delivered"] == accepted)
            try await shop.succeed(["destination", "resume", "receiver"], first, token)
            lapses += try await shop.lapses(on: again)
            #expect(await again.stop() == 0)
        }
        let counts = try await shop.settled(first, token: token)
        let arrivals = try Arrivals(receiver.requests)
        #expect(counts["delivered"] == counts["accepted"] && counts["expired"] == 0)
        lapses += try await shop.lapses(on: first)
        let isOnce = arrivals.count == arrivals.identifiers.count
        #expect(isOnce || lapses > 0, "every hand-over was in order, so nothing came twice")
        for (user, count) in senders.kept { #expect(arrivals.numbers[user] == Array(0..<count), "user \(user)") }
        try await shop.succeed(["audit"], first, token)
        #expect(await first.stop() == 0)
        await cluster.stop()
        try await receiver.stop()
    }

    private func status(
        _ shop: Shop,
        _ server: ServerProcess,
        _ token: String
    ) async throws -> (state: String, unread: Int, nodes: Int) {
        let ended = try await shop.leat(["destination", "show", "receiver", "--json"], server, token: token)
        let json = try JSONSerialization.jsonObject(with: Data(ended.output.utf8)) as? [String: Any]
        let status = try #require(json, "\(ended.text)")
        let nodes = status["nodes"] as? [[String: Any]] ?? []
        return (status["state"] as? String ?? "", status["unread"] as? Int ?? -1, nodes.count)
    }

    private func until(_ what: String, _ isReached: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await !isReached() {
            try #require(ContinuousClock.now < end, "in vain: \(what)")
            try await Task.sleep(for: .milliseconds(50))
        }
    }
}
