import Catalog
import Delivery
import EventModel
import Foundation
import PostgreSQL
import TestSupport
import Testing

@testable import Pipeline

/// Client certificates and proxies that want a login, on the whole way: a real worker, a real database, a real TLS server
/// and a real proxy.
@Suite struct TransportLineTests {
    private static func with(_ url: String, _ secrets: [SecretWish], _ body: (Line) async throws -> Void) async throws {
        let shape = Line.Shape(transforms: false, webhook: "{url: \"\(url)/in\"}", secrets: secrets)
        try await Line.with(destination: url, shape, body)
    }

    private static func wish(_ name: String, _ value: String) -> SecretWish {
        let scope = SecretScope(destinations: ["hook"])
        return SecretWish(name: name, value: SecretValue(Array(value.utf8)), scope: scope)
    }

    /// Gives the destination a transport, as a declaration has it between braces.
    private static func apply(_ transport: String, _ url: String, _ line: Line) async throws {
        let text = """
            destinations:
              - name: hook
                connector: leat.webhook
                config: {url: "\(url)/in"}
                limits: {timeout: 5s}
                transport: {\(transport)}
            """
        _ = try await line.catalog.apply(try Line.declaration(text), by: "test")
    }

    private static func shown(_ client: TestAuthority.Identity, _ authority: TestAuthority) -> String {
        """
        certificateAuthority: \(quoted(authority.certificate)), clientKey: "${secret:hook-key}",
        clientCertificate: \(quoted(client.certificate))
        """.replacing("\n", with: " ")
    }

    private static func quoted(_ pem: String) -> String { "\"\(pem.replacing("\n", with: "\\n"))\"" }

    /// What delivery to the one destination waits for.
    private static func waits(_ pipeline: Pipeline) -> [DeliveryStanding.Wait] {
        pipeline.deliveries.values.first?.waits(at: .now) ?? []
    }

    private static func waits(_ pipeline: Pipeline, for reason: String, _ words: String) -> Bool {
        waits(pipeline).contains { $0.reason == reason && $0.words.hasSuffix(words) }
    }

    @Test(.timeLimit(.minutes(2)))
    func
        `Nothing is sent without the certificate's key, and what replaces key and certificate counts without a restart`()
        async throws
    {
        let (authority, stranger) = (try await TestAuthority.make(), try await TestAuthority.make())
        let server = try await authority.issue(["IP:127.0.0.1"])
        let first = try await stranger.issue(["DNS:leat.test"])
        let second = try await authority.issue(["DNS:leat.test"])
        try await MisbehavingServer.with(tls: server.server(demanding: authority)) { _ in
            [.answer(200)]
        } _: { (server) async throws in
            try await Self.with(server.url, [Self.wish("hook-key", first.key)]) { line in
                try await Self.apply(Self.shown(first, authority), server.url, line)
                try await line.catalog.removeSecret(named: "hook-key", force: true, by: "test")
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(6, users: 6))
                    let told =
                        "nothing is sent for want of a secret: there is no secret \"hook-key\"; leat secret set hook-key --destination hook sets it"
                    try await line.wait(for: "the missing key") { Self.waits(pipeline, for: "secret", told) }
                    #expect(pipeline.fleet.waitingForSecrets == 1 && server.connections == 0)
                    try await line.wait(for: "the report") {
                        let report =
                            "report LIKE '%\"reason\":\"secret\"%' AND report LIKE '%leat secret set hook-key%'"
                        return try await line.count("destination_report WHERE \(report)") == 1
                    }

                    _ = try await line.catalog.set(Self.wish("hook-key", second.key), by: "test")
                    let foreign = "do not belong together; the key is the secret \"hook-key\""
                    try await line.wait(for: "the wrong key") { Self.waits(pipeline, for: "transport", foreign) }
                    #expect(pipeline.fleet.waitingForSecrets == 0 && server.connections == 0)

                    // It fits, but the server does not know who signed it.
                    _ = try await line.catalog.set(Self.wish("hook-key", first.key), by: "test")
                    try await line.wait(for: "a refusal") {
                        pipeline.deliveryStatus.values.first?.lastFailure != nil
                    }
                    #expect(server.requests.isEmpty && server.connections > 0)

                    _ = try await line.catalog.set(Self.wish("hook-key", second.key), by: "test")
                    try await Self.apply(Self.shown(second, authority), server.url, line)
                    try await line.wait { $0.delivered == 6 }
                    #expect(Self.waits(pipeline).isEmpty)
                }
                #expect(try await line.count("dead_letter") == 0)
                #expect(server.requests.count == 6)
                try await Self.search(line, [first.key, second.key])
            }
        }
    }

    /// No line of a key stands anywhere in the database.
    private static func search(_ line: Line, _ keys: [String]) async throws {
        for table in ["secret", "audit", "destination", "destination_report", "parked", "dead_letter"] {
            let rows = try await line.pool.query(Statement("test.keys.\(table)", "SELECT t::text FROM leat.\(table) t"))
            let text = try rows.map { try $0.text(0) }.joined(separator: "\n")
            for part in keys.flatMap({ $0.split(separator: "\n") }) where !part.hasPrefix("-----") {
                let digits = part.utf8.map { String($0, radix: 16) }.joined()
                #expect(!text.contains(part) && !text.contains(digits), "\(table)")
            }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A destination outside the key's scope waits, and nothing of it dies`() async throws {
        let authority = try await TestAuthority.make()
        let client = try await authority.issue(["DNS:leat.test"])
        try await RecordingServer.with { server in
            try await Self.with(server.url, [Self.wish("hook-key", client.key)]) { line in
                try await Self.apply(Self.shown(client, authority), server.url, line)
                let away = SecretWish(name: "hook-key", value: nil, scope: SecretScope(destinations: ["mail"]))
                _ = try await line.catalog.set(away, force: true, by: "test")
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(3, users: 3))
                    let told = "leat secret permit hook-key --destination hook permits it"
                    try await line.wait(for: "the wait") { Self.waits(pipeline, for: "secret", told) }
                    #expect(server.requests.isEmpty)
                    let back = SecretWish(name: "hook-key", value: nil, scope: .any)
                    _ = try await line.catalog.set(back, by: "test")
                    try await line.wait { $0.delivered == 3 }
                }
                #expect(try await line.count("dead_letter") == 0)
            }
        }
    }

    private static func basic(_ login: String) -> String { "Basic " + Data(login.utf8).base64EncodedString() }

    @Test(.timeLimit(.minutes(2)))
    func `A proxy is shown its login, a wrong one is named and kills nothing, and a new one counts at once`()
        async throws
    {
        try await RecordingServer.with { server in
            try await ConnectProxy.with(wanting: Self.basic("leat:open:first")) { proxy in
                // Nobody but the proxy can look this name up.
                let url = "http://far.test:\(server.port)"
                try await Self.with(url, [Self.wish("login", "leat:MARK-wrong")]) { line in
                    let transport =
                        "proxy: \"http://127.0.0.1:\(proxy.port)\", proxyAuthorization: \"${secret:login}\""
                    try await Self.apply(transport, url, line)
                    try await line.runningPipeline { pipeline in
                        try await line.append(Line.events(6, users: 6))
                        try await line.wait(for: "407") {
                            Self.waits(pipeline, for: "down", "it last gave proxy_login")
                        }
                        #expect(proxy.requests.allSatisfy { $0.authorization == Self.basic("leat:MARK-wrong") })
                        #expect(server.requests.isEmpty)
                        _ = try await line.catalog.set(Self.wish("login", "leat:open:first"), by: "test")
                        try await line.wait { $0.delivered == 6 }

                        proxy.want(Self.basic("leat:second"))
                        let before = proxy.requests.count
                        try await line.append(Line.events(12, users: 6).suffix(6).map { $0 })
                        try await line.wait(for: "407") {
                            Self.waits(pipeline, for: "down", "it last gave proxy_login")
                        }
                        let refused = proxy.requests.dropFirst(before)
                        #expect(refused.allSatisfy { $0.authorization == Self.basic("leat:open:first") })
                        _ = try await line.catalog.set(Self.wish("login", "no-colon-in-it"), by: "test")
                        let words = "as the proxy wants; leat secret set login sets it anew"
                        try await line.wait(for: "the bad login") { Self.waits(pipeline, for: "transport", words) }
                        _ = try await line.catalog.set(Self.wish("login", "leat:second"), by: "test")
                        try await line.wait { $0.delivered == 12 }
                        try await line.catalog.removeSecret(named: "login", force: true, by: "test")
                        try await line.wait(for: "the missing login") { pipeline.fleet.waitingForSecrets == 1 }
                    }
                    #expect(try await line.count("dead_letter") == 0)
                }
                #expect(proxy.requests.allSatisfy { $0.target == "far.test:\(server.port)" })
                #expect(Set(server.requests.compactMap { $0.event?.n }) == Set(0..<12))
                #expect(server.requests.allSatisfy { $0.header("Proxy-Authorization") == nil })
            }
        }
    }
}
