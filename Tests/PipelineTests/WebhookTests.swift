import Catalog
import EventModel
import Foundation
import PluginHost
import PostgreSQL
import Synchronization
import TestSupport
import Testing

/// The webhook as it ships, in a sealed worker, with everything that can be configured, against a real HTTP server.
@Suite struct WebhookTests {
    /// Sends events through the webhook until `isEnough`; the configuration is YAML without its braces and the address.
    private func send(
        _ events: [Line.Event],
        to server: RecordingServer,
        _ configuration: String = "",
        timeout: String = "5s",
        until isEnough: (Line) async throws -> Void
    ) async throws {
        let config = "{url: \"\(server.url)/in?team=1\"\(configuration.isEmpty ? "" : ", ")\(configuration)}"
        let shape = Line.Shape(transforms: false, webhook: config, timeout: timeout)
        try await Line.with(destination: server.url, shape) { line in
            try await line.running {
                try await line.append(events)
                try await isEnough(line)
            }
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: [("", "POST"), ("method: PUT", "PUT"), ("method: PATCH", "PATCH")])
    func `Each event arrives alone as it is, by the method and at the address that were configured`(
        configuration: String,
        method: String
    ) async throws {
        try await RecordingServer.with { server in
            let events = Line.events(5, users: 5)
            try await send(events, to: server, configuration) { line in try await line.wait { $0.delivered == 5 } }
            #expect(Set(server.requests.map(\.text)) == Set(events.map(\.text)) && server.requests.count == 5)
            #expect(server.requests.allSatisfy { $0.method == method && $0.uri == "/in?team=1" })
            #expect(server.requests.allSatisfy { $0.header("Content-Type") == "application/json" })
        }
    }

    @Test(.timeLimit(.minutes(2))) func `Headers are sent with every request, and the key by another name too`()
        async throws
    {
        try await RecordingServer.with { server in
            let configuration = """
                headers: {X-Team: growth, Authorization: "Bearer word"}, idempotency_header: X-Event-Key
                """
            try await send(Line.events(4, users: 2), to: server, configuration) { line in
                try await line.wait { $0.delivered == 4 }
            }
            for request in server.requests {
                #expect(request.header("X-Team") == "growth" && request.header("Authorization") == "Bearer word")
                #expect(request.header("X-Event-Key") == request.header("Idempotency-Key"))
            }
            #expect(Set(server.requests.compactMap { $0.header("X-Event-Key") }).count == 4)
        }
    }

    @Test(.timeLimit(.minutes(2))) func `Several events arrive as an array, no more than configured`() async throws {
        try await RecordingServer.with { server in
            try await send(Line.events(7, users: 7), to: server, "batch: 3") { line in
                try await line.wait { $0.delivered == 7 }
            }
            let arrays = try server.requests.map { try JSONDecoder().decode([ReceivedEvent].self, from: Data($0.body)) }
            #expect(arrays.allSatisfy { (1...3).contains($0.count) } && arrays.contains { $0.count == 3 })
            #expect(arrays.joined().map(\.n).sorted() == Array(0..<7))
            #expect(Set(server.requests.compactMap { $0.header("Idempotency-Key") }).count == arrays.count)
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: [1, 3])
    func `What is sent again after a refusal is the same under the same key`(batch: Int) async throws {
        let refused = Mutex<Set<String>>([])
        try await RecordingServer.with({ request in
            let isNew = refused.withLock { $0.insert(request.header("Idempotency-Key") ?? "").inserted }
            return isNew ? .answer(503) : .answer(200)
        }) { server in
            try await send(Line.events(6, users: 3), to: server, "batch: \(batch)") { line in
                try await line.wait { $0.delivered == 6 }
            }
            let tries = Dictionary(grouping: server.requests) { $0.header("Idempotency-Key") ?? "" }
            #expect(tries[""] == nil && tries.values.contains { $0.count == 2 })
            for requests in tries.values { #expect(Set(requests.map(\.body)).count == 1) }
            let taken = tries.values.compactMap { $0.count > 1 ? $0[1].text : nil }.joined()
            for number in 0..<6 { #expect(taken.components(separatedBy: "\"n\":\(number)}").count == 2) }
        }
    }

    @Test(.timeLimit(.minutes(2))) func `An answer is awaited as long as configured, not as the destination allows`()
        async throws
    {
        try await RecordingServer.with({ $0.number == 0 ? .silence : .answer(200) }) { server in
            try await send(Line.events(1, users: 1), to: server, "timeout_ms: 300", timeout: "50s") { line in
                #expect(await server.wait(for: 2, atMost: .seconds(40)))
                try await line.wait { $0.delivered == 1 }
            }
            #expect(Set(server.requests.map { $0.header("Idempotency-Key") }).count == 1)
        }
    }

    @Test(.timeLimit(.minutes(2)), arguments: [1, 4])
    func `An event that is refused for good is a dead letter, and those that it came with arrive`(
        batch: Int
    ) async throws {
        try await RecordingServer.with({ request in
            request.text.contains("\"n\":5}") ? .answer(422, body: "no such field") : .answer(200)
        }) { server in
            try await send(Line.events(8, users: 8), to: server, "batch: \(batch)") { line in
                try await line.wait { $0.delivered == 7 && $0.deadLettered == 1 }
                let letters = Statement("test.webhook", "SELECT event_offset, code, history FROM leat.dead_letter")
                let row = try #require(try await line.pool.query(letters).first)
                #expect(try row.int8(0) == 5 && row.text(1) == "http_422")
                #expect(try row.text(2).contains("no such field"))
            }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A configuration that the manifest does not describe is refused when it is made`() async throws {
        let wrong = [
            "{}", "{url: 1}", "{url: \"http://a/\", method: GET}", "{url: \"http://a/\", batch: 0}",
            "{url: \"http://a/\", batch: 1001}", "{url: \"http://a/\", timeout_ms: 60001}",
            "{url: \"http://a/\", headers: {a: 1}}", "{url: \"http://a/\", idempotency_header: 1}",
            "{url: \"http://a/\", secret: [a]}", "{url: \"http://a/\", retries: 3}",
        ]
        let shape = Line.Shape(transforms: false, webhook: "{url: \"http://a/\", batch: 2}")
        try await Line.with(destination: "http://a/", shape) { line in
            for config in wrong {
                let text = "destinations: [{name: hook, connector: leat.webhook, config: \(config)}]"
                await #expect(throws: CatalogError.self, "\(config)") {
                    _ = try await line.catalog.apply(try Line.declaration(text), by: "test")
                }
            }
        }
    }

    @Test(
        .timeLimit(.minutes(2)),
        arguments: [
            "{url: \"ftp://a/\"}", "{url: \"http://user@a/\"}", "{url: \"http://a/\", headers: {Host: b}}",
            "{url: \"http://a/\", batch: 2, idempotency_header: X-Key}",
        ]
    )
    func `With a configuration that the webhook refuses nothing is sent, and everything once it is right`(
        wrong: String
    ) async throws {
        try await RecordingServer.with { server in
            let shape = Line.Shape(transforms: false, webhook: wrong)
            try await Line.with(destination: server.url, shape) { line in
                try await line.running {
                    try await line.append(Line.events(3, users: 3))
                    try await line.wait(for: "a refusal") {
                        line.timings.recent(pluginID: "leat.webhook").contains {
                            $0.measure == .creation && !$0.values.failures.isEmpty
                        }
                    }
                    #expect(server.requests.isEmpty)
                    #expect(try await line.count("dead_letter") == 0)
                    let config = "{url: \"\(server.url)\"}"
                    let text = "destinations: [{name: hook, connector: leat.webhook, config: \(config)}]"
                    _ = try await line.catalog.apply(try Line.declaration(text), by: "test")
                    try await line.wait { $0.delivered == 3 }
                }
            }
            #expect(server.requests.count == 3)
        }
    }
}
