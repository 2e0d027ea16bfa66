import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PostgreSQL
import Synchronization
import TestSupport
import Testing

/// Dead letters as people meet them, on a real server.
@Suite(.serialized, .timeLimit(.minutes(10))) struct DeadLetterTests {
    /// Refuses every third event for good.
    private static func react(_ request: RecordingServer.Request) -> RecordingServer.Reaction {
        let numbers = (try? Arrivals([request]))?.numbers.values.joined().map { $0 } ?? []
        return numbers.contains { $0.isMultiple(of: 3) } ? .answer(400, body: "not number \(numbers)") : .answer(200)
    }

    private static func object(_ text: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    @Test func `Dead letters are found, shown, edited and exported`() async throws {
        try await RecordingServer.with(Self.react) { receiver in
            let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
            let server = try await ServerProcess.start(data: shop.data)
            let token = try #require(server.token)
            try await shop.setUp(server, token: token, batch: 1)
            for user in 1...3 {
                let events = (0..<9).map { Shop.event(user: user, number: $0) }
                #expect(await shop.send(events, to: server)?.status == 200)
            }
            _ = try await shop.settled(server, token: token)
            func letters(_ words: String...) async throws -> [[String: Any]] {
                let ended = try await shop.leat(["dead-letters", "--json"] + words, server, token: token)
                return try Self.object(ended.output)["deadLetters"] as? [[String: Any]] ?? []
            }
            #expect(try await letters().count == 9)
            #expect(
                try await letters("--destination", "receiver", "--code", "http_400", "--stage", "deliver").count == 9
            )
            #expect(try await letters("--connection", "shop/receiver", "--plugin", "leat.webhook").count == 9)
            #expect(try await letters("--user", "user-2").count == 3)
            #expect(try await letters("--limit", "4").count == 4)
            #expect(try await letters("--from", "1h", "--no-requeued").count == 9)
            #expect(try await letters("--until", "1h").isEmpty)
            #expect(try await letters("--requeued").isEmpty)
            let one = try await letters("--message-id", "u2-6")
            let id = try #require(one.first?["id"] as? String)
            #expect(one.count == 1)

            let summary = try await shop.leat(["dead-letters", "summary", "--json"], server, token: token)
            let groups = try Self.object(summary.output)["groups"] as? [[String: Any]]
            #expect(groups?.count == 1 && groups?.first?["letters"] as? Int == 9)

            let shown = try Self.object(
                try await shop.leat(["dead-letters", "show", id, "--json"], server, token: token).output
            )
            let event = try Self.object(try #require(shown["event"] as? String))
            #expect(event["messageId"] as? String == "u2-6" && shown["inLog"] as? Bool == true)
            #expect((shown["transformed"] as? String)?.contains("user2@example.test") == false)
            let attempts = shown["history"] as? [[String: Any]]
            #expect(attempts?.count == 1 && attempts?.first?["code"] as? String == "http_400")
            let text = try await shop.leat(["dead-letters", "show", id], server, token: token)
            #expect(text.output.contains("\"messageId\": \"u2-6\"") && text.output.contains("http_400"))

            try await edit(shop, server, token, id, event)

            let export = try await shop.leat(
                ["dead-letters", "export", "--connection", "shop/receiver"],
                server,
                token: token
            )
            let lines = export.output.split(separator: "\n")
            #expect(export.status == 0 && lines.count == 9)
            let exported = try lines.map { try Self.object(String($0)) }
            #expect(exported.filter { $0["event"] is String && $0["inLog"] as? Bool == true }.count == 9)
            let whole = try await shop.leat(["dead-letters", "show", id, "--json"], server, token: token)
            #expect(lines.contains { $0 == whole.output.trimmingCharacters(in: .newlines) })
            #expect(!export.text.contains(Shop.writeKey) && !export.text.contains(token))
            #expect(await server.stop() == 0)
        }
    }

    @Test func `Dead letters are requeued by their kind, and what dies again is as visible as the rest`() async throws {
        let isMended = Mutex(false)
        try await RecordingServer.with({ isMended.withLock { $0 } ? .answer(200) : Self.react($0) }) { receiver in
            let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
            let server = try await ServerProcess.start(data: shop.data)
            let token = try #require(server.token)
            try await shop.setUp(server, token: token, batch: 1)
            for user in 1...3 {
                let events = (0..<9).map { Shop.event(user: user, number: $0) }
                #expect(await shop.send(events, to: server)?.status == 200)
            }
            _ = try await shop.settled(server, token: token)
            func told(_ words: String...) async throws -> [String: Any] {
                try Self.object(try await shop.leat(["dead-letters"] + words + ["--json"], server, token: token).output)
            }
            let place = ["requeue", "--connection", "shop/receiver"]
            let nobody = try await shop.leat(["dead-letters", "requeue", "--code", "http_400"], server, token: token)
            #expect(nobody.status == 1 && nobody.text.contains("whose dead letters"))
            #expect(try await told("requeue", "--source", "shop", "--dry-run")["letters"] as? Int == 9)
            #expect(
                try await told(place[0], place[1], place[2], "--message-id", "u1-3", "--dry-run")["letters"] as? Int
                    == 1
            )
            #expect(try await told(place[0], place[1], place[2], "--until", "1h", "--dry-run")["letters"] as? Int == 0)
            let begun = try await told(place[0], place[1], place[2], "--user", "user-2", "--reason", "http_400")
            let requeue = try #require((begun["requeues"] as? [[String: Any]])?.first)
            let id = try #require((requeue["replay"] as? [String: Any])?["id"] as? Int)
            #expect(requeue["letters"] as? Int == 3)
            let counts = try await shop.ended(id, server, token)["counts"] as? [String: Int]
            #expect(counts?["deadLettered"] == 3)

            let died = try await told("list", "--replay", "\(id)")["deadLetters"] as? [[String: Any]] ?? []
            #expect(died.count == 3 && died.allSatisfy { $0["connection"] as? String == "shop/receiver" })
            #expect(died.allSatisfy { $0["replay"] as? Int == id })
            let groups = try await told("summary", "--destination", "receiver")["groups"] as? [[String: Any]]
            #expect(groups?.compactMap { $0["letters"] as? Int }.sorted() == [3, 9])
            let name = try #require(died.first?["id"] as? String)
            let shown = try await shop.leat(["dead-letters", "show", name], server, token: token)
            #expect(shown.output.contains("shop/receiver, of replay \(id)") && shown.output.contains("user-2"))
            let export = try await shop.leat(["dead-letters", "export", "--replay", "\(id)"], server, token: token)
            #expect(export.output.split(separator: "\n").count == 3)

            isMended.withLock { $0 = true }
            let one = try await told("requeue", name)
            #expect(one["letters"] as? Int == 1)
            let rest = try await told("requeue", "--destination", "receiver")
            #expect(rest["letters"] as? Int == 8, "six that were never taken up, and two of the replay")
            let last = try #require((rest["requeues"] as? [[String: Any]])?.first?["replay"] as? [String: Any])
            let ended = try await shop.ended(try #require(last["id"] as? Int), server, token)
            #expect((ended["counts"] as? [String: Int])?["delivered"] == 8)
            try await shop.succeed(["audit", "--deep"], server, token)
            #expect(await server.stop() == 0)
        }
    }

    private func edit(
        _ shop: Shop,
        _ server: ServerProcess,
        _ token: String,
        _ id: String,
        _ event: [String: Any]
    ) async throws {
        func edit(_ change: (inout [String: Any]) -> Void) async throws -> Program.Ended {
            var event = event
            change(&event)
            let file = shop.folder.path + "/event.json"
            try JSONSerialization.data(withJSONObject: event).write(to: URL(filePath: file))
            return try await shop.leat(["dead-letters", "edit", id, "--file", file], server, token: token)
        }
        let other = try await edit { $0["userId"] = "user-9" }
        #expect(other.status == 1 && other.text.contains("other_user"))
        let renamed = try await edit { $0["messageId"] = "another" }
        #expect(renamed.status == 1 && renamed.text.contains("other_message"))
        #expect(try await edit { $0["type"] = "nonsense" }.text.contains("type_unknown"))
        #expect(try await edit { $0["properties"] = ["number": 7] }.status == 0)
        func shown() async throws -> [String: Any] {
            try Self.object(try await shop.leat(["dead-letters", "show", id, "--json"], server, token: token).output)
        }
        let edited = try await shown()
        #expect((edited["edited"] as? [String: Any])?["by"] as? String == "first")
        #expect((edited["editedEvent"] as? String)?.contains("\"number\":7") == true)
        #expect((edited["event"] as? String)?.contains("\"number\":6") == true)
        // An editor that changes the text where it stands.
        let editor = try await Program.run(
            [Program.built("leat"), "dead-letters", "edit", id],
            environment: [
                "LEAT_SERVER": server.address, "LEAT_TOKEN": token, "HOME": shop.folder.path, "PATH": "/usr/bin:/bin",
                "EDITOR": "sed -i s/7/8/",
            ]
        )
        #expect(editor.status == 0, "\(editor.text)")
        #expect((try await shown()["editedEvent"] as? String)?.contains("\"number\":8") == true)
        try await shop.succeed(["dead-letters", "edit", id, "--revert"], server, token)
        let reverted = try await shown()
        #expect(reverted["editedEvent"] is NSNull && reverted["edited"] is NSNull)
    }

    @Test func `Twenty thousand large dead letters are exported without being held in memory`() async throws {
        try await RecordingServer.with { receiver in
            try await PrivateServer.running { cluster in
                let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
                let server = try await ServerProcess.start(
                    data: shop.data,
                    environment: ["DATABASE_URL": cluster.connection.address]
                )
                let token = try #require(server.token)
                try await shop.setUp(server, token: token)
                let database = try await Connection.open(cluster.connection)
                _ = try await database.query(
                    """
                    INSERT INTO leat.dead_letter (partition_id, consumer_id, event_offset, part, died_at, user_hash,
                        slice_time, stage, code, reason, attempts, payload_before)
                    SELECT (SELECT min(partition_id) FROM leat.partition), (SELECT min(connection_id) FROM leat.connection),
                        n, 0, now() - n / 9 * interval '1 ms', 0, now(), 'deliver', 'http_400', 'refused', 1,
                        convert_to('{"pad":"' || repeat('x', 10000) || '"}', 'UTF8')
                    FROM generate_series(1, 20000) AS n
                    """,
                    []
                )
                await database.close()
                let before = try memory(of: server)
                let client = HTTPClient()
                var request = HTTPClientRequest(
                    url: server.address + "/api/v1/dead-letters/export?connection=shop/receiver"
                )
                request.headers.add(name: "Authorization", value: "Bearer \(token)")
                let response = try await client.execute(request, timeout: .minutes(4))
                var (lines, bytes, most) = (0, 0, 0)
                for try await part in response.body {
                    lines += part.readableBytesView.reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
                    bytes += part.readableBytes
                    most = max(most, try memory(of: server))
                }
                try await client.shutdown()
                #expect(lines == 20_000 && bytes > 200_000_000)
                #expect(most - before < 96 * 1024, "the server grew by \(most - before) KiB")
                #expect(await server.stop() == 0)
            }
        }
    }

    /// What the server holds in memory.
    /// - Unit: KiB.
    private func memory(of server: ServerProcess) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(server.pid)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return try #require(
            line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) }
        )
    }
}
