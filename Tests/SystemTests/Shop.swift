import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import TestSupport

/// A server with one source, the mask-email transformation and the webhook, sending to a receiver of the test's.
struct Shop: Sendable {
    static let writeKey = "system-test-write-key"

    /// A refused connection is an answer: a client that tries again for seconds would hide it.
    private static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(configuration: configuration)
    }()

    let folder: TemporaryFolder
    let receiver: RecordingServer
    var data: String { folder.path + "/leat" }

    /// Runs `leat` with what follows, as the operator of `server`.
    func leat(
        _ words: [String],
        _ server: ServerProcess,
        token: String,
        input: String = ""
    ) async throws -> Program.Ended {
        try await Program.run(
            [Program.built("leat")] + words,
            environment: [
                "LEAT_SERVER": server.address, "LEAT_TOKEN": token, "HOME": folder.path, "PATH": "/usr/bin:/bin",
                "SHOP_KEY": Self.writeKey,
            ],
            input: input
        )
    }

    /// Uploads the plugins and describes everything in one file.
    func setUp(
        _ server: ServerProcess,
        token: String,
        batch: Int = 20,
        config: String = ""
    ) async throws {
        let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        let mask = try await ExamplePackage.build("swift-mask-email", product: "MaskEmail").path
        let webhook = Program.built("libWebhook.so")
        let uploads = [
            [mask, "--manifest", "\(top)/examples/swift-mask-email/manifest.json"],
            [webhook, "--manifest", "\(top)/Plugins/Connectors/Webhook/manifest.json"],
        ]
        for words in uploads {
            try await succeed(["plugin", "push"] + words, server, token)
        }
        let file = folder.path + "/leat.yaml"
        try """
        sources: [{name: shop, writeKeys: ["${SHOP_KEY}"]}]
        destinations:
          - {name: receiver, connector: leat.webhook, config: {url: "\(receiver.url)/events", batch: \(batch)\(config)}}
        connections:
          - {source: shop, destination: receiver, transformations: [{plugin: com.example.mask-email}]}
        """.write(toFile: file, atomically: true, encoding: .utf8)
        try await succeed(["apply", "-f", file], server, token)
    }

    func succeed(_ words: [String], _ server: ServerProcess, _ token: String) async throws {
        let ended = try await leat(words, server, token: token)
        guard ended.status == 0 else { throw Refused(words: "leat \(words.joined(separator: " ")): \(ended.text)") }
    }

    /// What a server says of itself to whoever asks whether it is ready.
    func health(of server: ServerProcess) async throws -> String {
        let request = HTTPClientRequest(url: server.address + "/health/ready")
        let response = try await Self.client.execute(request, timeout: .seconds(15))
        return String(buffer: try await response.body.collect(upTo: 1 << 16))
    }

    /// What a server answers to whoever asks for a path.
    func text(_ path: String, of server: ServerProcess, token: String) async throws -> String {
        var request = HTTPClientRequest(url: server.address + path)
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        let response = try await Self.client.execute(request, timeout: .seconds(30))
        return String(buffer: try await response.body.collect(upTo: 1 << 24))
    }

    /// What a server says of one of its metrics without labels.
    func metric(_ name: String, of server: ServerProcess) async throws -> Double {
        let response = try await Self.client.execute(
            HTTPClientRequest(url: server.address + "/metrics"),
            timeout: .seconds(15)
        )
        let text = String(buffer: try await response.body.collect(upTo: 1 << 22))
        let line = text.split(separator: "\n").first { $0.hasPrefix(name + " ") }
        guard let value = line.flatMap({ Double($0.dropFirst(name.count + 1)) }) else {
            throw Refused(words: "no metric is called \(name)")
        }
        return value
    }

    /// Waits until the lanes of these servers were given the configuration as it stands now.
    func learned(by servers: ServerProcess..., token: String) async throws {
        var request = HTTPClientRequest(url: servers[0].address + "/api/v1/apply?dryRun=true")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        request.headers.add(name: "Content-Type", value: "application/json")
        request.body = .bytes(ByteBuffer(string: "{}"))
        let response = try await Self.client.execute(request, timeout: .seconds(30))
        let text = String(buffer: try await response.body.collect(upTo: 1 << 16))
        let applied = try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
        guard let revision = applied?["revision"] as? Int else { throw Refused(words: "no revision: \(text)") }
        let end = ContinuousClock.now + .seconds(60)
        for server in servers {
            while try await metric("leat_pipeline_revision", of: server) < Double(revision) {
                guard ContinuousClock.now < end else { throw Refused(words: "lanes are behind revision \(revision)") }
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }

    /// How often the leases of these servers ran out: a busy machine alone may bring that about, and then something may be
    /// delivered twice.
    func lapses(on servers: ServerProcess...) async throws -> Double {
        var lapses = 0.0
        for server in servers { lapses += try await metric("leat_lease_lapses_total", of: server) }
        return lapses
    }

    /// Sends events as one batch; returns the status, or nil when no answer came.
    func send(
        _ events: [String],
        to server: ServerProcess,
        headers: [String: String] = [:]
    ) async -> (status: Int, retryAfter: String?)? {
        var request = HTTPClientRequest(url: server.address + "/v1/batch")
        request.method = .POST
        request.headers.add(
            name: "Authorization",
            value: "Basic " + Data("\(Self.writeKey):".utf8).base64EncodedString()
        )
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = .bytes(ByteBuffer(string: "{\"batch\":[\(events.joined(separator: ","))]}"))
        guard let response = try? await Self.client.execute(request, timeout: .seconds(15)) else { return nil }
        _ = try? await response.body.collect(upTo: 1 << 20)
        return (Int(response.status.code), response.headers.first(name: "Retry-After"))
    }

    /// One event of a user, numbered so that its place in the user's order can be told.
    static func event(user: Int, number: Int) -> String {
        """
        {"type":"track","event":"Counted","messageId":"u\(user)-\(number)","userId":"user-\(user)",\
        "properties":{"number":\(number),"email":"user\(user)@example.test"}}
        """
    }

    /// The counts as the administration interface shows them: the first connection's, and what the source accepted.
    func counts(_ server: ServerProcess, token: String) async throws -> [String: Int] {
        let ended = try await leat(["counts", "--json"], server, token: token)
        guard ended.status == 0,
            let json = try JSONSerialization.jsonObject(with: Data(ended.output.utf8)) as? [String: Any],
            let source = (json["sources"] as? [[String: Any]])?.first,
            let connection = (json["connections"] as? [[String: Any]])?.first
        else { throw Refused(words: ended.text) }
        var counts: [String: Int] = [:]
        for (name, value) in connection { counts[name] = value as? Int }
        counts["accepted"] = source["accepted"] as? Int
        return counts
    }

    /// Asks for the counts until everything accepted has an outcome, for two minutes at most; a server whose database is
    /// just coming back is asked again.
    func settled(_ server: ServerProcess, token: String) async throws -> [String: Int] {
        let end = ContinuousClock.now + .seconds(120)
        while true {
            var last = ""
            do {
                let counts = try await counts(server, token: token)
                if counts["unread"] == 0, counts["waiting"] == 0 { return counts }
                last = "\(counts)"
            } catch let refused as Refused {
                last = refused.words
            }
            guard ContinuousClock.now < end else { throw Refused(words: "not settled: \(last)") }
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    struct Refused: Error, CustomStringConvertible {
        let words: String
        var description: String { words }
    }
}

/// The events that arrived, in the order of arrival.
struct Arrivals {
    /// The numbers of each user's events, first arrivals only.
    private(set) var numbers: [Int: [Int]] = [:]
    private(set) var identifiers: Set<String> = []
    private(set) var count = 0
    private(set) var addresses: Set<String> = []

    /// Of the requests of `size` events each, or of all.
    init(_ requests: [RecordingServer.Request], ofEvents size: Int? = nil) throws {
        for request in requests {
            let body = try JSONSerialization.jsonObject(with: Data(request.body))
            let events = (body as? [[String: Any]]) ?? [body as? [String: Any] ?? [:]]
            guard size == nil || size == events.count else { continue }
            for event in events { add(event) }
        }
    }

    private mutating func add(_ event: [String: Any]) {
        count += 1
        let properties = event["properties"] as? [String: Any]
        if let email = properties?["email"] as? String { addresses.insert(email) }
        guard let identifier = event["messageId"] as? String, identifiers.insert(identifier).inserted,
            let user = (event["userId"] as? String)?.split(separator: "-").last.flatMap({ Int($0) }),
            let number = properties?["number"] as? Int
        else { return }
        numbers[user, default: []].append(number)
    }
}
