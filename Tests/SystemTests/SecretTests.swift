import Foundation
import PostgreSQL
import Synchronization
import TestSupport
import Testing

/// Secrets on real servers: put into requests on all of them, and found nowhere else.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SecretTests {
    private static let first = ["MARK-login:MARK-first/pass word", "MARK \"first\"\\api/key+1="]
    private static let second = ["MARK-login:MARK-second/pass word", "MARK \"second\"\\api/key+2="]
    private static let config = ", secret: login, headers: {X-Api-Key: \"${secret:api}\"}"

    private static let unreserved = CharacterSet.alphanumerics.union(CharacterSet(charactersIn: "-._~"))

    /// Answers in every way that there is to fail, and repeats what it was sent each time.
    private final class Echo: Sendable {
        private let seen = Mutex<Set<Int>>([])

        func react(_ request: RecordingServer.Request) -> RecordingServer.Reaction {
            let number = Arrivals.number(of: request)
            let isNew = seen.withLock { $0.insert(number).inserted }
            let login = request.header("Authorization") ?? ""
            let key = request.header("X-Api-Key") ?? ""
            let plain = String(decoding: Data(base64Encoded: String(login.dropFirst(6))) ?? Data(), as: UTF8.self)
            let percent = key.addingPercentEncoding(withAllowedCharacters: SecretTests.unreserved) ?? ""
            let quoted = String(decoding: (try? JSONEncoder().encode([key, plain])) ?? Data(), as: UTF8.self)
            let echo = "\(login) \(plain) \(key) \(percent) \(quoted) \(Data(key.utf8).base64EncodedString())"
            let headers = [("X-Echo", "\(login) \(percent)"), ("Location", "http://127.0.0.1:1/?leak=\(percent)")]
            switch number % 8 {
            case 1: return .answer(400, headers: headers, body: echo)
            case 2 where isNew: return .answer(503, headers: headers, body: echo)
            case 3 where isNew: return .hangUp
            case 4: return .answer(302, headers: headers, body: echo)
            case 5: return .answer(404, headers: headers, body: echo)
            case 6 where isNew: return .garbage
            case 7: return .answer(422, headers: headers, body: echo)
            default: return .answer(200, headers: headers, body: echo)
            }
        }
    }

    /// Fails where a text holds a value in any form.
    private static func search(_ text: String, _ place: String) {
        for value in first + second + first.map({ String($0.dropFirst(11)) }) {
            let data = Data(value.utf8)
            let forms = [
                value, data.base64EncodedString(), data.map { String(format: "%02x", $0) }.joined(),
                value.addingPercentEncoding(withAllowedCharacters: unreserved) ?? value,
                String(decoding: (try? JSONEncoder().encode(value).dropFirst().dropLast()) ?? Data(), as: UTF8.self),
            ]
            for form in forms where !form.isEmpty {
                #expect(!text.contains(form), "\(place) holds \(form)")
            }
        }
        #expect(!text.contains("MARK"), "\(place)")
    }

    private static func set(_ values: [String], _ shop: Shop, _ server: ServerProcess, _ token: String) async throws {
        let words = [
            ["secret", "set", "login", "--destination", "receiver", "--as", "basic"],
            ["secret", "set", "api", "--plugin", "leat.webhook"],
        ]
        for (words, value) in zip(words, values) {
            let ended = try await shop.leat(words, server, token: token, input: value + "\n")
            #expect(ended.status == 0, "\(ended.text)")
            search(ended.text, "leat secret set")
        }
    }

    @Test func `Secrets reach the destination from every server, and stand nowhere else whatever it answers`()
        async throws
    {
        let echo = Echo()
        let receiver = try await RecordingServer.start { echo.react($0) }
        try await PrivateServer.running { cluster in
            let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
            let environment = [
                "DATABASE_URL": cluster.connection.address, "LEAT_LOG_LEVEL": "trace",
                "LEAT_SECRET_KEY": String(repeating: "5a", count: 32),
            ]
            let one = try await ServerProcess.start(data: shop.data, environment: environment)
            let token = try #require(one.token)
            let two = try await ServerProcess.start(data: shop.data + "-2", environment: environment)
            try await Self.set(Self.first, shop, one, token)
            try await shop.setUp(one, token: token, batch: 1, config: Self.config)
            try await shop.hears(two)
            for number in 0..<32 {
                let events = [Shop.event(user: number, number: number)]
                #expect(await shop.send(events, to: number.isMultiple(of: 2) ? one : two)?.status == 200)
            }
            _ = try await shop.settled(one, token: token)
            Self.check(receiver.requests, Self.first)
            let before = receiver.requests.count

            // A change on one server counts on the other without a restart.
            try await Self.set(Self.second, shop, two, token)
            try await shop.learned(by: one, two, token: token)
            for number in 32..<64 {
                #expect(await shop.send([Shop.event(user: number, number: number)], to: one)?.status == 200)
            }
            let counts = try await shop.settled(one, token: token)
            Self.check(Array(receiver.requests.dropFirst(before)), Self.second)
            #expect(counts["deadLettered"] == 32 && counts["delivered"] == 33, "\(counts)")

            try await Self.searchEverything(shop, [one, two], token, cluster.connection.address)
            #expect(await one.stop() == 0)
            #expect(await two.stop() == 0)
            for server in [one, two] { Self.search(server.text, "a server's log") }

            let again = try await ServerProcess.start(data: shop.data, environment: environment)
            #expect(await shop.send([Shop.event(user: 70, number: 80)], to: again)?.status == 200)
            _ = try await shop.settled(again, token: token)
            Self.check(receiver.requests.suffix(1).map { $0 }, Self.second)
            #expect(await again.stop() == 0)
        }
        try await receiver.stop()
    }

    private static func check(_ requests: [RecordingServer.Request], _ values: [String]) {
        #expect(!requests.isEmpty)
        for request in requests {
            #expect(request.header("Authorization") == "Basic " + Data(values[0].utf8).base64EncodedString())
            #expect(request.header("X-Api-Key") == values[1])
            #expect(!request.text.contains("MARK") && !request.uri.contains("MARK"))
        }
    }

    private static func searchEverything(
        _ shop: Shop,
        _ servers: [ServerProcess],
        _ token: String,
        _ database: String
    ) async throws {
        let commands = [
            ["secret", "list"], ["secret", "list", "--json"], ["dead-letters", "--json"], ["export"], ["audit"],
            ["destination", "list"], ["log"], ["lanes"], ["counts"], ["refused"], ["plugin", "list"],
        ]
        for server in servers {
            for words in commands {
                let ended = try await shop.leat(words, server, token: token)
                #expect(ended.status == 0, "\(words): \(ended.text)")
                search(ended.text, words.joined(separator: " "))
            }
            for path in [
                "/metrics", "/health", "/api/v1/dead-letters?limit=1000", "/api/v1/dead-letters/export",
                "/api/v1/secrets/api", "/api/v1/destinations",
            ] {
                let text = try await shop.text(path, of: server, token: token)
                #expect(!text.isEmpty && !text.contains("\"unauthorized\""))
                search(text, path)
            }
        }
        let letters = try await shop.text("/api/v1/dead-letters/export", of: servers[0], token: token)
        #expect(letters.contains("•••") && letters.contains("http_422") && letters.contains("http_302"))
        let dump = try await Program.run(
            ["pg_dump", "--inserts", "-d", database],
            environment: ["PATH": "/usr/bin:/bin"]
        )
        #expect(dump.status == 0 && dump.output.contains("leat.secret"))
        search(dump.output, "pg_dump")
    }

    private static func wait(_ isSo: () async throws -> Bool) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while try await !isSo() {
            try #require(ContinuousClock.now < end)
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    @Test func `A key is made beside a private database, and with another nothing is lost`() async throws {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let file = shop.data + "/secret-key"
        let first = try await ServerProcess.start(data: shop.data)
        let token = try #require(first.token)
        #expect(first.text.contains("A key for secrets was made.") && first.text.contains(file))
        let rights = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? NSNumber
        #expect(rights?.intValue == 0o600)
        let key = try String(contentsOfFile: file, encoding: .utf8)
        #expect(!first.text.contains(key.dropLast()))
        try await Self.set(Self.first, shop, first, token)
        try await shop.setUp(first, token: token, batch: 1, config: Self.config)
        #expect(await shop.send([Shop.event(user: 1, number: 1)], to: first)?.status == 200)
        _ = try await shop.settled(first, token: token)
        #expect(await first.stop() == 0)

        try (String(repeating: "ab", count: 32) + "\n").write(toFile: file, atomically: false, encoding: .utf8)
        let wrong = try await ServerProcess.start(data: shop.data)
        #expect(wrong.text.contains("A secret cannot be opened") && wrong.text.contains("secret=login"))
        #expect(wrong.text.contains("which this server does not have"))
        #expect(try await shop.metric("leat_secrets_locked", of: wrong) == 2)
        #expect(await shop.send([Shop.event(user: 1, number: 2)], to: wrong)?.status == 200)
        try await Self.wait { try await shop.metric("leat_delivery_secret_waits", of: wrong) == 1 }
        let list = try await shop.leat(["secret", "list"], wrong, token: token)
        #expect(list.output.contains("locked") && list.output.contains("Locked: the secret \"api\" needs the key"))
        #expect(receiver.requests.count == 1)
        #expect(await wrong.stop() == 0)

        // The new key first and the old one behind it: everything opens, and can be taken over.
        try (String(repeating: "ab", count: 32) + "\n" + key).write(toFile: file, atomically: false, encoding: .utf8)
        let both = try await ServerProcess.start(data: shop.data)
        let counts = try await shop.settled(both, token: token)
        #expect(counts["delivered"] == 2 && counts["deadLettered"] == 0)
        let rotated = try await shop.leat(["secret", "rotate-key"], both, token: token)
        #expect(rotated.output.hasPrefix("2 secrets encrypted anew"), "\(rotated.text)")
        #expect(await both.stop() == 0)
        try (String(repeating: "ab", count: 32) + "\n").write(toFile: file, atomically: false, encoding: .utf8)
        let last = try await ServerProcess.start(data: shop.data)
        #expect(await shop.send([Shop.event(user: 1, number: 3)], to: last)?.status == 200)
        _ = try await shop.settled(last, token: token)
        Self.check(receiver.requests, Self.first)
        #expect(receiver.requests.count == 3)
        #expect(await last.stop() == 0)
        try await receiver.stop()
    }

    @Test func `On a database of the operator's no secret is set before there is a key`() async throws {
        try await PrivateServer.running { cluster in
            let receiver = try await RecordingServer.start()
            let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
            var environment = ["DATABASE_URL": cluster.connection.address]
            let server = try await ServerProcess.start(data: shop.data, environment: environment)
            let token = try #require(server.token)
            let words = ["secret", "set", "api", "--any"]
            let refused = try await shop.leat(words, server, token: token, input: Self.first[1])
            #expect(refused.status == 1 && refused.errors.contains("--secret-key-file"), "\(refused.text)")
            Self.search(refused.text, "the refusal")
            #expect(!FileManager.default.fileExists(atPath: shop.data + "/secret-key"))
            #expect(await server.stop() == 0)
            environment["LEAT_SECRET_KEY"] = "MARK"
            await #expect {
                _ = try await ServerProcess.start(data: shop.data, environment: environment)
            } throws: { error in
                "\(error)".contains("LEAT_SECRET_KEY holds as its key 1 something") && !"\(error)".contains("MARK")
            }
            try await receiver.stop()
        }
    }
}

extension Arrivals {
    /// The number of the one event in a request.
    fileprivate static func number(of request: RecordingServer.Request) -> Int {
        let body = try? JSONSerialization.jsonObject(with: Data(request.body)) as? [String: Any]
        return (body?["properties"] as? [String: Any])?["number"] as? Int ?? -1
    }
}
