import Foundation
import PostgreSQL
import TestSupport
import Testing

/// A destination that wants a certificate, behind a proxy that wants a login: a real server from the command line on.
@Suite(.serialized, .timeLimit(.minutes(10))) struct ClientCertificateTests {
    private static let login = "leat:MARK-password"

    /// Everything that the test talks to, beside the server.
    private struct Scene {
        let shop: Shop
        let server: ServerProcess
        let token: String
        let client: TestAuthority.Identity
        let authority: TestAuthority
        /// What the destination is called by, which only the proxy can look up.
        let url: String
        let proxy: String

        func leat(_ words: String..., input: String = "") async throws -> Program.Ended {
            let ended = try await shop.leat(words, server, token: token, input: input)
            search(ended.text, words.joined(separator: " "))
            return ended
        }

        /// The file that describes everything, with this as the key's reference.
        func file(key: String) throws -> String {
            let file = shop.folder.path + "/bank.yaml"
            try """
            sources: [{name: shop, writeKeys: ["${SHOP_KEY}"]}]
            destinations:
              - name: bank
                connector: leat.webhook
                config: {url: "\(url)/events"}
                transport:
                  certificateAuthority: \(Self.quoted(authority.certificate))
                  clientCertificate: \(Self.quoted(client.certificate))
                  clientKey: \(Self.quoted(key))
                  proxy: \(proxy)
                  proxyAuthorization: ${secret:bank-login}
            connections: [{source: shop, destination: bank}]
            """.write(toFile: file, atomically: true, encoding: .utf8)
            return file
        }

        private static func quoted(_ text: String) -> String { "\"\(text.replacing("\n", with: "\\n"))\"" }

        /// Fails where a text holds a line of the key or the login, as it is or in hexadecimal digits.
        func search(_ text: String, _ place: String) {
            let lines = client.key.split(separator: "\n").filter { !$0.hasPrefix("-----") }
            for secret in lines + [ClientCertificateTests.login.dropFirst(5)] {
                let digits = secret.utf8.map { String(format: "%02x", $0) }.joined()
                #expect(!text.contains(secret) && !text.contains(digits), "\(place)")
            }
            let header = Data(ClientCertificateTests.login.utf8).base64EncodedString()
            #expect(!text.contains(header), "\(place)")
        }

        /// Waits until the destination is shown to wait for this.
        func waits(for words: String) async throws {
            let end = ContinuousClock.now + .seconds(60)
            while true {
                let shown = try await leat("destination", "show", "bank")
                if shown.output.contains("waits: \(words)") { return }
                try #require(ContinuousClock.now < end, "\(shown.text)")
                try await Task.sleep(for: .milliseconds(50))
            }
        }
    }

    private static func with(_ body: (Scene, MisbehavingServer, _ database: String) async throws -> Void) async throws {
        let authority = try await TestAuthority.make()
        let bank = try await authority.issue(["DNS:bank.test"])
        let client = try await authority.issue(["DNS:leat.test"])
        let receiver = try await RecordingServer.start()
        let wanted = "Basic " + Data(login.utf8).base64EncodedString()
        try await PrivateServer.running { cluster in
            try await MisbehavingServer.with(tls: bank.server(demanding: authority)) { _ in
                [.answer(200)]
            } _: { (destination) async throws in
                try await ConnectProxy.with(wanting: wanted) { (proxy) async throws in
                    let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
                    let environment = [
                        "DATABASE_URL": cluster.connection.address, "LEAT_LOG_LEVEL": "trace",
                        "LEAT_SECRET_KEY": String(repeating: "5a", count: 32),
                    ]
                    let server = try await ServerProcess.start(data: shop.data, environment: environment)
                    let scene = Scene(
                        shop: shop,
                        server: server,
                        token: try #require(server.token),
                        client: client,
                        authority: authority,
                        url: "https://bank.test:\(destination.port)",
                        proxy: "http://127.0.0.1:\(proxy.port)"
                    )
                    try await body(scene, destination, cluster.connection.address)
                    #expect(await server.stop() == 0)
                    #expect(server.text.contains("leat secret set bank-key --destination bank"))
                    scene.search(server.text, "the log")
                }
            }
        }
        try await receiver.stop()
    }

    @Test func `A certificate's key and a proxy's login are secrets, are waited for by name, and are shown nowhere`()
        async throws
    {
        try await Self.with { scene, destination, database in
            let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
                .deletingLastPathComponent().path
            let manifest = "\(top)/Plugins/Connectors/Webhook/manifest.json"
            let pushed = try await scene.leat("plugin", "push", Program.built("libWebhook.so"), "--manifest", manifest)
            #expect(pushed.status == 0, "\(pushed.text)")

            let literal = try await scene.leat("apply", "-f", try scene.file(key: scene.client.key))
            #expect(literal.status == 1 && literal.text.contains("must refer to a secret as ${secret:NAME}"))
            let file = try scene.file(key: "${secret:bank-key}")
            let early = try await scene.leat("apply", "-f", file)
            let told = "there is no secret \"bank-key\"; set it first: leat secret set bank-key --destination bank"
            #expect(early.status == 1 && early.text.contains("transport.clientKey: \(told)"), "\(early.text)")
            for (name, value) in [("bank-key", scene.client.key), ("bank-login", Self.login + "\n")] {
                let set = try await scene.leat("secret", "set", name, "--destination", "bank", input: value)
                #expect(set.status == 0, "\(set.text)")
            }
            let applied = try await scene.leat("apply", "-f", file)
            #expect(applied.status == 0, "\(applied.text)")

            let used = try await scene.leat("secret", "remove", "bank-key")
            #expect(used.status == 1 && used.text.contains("destination \"bank\""), "\(used.text)")
            #expect(try await scene.leat("secret", "remove", "bank-key", "--force").status == 0)
            let events = (0..<8).map { Shop.event(user: $0, number: $0) }
            #expect(await scene.shop.send(events, to: scene.server)?.status == 200)
            try await scene.waits(
                for:
                    "nothing is sent for want of a secret: there is no secret \"bank-key\"; leat secret set bank-key --destination bank sets it"
            )
            #expect(destination.connections == 0)
            let set = try await scene.leat(
                "secret",
                "set",
                "bank-key",
                "--destination",
                "bank",
                input: scene.client.key
            )
            #expect(set.status == 0, "\(set.text)")
            let counts = try await scene.shop.settled(scene.server, token: scene.token)
            #expect(counts["delivered"] == 8 && counts["deadLettered"] == 0, "\(counts)")
            #expect(!destination.requests.isEmpty)

            let export = try await scene.leat("export")
            #expect(export.output.contains("${secret:bank-key}") && export.output.contains("${secret:bank-login}"))
            let copy = scene.shop.folder.path + "/copy.yaml"
            try export.output.write(toFile: copy, atomically: true, encoding: .utf8)
            #expect(try await scene.leat("apply", "-f", copy).output == "Nothing changes.\n")
            try await Self.searchEverything(scene, database)
        }
    }

    private static func searchEverything(_ scene: Scene, _ database: String) async throws {
        for words in [
            ["destination", "list"], ["destination", "show", "bank", "--json"], ["secret", "list", "--json"],
            ["lanes"], ["audit"], ["dead-letters", "--json"], ["event", "u1-1", "--user", "user-1"],
        ] {
            let ended = try await scene.shop.leat(words, scene.server, token: scene.token)
            #expect(ended.status == 0, "\(words): \(ended.text)")
            scene.search(ended.text, words.joined(separator: " "))
        }
        for path in ["/metrics", "/api/v1/destinations", "/api/v1/destinations/bank", "/api/v1/export"] {
            scene.search(try await scene.shop.text(path, of: scene.server, token: scene.token), path)
        }
        let dump = try await Program.run(
            ["pg_dump", "--inserts", "-d", database],
            environment: ["PATH": "/usr/bin:/bin"]
        )
        #expect(dump.status == 0 && dump.output.contains("${secret:bank-key}"))
        scene.search(dump.output, "pg_dump")
    }
}
