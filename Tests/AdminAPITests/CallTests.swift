import EventModel
import Foundation
import HTTPTypes
import Testing

@testable import AdminAPI
@testable import Catalog

@Suite(.timeLimit(.minutes(2))) struct CallTests {
    @Test func `A source is made with a key that works, gets another, loses one, and goes`() async throws {
        try await RunningAPI.with { running in
            let made = try await running.call(.put, "/sources/web", body: #"{"partitions": 2}"#)
            #expect(made.status == 201)
            #expect(made.changes == ["+ source web (2 partitions)", "+ write key of source web (generated)"])
            let key = try #require(made.document["writeKeys"]?.elements?.first?["key"]?.string)
            #expect(running.catalog.current.source(forWriteKey: key)?.name == "web")

            let changed = try await running.call(.put, "/sources/web", body: #"{"partitions": 3}"#)
            #expect(changed.changes == ["~ source web: partitions 2 → 3 (a new generation)"])
            let generations = try await running.call(.get, "/sources/web").text
            let closed = #""closedGenerations":[{"generation":0,"partitions":2}]"#
            #expect(generations.contains(#""partitions":3,"generation":1,"#) && generations.contains(closed))

            let again = try await running.call(.put, "/sources/web", body: "{}")
            #expect(again.status == 200 && again.changes.isEmpty)

            let more = try await running.call(.post, "/sources/web/write-keys")
            #expect(more.status == 201)
            let second = try #require(more.document["writeKeys"]?.elements?.first?["key"]?.string)
            let shown = try await running.call(.get, "/sources/web")
            #expect(!shown.text.contains(key) && shown.text.contains(Secret.hint(of: second)))

            let id = SecretHash(of: key).hexadecimal(bytes: 6)
            #expect(try await running.call(.delete, "/sources/web/write-keys/\(id)").status == 204)
            #expect(running.catalog.current.source(forWriteKey: key) == nil)
            #expect(running.catalog.current.source(forWriteKey: second) != nil)
            #expect(try await running.call(.delete, "/sources/web/write-keys/\(id)").status == 404)

            #expect(try await running.call(.delete, "/sources/web").status == 204)
            #expect(try await running.call(.get, "/sources/web").status == 404)
            #expect(try await running.call(.get, "/sources").text == #"{"sources":[]}"#)
        }
    }

    @Test func `What connections use cannot be removed before them`() async throws {
        try await RunningAPI.with { running in
            _ = try await running.upload("leat.webhook", "1.0.0", .requests)
            _ = try await running.upload("com.example.mask", "1.0.0")
            #expect(try await running.call(.put, "/sources/web", body: "{}").status == 201)
            let crm = #"{"connector": "leat.webhook", "config": {"url": "https://a"}, "limits": {"timeout": "5s"}}"#
            #expect(try await running.call(.put, "/destinations/crm", body: crm).status == 201)
            #expect(try await running.call(.put, "/destinations/crm", body: crm).changes.isEmpty)
            let steps = #"{"transformations": [{"plugin": "com.example.mask@1.0.0"}]}"#
            #expect(try await running.call(.put, "/connections/web/crm", body: steps).status == 201)
            #expect(try await running.call(.get, "/connections/web/crm").document["name"]?.string == "web/crm")
            #expect(try await running.call(.get, "/destinations").text.contains(#""timeout":"5s""#))

            for path in ["/sources/web", "/destinations/crm"] {
                let refused = try await running.call(.delete, path)
                #expect(refused.status == 409 && refused.code == "in_use")
                #expect(refused.document["message"]?.string?.contains("web/crm") == true)
            }
            for path in ["/connections/web/crm", "/sources/web", "/destinations/crm"] {
                #expect(try await running.call(.delete, path).status == 204)
                #expect(try await running.call(.delete, path).status == 404)
            }
        }
    }

    @Test(arguments: [
        ("{", 400, "unreadable"), ("", 400, "unreadable"), ("[]", 422, "refused"), (#"{"a": 1}"#, 422, "refused"),
        (#"{"enabled": 1}"#, 422, "refused"), (#"{"name": "other"}"#, 422, "refused"),
        (#"{"enabled": true, "enabled": false}"#, 400, "unreadable"),
        (String(repeating: " ", count: 2_000_000), 413, "too_large"),
    ])
    func `A body that is not as described is refused with its reason`(
        body: String,
        status: Int,
        code: String
    ) async throws {
        try await RunningAPI.with { running in
            let answer = try await running.call(.put, "/sources/web", body: body)
            #expect(answer.status == status && answer.code == code, "\(answer.text.prefix(300))")
            #expect(running.catalog.current.sources.isEmpty)
        }
    }

    @Test func `A plugin is uploaded once, can be uploaded again, and never changes`() async throws {
        try await RunningAPI.with { running in
            let first = try await running.upload("com.example.mask", "1.0.0", query: "?activate=false")
            #expect(first.status == 201 && first.document["active"]?.content == .bool(false))
            #expect(try await running.upload("com.example.mask", "1.0.0").status == 200)
            #expect(running.catalog.current.plugin(PluginReference(id: "com.example.mask")) == nil)
            #expect(try await running.upload("com.example.mask", "1.0.0", query: "?activate=true").status == 200)
            #expect(running.catalog.current.plugin(PluginReference(id: "com.example.mask"))?.version == "1.0.0")
            let changed = try await running.upload("com.example.mask", "1.0.0", library: "\u{7F}ELF+")
            #expect(changed.status == 409 && changed.code == "version_exists")
            let other = try await running.upload("com.example.mask", "2.0.0", .requests)
            #expect(other.status == 409 && other.code == "other_kind")

            #expect(try await running.upload("com.example.mask", "1.1.0+b7", query: "?activate=false").status == 201)
            let path = "/plugins/com.example.mask/versions/1.1.0%2Bb7/activate"
            #expect(
                try await running.call(.post, path).changes == ["~ plugin com.example.mask: active 1.0.0 → 1.1.0+b7"]
            )
            #expect(try await running.call(.post, "/plugins/com.example.mask/versions/9/activate").status == 404)
            let shown = try await running.call(.get, "/plugins/com.example.mask")
            #expect(shown.document["active"]?.string == "1.1.0+b7")
            #expect(try await running.call(.get, "/plugins").document["plugins"]?.elements?.count == 1)
        }
    }

    @Test func `An upload that is not one is refused with its reason`() async throws {
        try await RunningAPI.with { running in
            let path = "/plugins/com.example.mask/versions/1.0.0"
            let manifest = #"{"id":"com.example.mask","version":"1.0.0","kind":"transform"}"#
            let form = "multipart/form-data; boundary=b"
            let elf = "\u{7F}ELF"
            for (body, type, status, code) in [
                ("{}", "application/json", 415, "unsupported_media_type"),
                ("{}", "multipart/form-data", 415, "unsupported_media_type"),
                ("{}", form, 400, "invalid"),
                (RunningAPI.form(["manifest": manifest]), form, 400, "invalid"),
                (RunningAPI.form(["manifest": manifest, "manifest": manifest]), form, 400, "invalid"),
                (RunningAPI.form(["manifest": manifest, "other": elf]), form, 400, "invalid"),
                (String(RunningAPI.form(["manifest": manifest, "library": elf]).dropLast(4)), form, 400, "invalid"),
                (RunningAPI.form(["manifest": "{}", "library": elf]), form, 422, "manifest"),
                (RunningAPI.form(["manifest": manifest, "library": "#!/bin/sh"]), form, 422, "not_elf"),
                (
                    RunningAPI.form(["manifest": String(repeating: " ", count: 70_000), "library": elf]), form, 413,
                    "too_large"
                ),
            ] {
                let answer = try await running.call(.put, path, body: body, type: type)
                #expect(answer.status == status && answer.code == code, "\(answer.text)")
            }
            let elsewhere = try await running.call(
                .put,
                "/plugins/com.example.other/versions/1.0.0",
                body: RunningAPI.form(["library": elf, "manifest": manifest]),
                type: form
            )
            #expect(elsewhere.status == 422 && elsewhere.code == "manifest_mismatch")
            #expect(running.catalog.current.plugins.isEmpty)
        }
    }

    @Test func `A plugin is attached, replaced in place and detached`() async throws {
        try await RunningAPI.with { running in
            _ = try await running.upload("leat.webhook", "1.0.0", .requests)
            _ = try await running.upload("com.example.mask", "1.0.0")
            _ = try await running.upload("com.example.geo", "1.0.0")
            let text = """
                sources: [{name: web}]
                destinations: [{name: crm, connector: leat.webhook}]
                connections: [{source: web, destination: crm}]
                """
            #expect(try await running.call(.post, "/apply", body: text, type: "application/yaml").status == 200)
            let path = "/connections/web/crm/transformations"
            let mask = #"{"plugin": "com.example.mask"}"#
            let changes = try await running.call(.post, path, body: mask).changes
            #expect(changes == ["~ connection web/crm: transformations none → com.example.mask"])
            #expect(try await running.call(.post, path, body: mask).changes.isEmpty)
            #expect(try await running.call(.post, path, body: #"{"plugin": "com.example.geo"}"#).status == 200)
            let pinned = #"{"plugin": "com.example.mask@1.0.0", "config": {"fields": []}}"#
            #expect(try await running.call(.post, path, body: pinned).status == 200)
            let steps = try await running.call(.get, "/connections/web/crm").document["transformations"]?.elements
            #expect(steps?.compactMap { $0["plugin"]?.string } == ["com.example.mask@1.0.0", "com.example.geo"])
            let connector = try await running.call(.post, path, body: #"{"plugin": "leat.webhook"}"#)
            #expect(connector.problems.first?.contains("which is no transformation") == true)
            #expect(try await running.call(.delete, "\(path)/com.example.mask").status == 200)
            #expect(try await running.call(.delete, "\(path)/com.example.mask").status == 404)
        }
    }

    @Test func `What a connection wants is put and shown, and stays when a plugin is attached`() async throws {
        try await RunningAPI.with { running in
            _ = try await running.upload("leat.webhook", "1.0.0", .requests)
            _ = try await running.upload("com.example.mask", "1.0.0")
            _ = try await running.call(.put, "/sources/web", body: "{}")
            _ = try await running.call(.put, "/destinations/crm", body: #"{"connector": "leat.webhook"}"#)
            let wish = #"{"filter": "n > 1", "sample": 0.25, "consent": {"categories": ["Ads"], "match": "any"}}"#
            #expect(try await running.call(.put, "/connections/web/crm", body: wish).status == 201)
            let step = #"{"plugin": "com.example.mask", "when": "exists(n)"}"#
            for path in ["/connections/web/crm", "/sources/web"] {
                #expect(try await running.call(.post, "\(path)/transformations", body: step).status == 200)
                let shown = try await running.call(.get, path).document["transformations"]?.elements?.first
                #expect(shown?["when"]?.string == "exists(n)")
                let gone = try await running.call(.delete, "\(path)/transformations/com.example.mask")
                #expect(gone.changes.count == 1)
                #expect(try await running.call(.delete, "\(path)/transformations/com.example.mask").status == 404)
            }
            let shown = try await running.call(.get, "/connections/web/crm").document
            #expect(shown["filter"]?.string == "n > 1" && shown["sample"]?.content == .number("0.25"))
            #expect(shown["consent"]?["categories"]?.elements?.compactMap(\.string) == ["Ads"])
            let wrong = try await running.call(.put, "/connections/web/crm", body: #"{"filter": "n ="}"#)
            #expect(wrong.status == 422 && wrong.problems.first?.contains("column 3: found \"=\"") == true)
            let none = try await running.call(.post, "/sources/none/transformations", body: step)
            #expect(none.status == 404)
        }
    }

    @Test func `A declaration is applied as YAML or JSON, and refused with all problems and their lines`() async throws
    {
        try await RunningAPI.with { running in
            let yaml = "sources:\n  - name: web\n  - name: web\n    colour: blue\nconnections:\n  - source: web\n"
            let refused = try await running.call(.post, "/apply", body: yaml, type: "application/yaml")
            #expect(refused.status == 422)
            let lines = (refused.document["details"]?["problems"]?.elements ?? []).map { $0["line"]?.int }
            #expect(lines == [3, 4, 6])
            let dangling = "connections:\n- {source: web, destination: crm}"
            let missing = try await running.call(.post, "/apply", body: dangling, type: "application/yaml")
            #expect(missing.problems.count == 2)

            let json = #"{"sources": [{"name": "web"}]}"#
            let dry = try await running.call(.post, "/apply?dryRun=true", body: json)
            #expect(dry.changes.count == 2 && running.catalog.current.sources.isEmpty)
            #expect(try await running.call(.post, "/apply", body: json).changes == dry.changes)
            #expect(try await running.call(.post, "/apply", body: json).changes.isEmpty)
            let export = try await running.call(.get, "/export")
            #expect(export.text.contains("  - name: web\n    partitions: 4\n"))
            let same = try await running.call(.post, "/apply?prune=true", body: export.text, type: "application/yaml")
            #expect(same.status == 200 && same.changes.isEmpty)
            let asJSON = try await running.call(.get, "/export?format=json")
            #expect(try await running.call(.post, "/apply?prune=true", body: asJSON.text).changes.isEmpty)
            #expect(try await running.call(.get, "/export?format=xml").status == 400)
            #expect(try await running.call(.post, "/apply?prune=yes", body: json).status == 400)
            let prune = try await running.call(.post, "/apply?prune=true", body: #"{"sources": []}"#)
            #expect(prune.changes == ["- source web"])
        }
    }

    @Test func `A call that does not exist is refused like any other`() async throws {
        try await RunningAPI.with { running in
            for (method, path) in [
                (HTTPRequest.Method.get, "/nothing"), (.get, "/sources/web/nothing"), (.post, "/sources/web"),
                (.patch, "/sources/web"), (.delete, "/counts"), (.put, "/connections/a/b/c/d/e"),
            ] {
                let answer = try await running.call(method, path)
                #expect(answer.status == 404 && answer.code == "no_such_call", "\(method) \(path): \(answer.text)")
            }
        }
    }

    @Test func `Tokens are made, work, and are revoked`() async throws {
        try await RunningAPI.with { running in
            let made = try await running.call(.put, "/tokens/ci")
            let token = try #require(made.document["token"]?.string)
            #expect(made.status == 201 && made.headers[.cacheControl] == "no-store")
            #expect(try await running.call(.get, "/tokens", token: token).status == 200)
            #expect(try await running.call(.put, "/tokens/ci").status == 409)
            #expect(try await running.call(.put, "/tokens/C!").status == 400)
            #expect(try await running.call(.delete, "/tokens/ci").status == 204)
            #expect(try await running.call(.get, "/tokens", token: token).status == 401)
            #expect(try await running.call(.delete, "/tokens/ci").status == 404)
            #expect(try await running.call(.delete, "/tokens/first").status == 409)
        }
    }

    @Test func `Reports name what they tell of, and a removed source keeps its counts`() async throws {
        let timing = PluginTimings(
            plugin: "com.example.mask",
            version: "1.0.0",
            creation: Quantiles(count: 2, p50: 0.004, p90: 0.005, p99: 0.005, max: 0.0051),
            execution: Quantiles(count: 0, p50: nil, p90: nil, p99: nil, max: nil),
            input: Quantiles(count: 10, p50: 1024, p90: 2048, p99: 4096, max: 5000),
            failures: ["deadline": 1]
        )
        let source = SourceID(rawValue: 1)
        let reports = Reports(
            timings: { plugin, since in plugin == nil || since == .seconds(1800) ? [timing] : [] },
            counts: {
                StageCounts(
                    sources: [.init(source: source, accepted: 5, refused: 1)],
                    connections: [
                        .init(
                            connection: ConsumerID(rawValue: 99),
                            counts: Counts(),
                            unread: 5,
                            expired: 0,
                            reasons: ReasonCounts(["filter": 3])
                        )
                    ]
                )
            },
            refused: { _, _ in
                [RefusedReport(source: source, at: 0, code: "event_too_large", message: "Too large.", event: "{")]
            },
            log: .none
        )
        try await RunningAPI.with(reports: reports) { running in
            _ = try await running.call(.put, "/sources/web", body: "{}")
            _ = try await running.upload("com.example.mask", "1.0.0")
            let all = try await running.call(.get, "/timings").document["timings"]?.elements
            #expect(all?.first?["creationSeconds"]?["p50"]?.content == .number("0.004"))
            let one = try await running.call(.get, "/plugins/com.example.mask/timings?since=30m")
            #expect(one.document["timings"]?.elements?.count == 1)
            for bad in ["x", "0s", "91d", "-1h"] {
                #expect(try await running.call(.get, "/timings?since=\(bad)").status == 400)
            }
            #expect(try await running.call(.get, "/plugins/com.example.none/timings").status == 404)
            let counts = try await running.call(.get, "/counts").document
            #expect(counts["sources"]?.elements?.first?["source"]?.string == "web")
            #expect(counts["connections"]?.elements?.first?["connection"]?.string == "removed-99")
            #expect(counts["connections"]?.elements?.first?["reasons"]?["filter"]?.content == .number("3"))
            #expect(try await running.call(.get, "/refused?source=web").text.contains("event_too_large"))
            #expect(try await running.call(.get, "/refused?source=app").status == 404)
        }
    }
}
