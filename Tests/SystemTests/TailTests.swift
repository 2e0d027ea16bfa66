import Foundation
import PostgreSQL
import Synchronization
import TestSupport
import Testing

/// Events watched on real servers, with the plugins that ship and a receiver that refuses some of them.
@Suite(.serialized, .timeLimit(.minutes(10))) struct TailTests {
    /// Number 5 is refused for good, and number 7 is told, when the test says so, to be tried again in an hour.
    private static func react(_ request: RecordingServer.Request) -> RecordingServer.Reaction {
        if request.text.contains("\"number\":5,") { return .answer(400) }
        if request.text.contains("\"number\":7,") { return .hold(503, headers: [("Retry-After", "3600")]) }
        return .answer(200)
    }

    private static func with(
        _ react: @escaping @Sendable (RecordingServer.Request) -> RecordingServer.Reaction = { _ in .answer(200) },
        batch: Int = 1,
        _ body: (Shop, ServerProcess, String) async throws -> Void
    ) async throws {
        try await RecordingServer.with(react) { receiver in
            let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
            let server = try await ServerProcess.start(data: shop.data)
            let token = try #require(server.token)
            do {
                try await shop.setUp(server, token: token, batch: batch)
                try await body(shop, server, token)
            } catch {
                await server.kill()
                throw error
            }
            _ = await server.stop()
        }
    }

    private static func events(_ numbers: Range<Int>, user: Int = 1) -> [String] {
        numbers.map { Shop.event(user: user, number: $0) }
    }

    @Test func `Each stage shows what passes it, with what was done to it`() async throws {
        try await Self.with(Self.react) { shop, server, token in
            let accepted = try await TailProbe.open(server, token, "stage=accepted&source=shop&limit=20")
            let transformed = try await TailProbe.open(
                server,
                token,
                "stage=transformed&connection=shop/receiver&user=user-2&limit=10"
            )
            let delivered = try await TailProbe.open(server, token, "stage=delivered&destination=receiver")
            let condition = "event%20%3D%3D%20%22Counted%22%20%26%26%20properties.number%20%3E%3D%208"
            let chosen = try await TailProbe.open(server, token, "stage=accepted&limit=4&where=\(condition)")
            for probe in [accepted, transformed, delivered, chosen] { #expect(probe.status == 200) }
            #expect(await shop.send(Self.events(0..<10), to: server)?.status == 200)
            #expect(await shop.send(Self.events(0..<10, user: 2), to: server)?.status == 200)

            let kept = try await accepted.messages()
            #expect(kept.count == 21 && kept.last?.kind == "end")
            #expect(Set(kept.map(\.messageID)).isSuperset(of: (0..<10).flatMap { ["u1-\($0)", "u2-\($0)"] }))
            #expect(kept.first?.json["source"] as? String == "shop" && kept.first?.json["offset"] is Int)
            let first = kept.first?.event["properties"] as? [String: Any]
            #expect((first?["email"] as? String)?.hasSuffix("@example.test") == true)

            let parts = try await transformed.messages().dropLast()
            #expect(parts.map(\.messageID) == (0..<10).map { "u2-\($0)" })
            let masked = parts.first?.event["properties"] as? [String: Any]
            #expect(masked?["email"] as? String != "user2@example.test")
            let plugins = parts.first?.json["plugins"] as? [String] ?? []
            #expect(plugins.map { $0.prefix { $0 != "@" } } == ["com.example.mask-email", "leat.webhook"])
            #expect(parts.first?.json["connection"] as? String == "shop/receiver")

            #expect(
                try await chosen.messages().dropLast().map { $0.messageID }.sorted() == [
                    "u1-8", "u1-9", "u2-8", "u2-9",
                ]
            )

            // Of each user 8 and 9 wait behind 7, which is parked because meanwhile another event was served.
            #expect(await shop.receiver.wait { $0.count { $0.text.contains("\"number\":7,") } == 2 })
            #expect(await shop.send(Self.events(0..<1, user: 3), to: server)?.status == 200)
            var ends: [String: Int] = [:]
            _ = try await delivered.messages { message in
                let outcome = message.json["outcome"] as? String ?? ""
                if message.messageID == "u3-0" { shop.receiver.release() }
                if outcome == "delivered" {
                    #expect(message.json["status"] as? Int == 200 && message.json["attempts"] as? Int == 1)
                    #expect(message.json["seconds"] is Double)
                }
                if message.messageID.hasSuffix("-5") {
                    #expect(outcome == "dead-lettered" && message.json["code"] as? String == "http_400")
                    #expect(message.json["status"] as? Int == 400)
                }
                if message.messageID.hasSuffix("-7") {
                    #expect(outcome == "parked" && message.json["code"] as? String == "http_503")
                }
                ends[outcome, default: 0] += 1
                return ends.values.reduce(0, +) == 21
            }
            #expect(ends == ["delivered": 13, "dead-lettered": 2, "parked": 6])
        }
    }

    @Test func `What a client does not read is left out and counted, to the last event`() async throws {
        try await Self.with(batch: 20) { shop, server, token in
            let probe = try await TailProbe.open(server, token, "stage=accepted")
            let pad = String(repeating: "x", count: 20_000)
            var sent = 0
            for round in 0..<60 {
                let events = (0..<25).map { number in
                    """
                    {"type":"track","event":"Padded","messageId":"r\(round)-\(number)","userId":"user-\(number % 4)",\
                    "properties":{"pad":"\(pad)"}}
                    """
                }
                #expect(await shop.send(events, to: server)?.status == 200)
                sent += events.count
            }
            #expect(await shop.send(Self.events(0..<1), to: server)?.status == 200)
            var (shown, dropped) = (0, 0)
            // Reading begins only now; the last event comes when there is room again.
            _ = try await probe.messages { message in
                if message.kind == "accepted" { shown += 1 }
                dropped += message.number
                return shown + dropped >= sent + 1
            }
            #expect(shown + dropped == sent + 1, "\(shown) shown, \(dropped) left out")
            #expect(shown > 0 && dropped > 0, "\(shown) shown, \(dropped) left out")
        }
    }

    @Test func `No more than sixteen watch at a time, and who leaves makes room`() async throws {
        try await Self.with { shop, server, token in
            var probes: [TailProbe] = []
            for _ in 0..<16 { probes.append(try await TailProbe.open(server, token, "stage=delivered")) }
            #expect(probes.allSatisfy { $0.status == 200 })
            #expect(try await TailProbe.open(server, token, "stage=accepted").status == 429)
            #expect(try await TailProbe.open(server, token, "stage=accepted&where=a%20=%3D%3D%20b").status == 400)
            #expect(try await TailProbe.open(server, token, "stage=accepted&destination=receiver").status == 400)
            #expect(try await TailProbe.open(server, token, "stage=delivered&destination=nobody").status == 404)
            // One that nobody has any more is noticed by its next word, or by the silence after it.
            probes.removeAll()
            let end = ContinuousClock.now + .seconds(60)
            while try await TailProbe.open(server, token, "stage=accepted&limit=1").status != 200 {
                try #require(ContinuousClock.now < end, "nobody made room")
                #expect(await shop.send(Self.events(0..<1), to: server)?.status == 200)
            }
        }
    }

    @Test func `A server that stops ends those who watch it with a word, and does not wait for them`() async throws {
        try await Self.with { shop, server, token in
            let probe = try await TailProbe.open(server, token, "stage=accepted")
            async let words = shop.leat(["tail", "--stage", "delivered"], server, token: token)
            async let messages = probe.messages()
            #expect(await shop.send(Self.events(0..<1), to: server)?.status == 200)
            let begin = ContinuousClock.now
            #expect(await server.stop() == 0)
            #expect(ContinuousClock.now - begin < .seconds(25))
            #expect(try await messages.last?.kind == "end")
            let ended = try await words
            #expect(ended.status == 1, "\(ended.text)")
        }
    }

    @Test func `The command shows what passes on two servers, and names one that it cannot reach`() async throws {
        let receiver = try await RecordingServer.start()
        try await PrivateServer.running { cluster in
            let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
            let environment = ["DATABASE_URL": cluster.connection.address]
            let first = try await ServerProcess.start(
                data: shop.data,
                environment: environment.merging(["LEAT_NODE_NAME": "one"]) { $1 }
            )
            let second = try await ServerProcess.start(
                data: shop.data + "-2",
                environment: environment.merging(["LEAT_NODE_NAME": "two"]) { $1 }
            )
            let third = try await ServerProcess.start(
                data: shop.data + "-3",
                words: ["--host", "0.0.0.0"],
                environment: environment.merging(["LEAT_NODE_NAME": "three"]) { $1 }
            )
            let token = try #require(first.token)
            try await shop.setUp(first, token: token)
            try await shop.hears(second)
            for stage in ["accepted", "delivered"] {
                let isOver = Atomic<Bool>(false)
                async let tail = shop.leat(["tail", "--stage", stage, "--limit", "400", "--json"], first, token: token)
                async let sent: Void = {
                    var number = 0
                    while !isOver.load(ordering: .relaxed) {
                        for (user, server) in [(1, first), (2, second)] {
                            // So many that the third, which is not watched, does not deliver to all of them.
                            let users = stage == "accepted" ? [user] : Array(stride(from: user, to: 17, by: 2))
                            _ = await shop.send(users.map { Shop.event(user: $0, number: number) }, to: server)
                        }
                        number += 1
                        // Both are watched long before one of them has shown all.
                        try? await Task.sleep(for: .milliseconds(10))
                    }
                }()
                let ended = try await tail
                isOver.store(true, ordering: .relaxed)
                await sent
                #expect(ended.status == 0, "\(ended.text)")
                #expect(ended.errors.contains("400 shown, 0 left out."))
                #expect(ended.errors.contains("Not watched: three"), "\(ended.errors)")
                let lines = ended.output.split(separator: "\n")
                #expect(lines.count == 400)
                for user in [1, 2] where stage == "accepted" {
                    #expect(lines.contains { $0.contains("\"userId\":\"user-\(user)\"") }, "user \(user), \(stage)")
                }
            }
            for server in [first, second, third] { #expect(await server.stop() == 0) }
        }
        try await receiver.stop()
    }
}
