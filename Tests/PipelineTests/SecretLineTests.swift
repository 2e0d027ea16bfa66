import Catalog
import Delivery
import EventModel
import Foundation
import PluginHost
import PostgreSQL
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Pipeline

/// Secrets on the whole way: a real webhook in a sealed worker, a real database, a real destination.
@Suite struct SecretLineTests {
    private static func wish(
        _ name: String,
        _ value: String?,
        _ scope: SecretScope? = .any,
        _ placement: SecretPlacement? = nil
    ) -> SecretWish {
        SecretWish(name: name, value: value.flatMap { SecretValue(Array($0.utf8)) }, scope: scope, placement: placement)
    }

    private static func with(
        _ server: RecordingServer,
        config: String,
        _ secrets: [SecretWish],
        _ body: (Line) async throws -> Void
    ) async throws {
        let shape = Line.Shape(
            transforms: false,
            webhook: "{url: \"\(server.url)/in\", \(config)}",
            secrets: secrets
        )
        try await Line.with(destination: server.url, shape, body)
    }

    /// Everything that the database keeps, as text, with bytes both as they are and in hexadecimal digits.
    private static func everything(_ line: Line) async throws -> String {
        let tables = ["secret", "audit", "destination", "dead_letter", "parked", "checkpoint", "timing"]
        var text = ""
        for table in tables {
            let rows = try await line.pool.query(Statement("test.all.\(table)", "SELECT t::text FROM leat.\(table) t"))
            text += try rows.map { try $0.text(0) }.joined(separator: "\n")
        }
        return text
    }

    private static func digits(_ text: String) -> String {
        Array(text.utf8).map { String($0, radix: 16) }.joined()
    }

    @Test(.timeLimit(.minutes(2)))
    func `A secret by name and by reference arrives in its place, and the plugin has words for it alone`() async throws
    {
        try await RecordingServer.with { server in
            let secrets = [
                Self.wish("login", "user:MARK-pass", .any, SecretPlacement(scheme: .basic)),
                Self.wish("api", "MARK-api-value", SecretScope(destinations: ["hook"])),
            ]
            let config = "secret: login, headers: {X-Api-Key: \"k=${secret:api}\", X-Plain: \"$1\"}"
            try await Self.with(server, config: config, secrets) { line in
                let catalog = line.catalog
                let blueprint = try #require(
                    LaneBlueprint(catalog.current.connections[0], in: catalog.current, catalog.vault)
                )
                let again = LaneBlueprint(catalog.current.connections[0], in: catalog.current, catalog.vault)
                #expect(blueprint == again)
                #expect(!blueprint.connector.config.contains("MARK") && !blueprint.connector.config.contains("${"))
                #expect(blueprint.connector.config.contains(catalog.vault.token(for: "api", of: "hook").text))
                try await line.running {
                    try await line.append(Line.events(6, users: 3))
                    try await line.wait { $0.delivered == 6 }
                }
            }
            for request in server.requests {
                let basic = "Basic " + Data("user:MARK-pass".utf8).base64EncodedString()
                #expect(request.header("Authorization") == basic)
                #expect(request.header("X-Api-Key") == "k=MARK-api-value" && request.header("X-Plain") == "$1")
            }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A new value counts for what waits, without a restart of anything`() async throws {
        try await RecordingServer.with({ request in
            request.header("Authorization") == "Bearer MARK-second" ? .answer(200) : .answer(503)
        }) { server in
            let first = Self.wish("key", "MARK-first", .any, SecretPlacement(scheme: .bearer))
            try await Self.with(server, config: "secret: key", [first]) { line in
                try await line.running {
                    try await line.append(Line.events(20, users: 4))
                    #expect(await server.wait(for: 4))
                    let creations = Self.creations(line)
                    _ = try await line.catalog.set(Self.wish("key", "MARK-second", nil), by: "test")
                    try await line.wait { $0.delivered == 20 }
                    // The worker goes on: its configuration holds no value that could have changed.
                    #expect(creations == 1 && Self.creations(line) == 1)
                }
                #expect(try await line.count("dead_letter") == 0)
            }
        }
    }

    private static func creations(_ line: Line) -> Int64 {
        line.timings.recent(pluginID: "leat.webhook").filter { $0.measure == .creation }
            .reduce(0) { $0 + $1.values.count }
    }

    @Test(.timeLimit(.minutes(2)))
    func `While a secret is gone its destination waits, and everything arrives once it is back`() async throws {
        try await RecordingServer.with { server in
            try await Self.with(server, config: "secret: key", [Self.wish("key", "MARK-first")]) { line in
                try await line.catalog.removeSecret(named: "key", force: true, by: "test")
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(9, users: 3))
                    try await line.wait(for: "a wait") { pipeline.fleet.waitingForSecrets == 1 }
                    let metrics = pipeline.metrics().filter { $0.name == "leat_delivery_secret_waits" }
                    #expect(metrics.first?.samples.first?.value == 1)
                    let told = "there is no secret \"key\"; leat secret set key --destination hook sets it"
                    let waits = pipeline.deliveries.values.flatMap { $0.waits(at: .now) }
                    #expect(waits.contains { $0.reason == "secret" && $0.words.hasSuffix(told) }, "\(waits)")
                    #expect(server.requests.isEmpty)
                    _ = try await line.catalog.set(Self.wish("key", "MARK-second"), by: "test")
                    try await line.wait { $0.delivered == 9 }
                    #expect(pipeline.fleet.waitingForSecrets == 0)
                }
                let rows = try await (line.count("dead_letter"), line.count("parked"))
                #expect(rows == (0, 0))
            }
            #expect(server.requests.allSatisfy { $0.header("Authorization") == "MARK-second" })
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A row that was changed by hand lets its destination wait, and others go on`() async throws {
        try await RecordingServer.with { server in
            try await Self.with(server, config: "secret: key", [Self.wish("key", "MARK-first")]) { line in
                let tamper = "UPDATE leat.secret SET header = 'X-Other'"
                _ = try await line.pool.query(Statement("test.tamper", tamper))
                _ = try await line.catalog.set(Self.wish("other", "MARK-other"), by: "test")
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(3, users: 3))
                    try await line.wait(for: "a wait") { pipeline.fleet.waitingForSecrets == 1 }
                    #expect(line.catalog.lockedSecrets == ["key": .damaged] && server.requests.isEmpty)
                    _ = try await line.catalog.set(
                        Self.wish("key", "MARK-second", nil, SecretPlacement()),
                        by: "test"
                    )
                    try await line.wait { $0.delivered == 3 }
                }
            }
            #expect(server.requests.count == 3)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A destination outside a secret's scope gets dead letters that say what would permit it`() async throws {
        try await RecordingServer.with { server in
            try await Self.with(server, config: "secret: key", [Self.wish("key", "MARK-first")]) { line in
                let away = Self.wish("key", nil, SecretScope(destinations: ["mail"]))
                _ = try await line.catalog.set(away, force: true, by: "test")
                try await line.running {
                    try await line.append(Line.events(2, users: 2))
                    try await line.wait { $0.deadLettered == 2 }
                }
                let letters = Statement("test.scope", "SELECT code, reason FROM leat.dead_letter")
                for row in try await line.pool.query(letters) {
                    #expect(try row.text(0) == "request_secret")
                    #expect(try row.text(1).contains("leat secret permit key --destination hook"))
                }
            }
            #expect(server.requests.isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `What a destination repeats of a secret is kept nowhere, the one before included`() async throws {
        let echo: @Sendable (RecordingServer.Request) -> RecordingServer.Reaction = { request in
            guard (request.event?.n ?? 0) < 5 else { return .answer(200) }
            let words = (request.header("Authorization") ?? "") + " " + (request.header("X-Api-Key") ?? "")
            let data = Data(words.utf8).base64EncodedString()
            return .answer(400, headers: [("X-Echo", words)], body: "not \(words), not \(request.uri), \(data)")
        }
        try await RecordingServer.with(echo) { server in
            let secrets = [
                Self.wish("key", "MARK-gone-value", .any, SecretPlacement(scheme: .bearer)),
                Self.wish("api", "MARK/api \"value\""),
            ]
            let config = "secret: key, headers: {X-Api-Key: \"${secret:api}\"}"
            try await Self.with(server, config: config, secrets) { line in
                try await line.running {
                    try await line.append(Line.events(3, users: 3))
                    try await line.wait { $0.deadLettered == 3 }
                    _ = try await line.catalog.set(Self.wish("key", "MARK-next-value", nil), by: "test")
                    try await line.append(Line.events(6, users: 3).suffix(3).map { $0 })
                    try await line.wait { $0.deadLettered == 5 && $0.delivered == 1 }
                }
                let text = try await Self.everything(line)
                #expect(text.contains("•••") && text.contains("http_400"))
                for part in ["MARK-gone-value", "MARK-next-value", "MARK/api", "MARK%2Fapi"] {
                    #expect(!text.contains(part) && !text.contains(Self.digits(part)), "\(part)")
                }
            }
        }
    }
}
