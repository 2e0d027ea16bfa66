import EventModel
import Foundation
import Testing

@testable import Catalog

@Suite struct DeclarationTests {
    static let whole = """
        # A shop's events on their way to its mailing tool.
        plugins:
          - id: com.example.mask-email
            version: 1.2.0
        sources:
          - name: web
            writeKeys: ["${LEAT_WEB_KEY}"]
          - name: app
            partitions: 8
            enabled: false
        destinations:
          - name: crm
            connector: leat.webhook@1.0.0
            config:
              url: https://example.com/events
              country: no
              big: 12345678901234567890
              headers: {x-shop: "1"}
            limits:
              concurrency: 4
              timeout: 1500ms
              retries: 3
        connections:
          - source: web
            destination: crm
            transformations:
              - plugin: com.example.mask-email
                config: {fields: [email, phone]}
        """

    @Test func `A file that uses everything is read as it is meant`() throws {
        let (declaration, problems) = Declaration.read(try Document.yaml(Self.whole))
        #expect(problems.isEmpty, "\(problems)")
        #expect(declaration.plugins?.map(\.version) == ["1.2.0"])
        #expect(declaration.sources?.map(\.name) == ["web", "app"])
        #expect(declaration.sources?.map(\.partitions) == [nil, 8])
        #expect(declaration.sources?.map(\.enabled) == [true, false])
        #expect(declaration.sources?.first?.writeKeys == ["${LEAT_WEB_KEY}"])
        let crm = try #require(declaration.destinations?.first)
        #expect(crm.connector == PluginReference(id: "leat.webhook", version: "1.0.0"))
        #expect(crm.limits == DestinationLimits(concurrency: 4, timeout: .milliseconds(1500), retries: 3))
        let config =
            #"{"big":12345678901234567890,"country":"no","headers":{"x-shop":"1"},"url":"https://example.com/events"}"#
        #expect(crm.config == config)
        #expect(declaration.connections?.first?.transformations.first?.config == #"{"fields":["email","phone"]}"#)
    }

    @Test func `Every limit of a destination is read, kept, written out, and told when it differs`() throws {
        let text = """
            {requestsPerSecond: 0.5, eventsPerSecond: 200, concurrency: 4, batchEvents: 100, linger: 2s, timeout: 1500ms,
             retries: 3, retryFor: 30d, ordered: false}
            """
        var problems: [Problem] = []
        let limits = DestinationLimits(reading: try Document.yaml(text), at: "limits", &problems)
        let meant = DestinationLimits(
            requestsPerSecond: 0.5,
            eventsPerSecond: 200,
            concurrency: 4,
            batchEvents: 100,
            linger: .seconds(2),
            timeout: .milliseconds(1500),
            retries: 3,
            retryFor: .seconds(30 * 86_400),
            ordered: false
        )
        #expect(problems.isEmpty && limits == meant)
        let stored = try Document.json(limits.document.canonicalJSON)
        #expect(DestinationLimits(reading: stored, at: "limits", &problems) == meant)
        #expect(
            Differences.between(.standard, meant) == [
                "limits.requestsPerSecond none → 0.5", "limits.eventsPerSecond none → 200", "limits.concurrency 16 → 4",
                "limits.batchEvents none → 100", "limits.linger none → 2s", "limits.timeout 30s → 1500ms",
                "limits.retries 20 → 3", "limits.retryFor 3d → 30d", "limits.ordered true → false",
            ]
        )
        let wrong = try Document.yaml(
            "{requestsPerSecond: 0, eventsPerSecond: -1, batchEvents: 501, linger: 0s, retryFor: 1y, ordered: no}"
        )
        _ = DestinationLimits(reading: wrong, at: "limits", &problems)
        #expect(
            problems.map(\.description) == [
                "line 1: limits.requestsPerSecond: must be a number from 0.001 to 1000000, such as 0.5 or 50",
                "line 1: limits.eventsPerSecond: must be a number from 0.001 to 1000000, such as 0.5 or 50",
                "line 1: limits.batchEvents: must be a whole number from 1 to 500",
                "line 1: limits.linger: must be a duration from 1ms to 5m, such as 500ms, 30s or 5m",
                "line 1: limits.retryFor: must be a duration from 1s to 30d, such as 500ms, 30s or 5m",
                "line 1: limits.ordered: must be true or false, but is a text",
            ]
        )
    }

    @Test func `The file in the documentation is one`() throws {
        let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: top.appending(path: "docs/configuration.md"), encoding: .utf8)
        let text = try #require(page.firstMatch(of: /```yaml\n((?:.|\n)*?)```/)).1
        let (declaration, problems) = Declaration.read(try Document.yaml(String(text)))
        #expect(problems.isEmpty, "\(problems)")
        #expect(declaration.connections?.count == 2)
    }

    @Test func `All mistakes of a file are told at once, each with its line and its place`() throws {
        let text = """
            sources:
              - name: Web Shop
              - name: web
                partition: 4
              - name: web
                partitions: 0
              - enabled: maybe
            destinations:
              - name: crm
                connector: 17
                limits: {timeout: 5 minutes, concurrency: 4}
            conections: []
            connections:
              - source: web
                destination: crm
                transformations: {plugin: com.example.x}
            """
        let problems = Declaration.read(try Document.yaml(text)).problems.map(\.description)
        let expected = [
            #"line 2: sources[0].name: must be 1 to 63 characters of a-z, 0-9 and "-""#,
            "line 4: sources[1].partition: is an unknown key; "
                + "known here: enabled, limits, name, partitions, transformations, writeKeys",
            #"line 5: sources[2]: is the second source "web"; the first is in line 3"#,
            "line 6: sources[2].partitions: must be a whole number from 1 to 64",
            #"line 7: sources[3]: lacks the key "name""#,
            "line 7: sources[3].enabled: must be true or false, but is a text",
            "line 10: destinations[0].connector: must be a text, but is a number; put it in quotes",
            "line 11: destinations[0].limits.timeout: must be a duration from 100ms to 10m, such as 500ms, 30s or 5m",
            "line 12: conections: is an unknown key; known here: connections, destinations, plugins, sources",
            "line 16: connections[0].transformations: must be a list, but is a mapping",
        ]
        #expect(problems == expected)
    }

    @Test(arguments: [
        ("sources: [", 1), ("sources:\n  - name: a\n    name: b\n", 2), ("a: b\n---\nc: d", 2), ("? [a]\n: b", 1),
        ("a: *nowhere", 1), (String(repeating: "[", count: 300) + String(repeating: "]", count: 300), 1),
        (String(repeating: "[", count: 500_000), 1), (String(repeating: "- ", count: 5_000), 1),
        ("a: \u{7}", 1), ("\"\\ud800\"", 1),
    ])
    func `A text that is no document is refused with the line`(text: String, line: Int) throws {
        let error = #expect(throws: DocumentError.self) { try Document.yaml(text) }
        if let said = error?.line { #expect(said == line) }
    }

    @Test func `Anchors, which can multiply, are refused`() throws {
        var text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
        for level in 1...9 {
            let alias = Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ", ")
            text += "a\(level): &a\(level) [\(alias)]\n"
        }
        let error = #expect(throws: DocumentError.self) { try Document.yaml(text) }
        #expect(error?.message.contains("anchor") == true && error?.line == 1)
    }

    @Test(arguments: ["", "# nothing\n", "{}", "~"]) func `An empty file wants nothing`(text: String) throws {
        let (declaration, problems) = Declaration.read(try Document.yaml(text))
        #expect(declaration == Declaration() && problems.isEmpty)
    }

    @Test func `JSON is read as the YAML it is`() throws {
        let text = #"{"sources": [{"name": "web", "partitions": 2}], "connections": null}"#
        let (declaration, problems) = Declaration.read(try Document.yaml(text))
        #expect(problems.isEmpty)
        #expect(declaration.sources?.first?.partitions == 2)
        #expect(declaration.connections == [])
    }

    @Test func `A document that is written out reads back as itself`() throws {
        let texts = [
            "", " ", "no", "Yes", "null", "~", "1", "1e5", "0x1F", ".5", "- a", "a: b", "#x", "a #b", "it's", "\"",
            "\\",
            "a\nb", "\t", "é", "\u{1F600}", "\u{2028}", "\u{85}", "https://a.b/c?d=e", "C:\\x", "@x", "!x",
            "&x", "*x", "%x", "a,b", "[x]", "{x}", "key: value", "x:", "?", "-", "---", "...", "2026-11-22", "12:30",
        ]
        var members = texts.map { Document.Member(key: $0, line: 0, value: Document(.string($0))) }
        members.append(.init(key: "list", line: 0, value: Document(.list(texts.map { Document(.string($0)) }))))
        let nested = Document(
            .list([
                Document(.list([Document(.list([])), Document(.object([])), Document(.null)])),
                Document(.object([.init(key: "a", line: 0, value: Document(.list([Document(.bool(true))])))])),
                Document(.number("-1.5e+300")),
            ])
        )
        members.append(.init(key: "nested", line: 0, value: nested))
        let document = Document(.object(members))
        #expect(try Document.yaml(document.yaml).withoutLines == document)
        #expect(try Document.yaml(document.canonicalJSON).canonicalJSON == document.canonicalJSON)
    }

    @Test(arguments: [("1500ms", 1500), ("30s", 30_000), ("5m", 300_000), ("2h", 7_200_000), ("1d", 86_400_000)])
    func `A duration is written as it is read`(text: String, milliseconds: Int64) {
        #expect(DurationText.milliseconds(text) == milliseconds)
        #expect(DurationText.text(milliseconds: milliseconds) == text)
    }

    @Test(arguments: ["", "s", "5", "-5s", "1.5s", "5 s", "5S", "99999999999999999999s", "9223372036854775807h"])
    func `What is no duration is refused`(text: String) {
        #expect(DurationText.milliseconds(text) == nil)
    }
}
