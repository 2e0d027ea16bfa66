import Catalog
import Crypto
import EventModel
import Foundation
import PluginHost
import PostgreSQL
import TestSupport
import Testing

@testable import Pipeline

/// Plugins that ask the host for things, on the whole way: a sealed worker, a database, a server that is asked.
@Suite struct BrokerTests {
    private static let plugin = "test.caller"

    /// Uploads the fixture that asks, which may send to `addresses`.
    private static func upload(_ addresses: String, secrets: String, to catalog: Catalog) async throws {
        let library = try await PluginFixture.library("caller", "FIXTURE_ID=\"\(plugin)\"")
        let bytes = [UInt8](try Data(contentsOf: library))
        let upload = PluginUpload(
            id: plugin,
            version: "1.0.0",
            kind: .transform,
            manifest: """
                {"id":"\(plugin)","version":"1.0.0","kind":"transform","abi":{"major":1,"minor_min":0},
                "determinism":"impure","limits":{"wall_ms":10000,"create_ms":30000},
                "permissions":{"http":["\(addresses)"],"secrets":["\(secrets)"]}}
                """,
            library: bytes,
            sha256: Array(SHA256.hash(data: bytes))
        )
        _ = try await catalog.add(upload, activate: true, by: "test")
    }

    /// Runs events through the plugin, which asks at `url`, to a destination, and gives what came there.
    private static func run(
        asking url: String,
        permitted addresses: String,
        secrets: String = "none",
        orders: [String],
        prepare: (Line) async throws -> Void = { _ in },
        meanwhile: (Line) async throws -> Void = { _ in }
    ) async throws -> [String] {
        try await RecordingServer.with { destination in
            try await Line.with(destination: destination.url, Line.Shape(transforms: false)) { line in
                try await upload(addresses, secrets: secrets, to: line.catalog)
                try await prepare(line)
                let connection = """
                    connections:
                      - source: shop
                        destination: hook
                        transformations: [{plugin: \(plugin), config: {url: "\(url)"}}]
                    """
                _ = try await line.catalog.apply(try Line.declaration(connection), by: "test")
                try await line.running {
                    for (number, order) in orders.enumerated() {
                        try await line.append(Line.events(number + 1, users: 1, orders: [number: order]).suffix(1))
                        try await line.wait { $0.delivered == number + 1 }
                        if number == 0 { try await meanwhile(line) }
                    }
                }
            }
            return destination.requests.map(\.text)
        }
    }

    private static func secret(_ value: String, _ scope: SecretScope?) -> SecretWish {
        SecretWish(name: "token", value: SecretValue(Array(value.utf8)), scope: scope, placement: nil)
    }

    @Test(.timeLimit(.minutes(2)))
    func `A transformation looks things up, with a secret that it never sees and that changes meanwhile`() async throws
    {
        try await RecordingServer.with({ request in
            .answer(200, body: "you are \(request.header("X-Word") ?? "nobody")")
        }) { asked in
            let arrived = try await Self.run(
                asking: asked.url + "/look",
                permitted: "\(asked.url)/look",
                secrets: "tok*",
                orders: ["word", "word"],
                prepare: { line in
                    let wish = Self.secret("MARK-first", SecretScope(plugins: [Self.plugin]))
                    _ = try await line.catalog.set(wish, by: "test")
                },
                meanwhile: { line in
                    _ = try await line.catalog.set(Self.secret("MARK-second", nil), by: "test")
                    // The terms reach the lane's stages a moment later, as every configuration does.
                    try await line.wait(for: "the new value") {
                        let seen = asked.requests.count
                        try await line.append([
                            Line.Event(user: "probe", text: #"{"user":"probe","n":\#(100 + seen),"do":"word"}"#)
                        ])
                        guard await asked.wait(until: { $0.count > seen }) else { return false }
                        return asked.requests.last?.header("X-Word") == "MARK-second"
                    }
                    try await line.wait { $0.delivered == asked.requests.count - 1 }
                }
            )
            // One was sent while the plugin was created.
            let words = asked.requests.dropFirst().map { $0.header("X-Word") }
            #expect(words.first == "MARK-first" && words.last == "MARK-second")
            #expect(asked.requests.allSatisfy { $0.method == "GET" && $0.uri == "/look" })
            #expect(arrived.allSatisfy { !$0.contains("MARK") })
            #expect(arrived.first?.contains(#""status":200,"error":0,"tag":100"#) == true)
            #expect(arrived.first?.contains("you are •••") == true)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `It gets no further than its manifest and the guard let it, and is told why`() async throws {
        try await RecordingServer.with { asked in
            let arrived = try await Self.run(
                asking: asked.url + "/look",
                permitted: "\(asked.url)/other",
                orders: ["get", "elsewhere", "auth", "word"]
            )
            #expect(arrived.count == 4)
            let refused = "the plugin's manifest does not permit requests to"
            #expect(arrived[0].contains(#""status":0,"error":8"#) && arrived[0].contains("\(refused) 127.0.0.1"))
            #expect(arrived[1].contains(#""status":0,"error":8"#) && arrived[1].contains("elsewhere.example"))
            #expect(arrived[2].contains(#""status":0,"error":8"#))
            #expect(arrived[3].contains(#""answers":[],"returned":-5"#))
            #expect(asked.requests.isEmpty)
        }
        let inside = try await Self.run(
            asking: "http://169.254.169.254/latest",
            permitted: "http://*",
            orders: ["get"]
        )
        #expect(inside[0].contains(#""status":0,"error":8"#) && inside[0].contains("--allow-targets"))
    }

    @Test(.timeLimit(.minutes(2)))
    func `A secret that is not for the plugin is not put in, and a redirect is not followed`() async throws {
        try await RecordingServer.with({ _ in
            .answer(302, headers: [("Location", "http://127.0.0.1:9/elsewhere")])
        }) { asked in
            let arrived = try await Self.run(
                asking: asked.url,
                permitted: asked.url,
                secrets: "token",
                orders: ["get", "auth"],
                prepare: { line in
                    let wish = Self.secret("MARK-other", SecretScope(destinations: ["somewhere"]))
                    _ = try await line.catalog.set(wish, by: "test")
                }
            )
            #expect(arrived[0].contains(#""status":302,"error":0"#))
            #expect(arrived[1].contains(#""status":0,"error":8"#))
            // Of the creation and of the first event; the second sent nothing.
            #expect(asked.requests.count == 2)
        }
    }
}
