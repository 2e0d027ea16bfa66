import Catalog
import Foundation
import TestSupport
import Testing

/// The program itself against a server on a port.
@Suite(.timeLimit(.minutes(3))) struct CommandTests {
    static let file = """
        plugins:
          - {library: leat.webhook.so, manifest: leat.webhook.json}
          - {library: com.example.mask.so, manifest: com.example.mask.json}
        sources:
          - name: web
            writeKeys: ["${WEB_KEY}"]
          - name: app
        destinations:
          - name: crm
            connector: leat.webhook
            config: {url: "http://127.0.0.1:1/"}
        connections:
          - source: web
            destination: crm
            transformations: [{plugin: com.example.mask}]
        """

    static let changes = """
        + plugin leat.webhook@1.0.0
        + plugin com.example.mask@1.0.0
        ~ plugin leat.webhook: active 1.0.0
        ~ plugin com.example.mask: active 1.0.0
        + source web (4 partitions)
        + source app (4 partitions)
        + write key …-key of source web
        + write key of source app (generated)
        + destination crm (leat.webhook)
        + connection web/crm through com.example.mask

        """

    @Test func `Nodes are shown, and one is drained unless it is the last that can run lanes`() async throws {
        try await RunningServer.with { server in
            let shown = try await server.leat("nodes")
            #expect(shown.output.contains("left   alive         8 of 8"), "\(shown.text)")
            #expect(shown.output.contains("right  draining      0 of 8"), "\(shown.text)")
            let drained = try await server.leat("node", "drain", "left")
            #expect(drained.status == 0 && drained.output == "left hands its partitions over.\n")
            let refused = try await server.leat("node", "drain", "right")
            #expect(refused.status == 1 && refused.errors.contains("is the only node that can run lanes"))
            let undone = try await server.leat("node", "drain", "right", "--undo")
            #expect(undone.status == 0 && undone.output == "right takes partitions again.\n")
        }
    }

    @Test func `A file is shown, applied with its plugins, and then changes nothing`() async throws {
        try await RunningServer.with { server in
            try server.writePlugin("leat.webhook", "1.0.0", "destination.request")
            try server.writePlugin("com.example.mask", "1.0.0", "transform")
            try server.write("leat.yaml", Self.file)
            let key = ["WEB_KEY": "the-web-shops-own-key"]

            let dry = try await server.leat("apply", "--dry-run", environment: key)
            #expect(dry.output == Self.changes + "This was a dry run; nothing was changed.\n", "\(dry.errors)")
            #expect(server.catalog.current.plugins.isEmpty && server.catalog.current.sources.isEmpty)

            let applied = try await server.leat("apply", "-f", "leat.yaml", environment: key)
            #expect(applied.output.hasPrefix(Self.changes + "Uploaded leat.webhook@1.0.0, 4 B, sha256 "))
            #expect(applied.output.contains("\nDone.\nThe write key of source app, shown this once: "))
            #expect(applied.status == 0 && !applied.text.contains("the-web-shops-own-key"), "\(applied.errors)")
            let snapshot = server.catalog.current
            #expect(snapshot.source(forWriteKey: "the-web-shops-own-key")?.name == "web")
            #expect(snapshot.connection(from: "web", to: "crm")?.transformations.count == 1)

            let again = try await server.leat("apply", "--prune", environment: key)
            #expect(again.output == "Nothing changes.\n" && again.status == 0)
            let export = try await server.leat("export", "-o", "copy.yaml")
            #expect(export.status == 0)
            #expect(try await server.leat("apply", "-f", "copy.yaml", "--prune").output == "Nothing changes.\n")

            try server.writePlugin("com.example.mask", "1.0.0", "transform", library: "\u{7F}ELF, but other")
            let changed = try await server.leat("apply", environment: key)
            #expect(changed.status == 1)
            #expect(changed.errors.contains("leat.yaml:3: plugins[1]: Version 1.0.0 of \"com.example.mask\" was"))
        }
    }

    @Test func `Everything that is wrong with a file is listed with its line, as a compiler would`() async throws {
        try await RunningServer.with { server in
            let bad = """
                sources:
                - name: web
                  writeKeys: ['${NOT_SET}']
                - nam: app
                plugins:
                - {library: a.so, manifest: no.json}
                """
            try server.write("bad.yaml", bad)
            let local = try await server.leat("apply", "-f", "bad.yaml")
            let expected = """
                Error: bad.yaml:3: sources[0].writeKeys[0]: NOT_SET is not set in the environment
                bad.yaml:4: sources[1]: lacks the key "name"
                bad.yaml:4: sources[1].nam: is an unknown key; known here: enabled, limits, name, partitions, transformations, writeKeys
                bad.yaml:6: plugins[0]: The file no.json cannot be read.

                """
            #expect(local.status == 1 && local.errors == expected)

            let far = """
                connections:
                  - source: web
                    destination: crm
                    transformations:
                      - plugin: no.such
                """
            try server.write("far.yaml", far)
            let remote = try await server.leat("apply", "-f", "far.yaml")
            let told = """
                Error: far.yaml:2: connections[0].source: there is no source "web"
                far.yaml:3: connections[0].destination: there is no destination "crm"
                far.yaml:5: connections[0].transformations[0].plugin: no plugin "no.such" was uploaded

                """
            #expect(remote.status == 1 && remote.errors == told)
            let none = try await server.leat("apply", "-f", "none.yaml")
            #expect(none.errors == "Error: The file none.yaml cannot be read.\n")
        }
    }

    @Test func `A plugin is pushed, attached, timed and detached`() async throws {
        try await RunningServer.with { server in
            try server.writePlugin("leat.webhook", "1.0.0", "destination.request")
            try server.writePlugin("com.example.mask", "1.0.0", "transform")
            for id in ["leat.webhook", "com.example.mask"] {
                let pushed = try await server.leat("plugin", "push", "\(id).so", "--manifest", "\(id).json")
                #expect(pushed.status == 0 && pushed.output.hasPrefix("Uploaded \(id)@1.0.0"), "\(pushed.text)")
            }
            #expect(try await server.leat("source", "create", "web").output.contains("shown this once: "))
            let file = """
                destinations: [{name: crm, connector: leat.webhook}]
                connections: [{source: web, destination: crm}]
                """
            try server.write("leat.yaml", file)
            #expect(try await server.leat("apply").status == 0)
            let mask = "com.example.mask"
            let config = #"{"fields": ["email"]}"#
            let attached = try await server.leat(
                "plugin",
                "attach",
                mask,
                "--connection",
                "web/crm",
                "--config",
                config
            )
            #expect(attached.output == "~ connection web/crm: transformations none → com.example.mask\n")
            let listed = """
                CONNECTION  ENABLED  LAG   TRANSFORMATIONS   WANTS
                web/crm     yes      hold  com.example.mask  everything

                """
            #expect(try await server.leat("connection", "list").output == listed)
            let wish = ["--when", "n > 1", "--sample", "0.10", "--consent", "Ads", "Analytics", "--match", "any"]
            let filtered = try await server.leat(["connection", "filter", "web/crm"] + wish)
            let changes = "filter none → n > 1, sample none → 0.1, consent none → any of Ads, Analytics"
            #expect(filtered.output == "~ connection web/crm: \(changes)\n", "\(filtered.text)")
            let lag = try await server.leat("connection", "lag", "web/crm", "expire")
            #expect(lag.output == "~ connection web/crm: lag hold → expire\n")
            let wants = try await server.leat("connection", "list").output
            #expect(wants.contains("sample 0.1; filter n > 1; consent to any of Ads, Analytics"), "\(wants)")
            let both = ["--everything", "--sample", "0.1"]
            let wrongs = [["--when", "n ="], ["--sample", "2"], ["--match", "any"], [], both]
            for wrong in wrongs {
                #expect(try await server.leat(["connection", "filter", "web/crm"] + wrong).status != 0, "\(wrong)")
            }
            let source = try await server.leat("plugin", "attach", mask, "--source", "web", "--when", "n == 2")
            #expect(source.output == "~ source web: transformations none → com.example.mask\n", "\(source.text)")
            #expect(try await server.leat("source", "list").output.contains("com.example.mask"))
            let out = try await server.leat("plugin", "detach", mask, "--source", "web")
            #expect(out.output == "~ source web: transformations com.example.mask → none\n")
            #expect(try await server.leat("plugin", "detach", mask, "--source", "web").status != 0)
            #expect(try await server.leat("plugin", "detach", mask).status != 0)
            #expect(try await server.leat("connection", "lag", "web/crm", "never").status != 0)
            let limit = try await server.leat("source", "limit", "web", "--events-per-second", "100")
            #expect(limit.output == "~ source web: limits.eventsPerSecond none → 100\n")
            #expect(try await server.leat("source", "limit", "web").status != 0)
            #expect(try await server.leat("source", "list").output.contains("eventsPerSecond 100"))
            // Neither takes anything else along.
            let kept = try await server.leat("connection", "list").output
            #expect(kept.contains("web/crm     yes      expire  com.example.mask"))
            let free = try await server.leat("source", "limit", "web", "--none")
            #expect(free.output == "~ source web: limits.eventsPerSecond 100 → none\n")
            let timings = try await server.leat("plugin", "timings", mask, "--since", "30m")
            #expect(timings.output.contains("  execution ") && timings.output.contains(" 400 µs "), "\(timings.text)")
            let json = try await server.leat("plugin", "timings", "--json")
            #expect(try Document.json(json.output)["timings"]?.elements?.count == 1)
            let detached = try await server.leat("plugin", "detach", mask, "--connection", "web/crm")
            #expect(detached.output == "~ connection web/crm: transformations com.example.mask → none\n")
        }
    }

    @Test func `Pushing an old version again leaves the active one, and says so`() async throws {
        try await RunningServer.with { server in
            func push(_ flags: String...) async throws -> Program.Ended {
                let words = ["plugin", "push", "com.example.mask.so", "--manifest", "com.example.mask.json"]
                return try await server.leat(words + flags)
            }
            for version in ["1.0.0", "1.1.0", "1.0.0"] {
                try server.writePlugin("com.example.mask", version, "transform")
                let pushed = try await push()
                #expect(pushed.status == 0, "\(pushed.text)")
                let isAgain = server.catalog.current.plugins.count == 2 && version == "1.0.0"
                #expect(pushed.output.contains("leat plugin activate com.example.mask 1.0.0") == isAgain)
            }
            let mask = PluginReference(id: "com.example.mask")
            #expect(server.catalog.current.plugin(mask)?.version == "1.1.0")
            #expect(try await push("--activate").output.contains("activate") == false)
            #expect(server.catalog.current.plugin(mask)?.version == "1.0.0")
        }
    }

    @Test func `A plugin that is far larger than any event's body is taken`() async throws {
        try await RunningServer.with { server in
            let size = 20 * 1024 * 1024
            let library = "\u{7F}ELF" + String(repeating: "\r\n--\r", count: size / 5)
            try server.writePlugin("com.example.mask", "1.0.0", "transform", library: library)
            let pushed = try await server.leat(
                "plugin",
                "push",
                "com.example.mask.so",
                "--manifest",
                "com.example.mask.json"
            )
            #expect(pushed.status == 0, "\(pushed.text)")
            #expect(server.catalog.current.plugins.map(\.size) == [Int64(library.utf8.count)])
        }
    }

    @Test func `Whoever waits to be told to send a plugin is told so only with a token`() async throws {
        try await RunningServer.with { server in
            for (token, said) in [(server.token, "HTTP/1.1 100 Continue\r\n\r\n"), ("leat_nobody", "HTTP/1.1 401 ")] {
                let head = """
                    PUT /api/v1/plugins/com.example.mask/versions/1.0.0 HTTP/1.1\r
                    Host: x\r
                    Authorization: Bearer \(token)\r
                    Connection: close\r
                    Expect: 100-continue\r
                    Content-Type: multipart/form-data; boundary=b\r
                    Content-Length: 7\r
                    \r

                    """
                let heard = try await RawConnection.talk(to: server.port, saying: head + "--b--\r\n")
                #expect(heard.hasPrefix(said), "\(heard)")
            }
        }
    }

    @Test func `Lists and reports say what there is, also when there is nothing`() async throws {
        try await RunningServer.with { server in
            #expect(try await server.leat("source", "list").output == "There are no sources yet.\n")
            #expect(try await server.leat("destination", "list").output == "There are no destinations yet.\n")
            #expect(try await server.leat("plugin", "list").output == "There are no plugins yet.\n")
            #expect(try await server.leat("dead-letters").output == "There are no dead letters.\n")
            #expect(try await server.leat("refused").output == "Nothing was refused.\n")
            #expect(try await server.leat("source", "create", "web", "--partitions", "2").status == 0)
            #expect(try await server.leat("counts").output.contains("web            5        0\n"))
            let changed = try await server.leat("source", "partitions", "web", "3")
            #expect(changed.output == "~ source web: partitions 2 → 3 (a new generation)\n")
            #expect(try await server.leat("source", "partitions", "web", "3").output.hasSuffix("nothing changes.\n"))
            #expect(try await server.leat("source", "partitions", "nobody", "3").status == 1)
            #expect(try await server.leat("source", "partitions", "web", "2").status == 0)
            let source = try #require(server.catalog.current.source(named: "web"))
            let key = try #require(server.catalog.current.writeKeys(of: source.id).first)
            let row = "2  none    none             \(key.id) …\(key.hint)\n"
            #expect(try await server.leat("source", "list").output.contains(row))
            #expect(try await server.leat("source", "key", "create", "web").status == 0)
            #expect(try await server.leat("source", "key", "revoke", "web", key.id).status == 0)
            #expect(server.catalog.current.writeKeys(of: source.id).count == 1)
            let made = try await server.leat("token", "create", "ci")
            let token = made.output.split(separator: " ").last?.dropLast() ?? ""
            #expect(server.catalog.current.tokenName(for: token) == "ci")
            #expect(try await server.leat("token", "revoke", "ci").output == "- token ci\n")
        }
    }

    @Test func `The end of a command says whether it, the server or the command line was wrong`() async throws {
        try await RunningServer.with { server in
            let unknown = try await server.leat("source", "remove", "web")
            #expect(unknown.status == 1)
            #expect(unknown.errors == "Error: The server answered 404 (not_found): There is no source \"web\".\n")
            for words in [["source", "create"], ["plugin", "timings", "--since", "soon"], ["frobnicate"]] {
                let wrong = try await Program.run([Program.built("leat")] + words)
                #expect(wrong.status == 2 && wrong.output.isEmpty && wrong.errors.contains("Usage: leat"))
            }
            let away = try await server.leat("source", "list", "--server", "http://127.0.0.1:1")
            #expect(away.status == 1 && away.errors.hasPrefix("Error: No answer from http://127.0.0.1:1: "))
            let stranger = try await server.leat("source", "list", environment: ["LEAT_TOKEN": "leat_guess"])
            #expect(stranger.status == 1 && stranger.errors.contains("401 (unauthorized)"))
        }
    }

    @Test func `The token may stand in a file that only its owner can read`() async throws {
        try await RunningServer.with { server in
            let without = ["LEAT_TOKEN": ""]
            let none = try await server.leat("source", "list", environment: without)
            #expect(none.status == 1 && none.errors.contains("\(server.folder)/.config/leat/token"))
            let folder = "\(server.folder)/.config/leat"
            let files = FileManager.default
            try files.createDirectory(atPath: folder, withIntermediateDirectories: true)
            try (server.token + "\n").write(toFile: folder + "/token", atomically: true, encoding: .utf8)
            try files.setAttributes([.posixPermissions: 0o644], ofItemAtPath: folder + "/token")
            let open = try await server.leat("source", "list", environment: without)
            #expect(open.status == 1 && open.errors.contains("chmod 600"))
            try files.setAttributes([.posixPermissions: 0o600], ofItemAtPath: folder + "/token")
            #expect(try await server.leat("source", "list", environment: without).status == 0)
        }
    }
}
