import EventModel
import Testing

@testable import Catalog

@Suite struct PlanTests {
    static let webKey = "web-key-0123456789abcdef"

    static func version(_ id: String, _ version: String, _ kind: PluginKind, active: Bool) throws -> PluginVersion {
        let digest = try #require(PluginDigest(rawValue: String(repeating: "a", count: 64)))
        return PluginVersion(
            id: id,
            version: version,
            kind: kind,
            digest: digest,
            size: 1,
            manifest: "{}",
            uploadedAt: 0,
            active: active
        )
    }

    /// One source, one destination, one connection, and a plugin of each kind.
    static func snapshot() throws -> CatalogSnapshot {
        let web = Source(id: SourceID(rawValue: 1), name: "web", enabled: true, partitions: 4, generation: 0)
        let crm = Destination(
            id: DestinationID(rawValue: 2),
            name: "crm",
            connector: PluginReference(id: "leat.webhook"),
            config: #"{"secret":"hush","url":"https://a"}"#,
            limits: .standard,
            enabled: true
        )
        let mask = Transformation(plugin: PluginReference(id: "com.example.mask"), config: #"{"fields":["email"]}"#)
        let connection = Connection(
            id: ConsumerID(rawValue: 3),
            source: web.id,
            destination: crm.id,
            transformations: [mask],
            enabled: true
        )
        return CatalogSnapshot(
            revision: 7,
            sources: [web],
            writeKeys: [WriteKey(hash: SecretHash(of: webKey), source: web.id, hint: "cdef", createdAt: 0)],
            destinations: [crm],
            connections: [connection],
            plugins: [
                try version("leat.webhook", "1.0.0", .requests, active: true),
                try version("com.example.mask", "1.0.0", .transform, active: true),
                try version("com.example.mask", "1.1.0", .transform, active: false),
                try version("com.example.idle", "1.0.0", .transform, active: false),
            ]
        )
    }

    static let present = """
        plugins:
          - {id: leat.webhook, version: 1.0.0}
          - {id: com.example.mask, version: 1.0.0}
        sources: [{name: web, partitions: 4}]
        destinations:
          - {name: crm, connector: leat.webhook, config: {url: "https://a", secret: hush}}
        connections:
          - source: web
            destination: crm
            transformations: [{plugin: com.example.mask, config: {fields: [email]}}]
        """

    static func plan(_ text: String, prune: Bool = false, pending: Bool = false) throws -> ([String], [String]) {
        let (declaration, faults) = Declaration.read(try Document.yaml(text))
        #expect(faults.isEmpty, "\(faults)")
        let (plan, problems) = Plan.make(
            from: try snapshot(),
            to: declaration,
            prune: prune,
            uploadsPending: pending
        )
        return (plan.lines, problems.map(\.description))
    }

    @Test(arguments: [false, true]) func `What is already so needs no change`(prune: Bool) throws {
        let (lines, problems) = try Self.plan(Self.present, prune: prune)
        #expect(lines.isEmpty && problems.isEmpty)
    }

    @Test func `An export applied again changes nothing`() throws {
        let exported = Declaration(exporting: try Self.snapshot()).document.yaml
        let (lines, problems) = try Self.plan(exported, prune: true)
        #expect(lines.isEmpty && problems.isEmpty)
        #expect(!exported.contains(Self.webKey))
    }

    @Test(arguments: [
        ("sources: [{name: app}]", ["+ source app (4 partitions)", "+ write key of source app (generated)"]),
        ("sources: [{name: app, writeKeys: [], partitions: 1}]", ["+ source app (1 partitions)"]),
        ("sources: [{name: web, enabled: false}]", ["~ source web: disabled"]),
        ("sources: [{name: web, partitions: 8}]", ["~ source web: partitions 4 → 8 (a new generation)"]),
        (
            """
            sources: [{name: web, partitions: 1, enabled: false}]
            connections: [{source: web, destination: crm, transformations: [{plugin: com.example.mask}]}]
            """,
            [
                "~ source web: disabled", "~ connection web/crm: transformations[0].config (fields)",
                "~ source web: partitions 4 → 1 (a new generation)",
            ]
        ),
        (
            "sources: [{name: web, writeKeys: [another-key-of-some-length]}]",
            ["+ write key …ngth of source web"]
        ),
        ("plugins: [{id: com.example.mask, version: 1.1.0}]", ["~ plugin com.example.mask: active 1.0.0 → 1.1.0"]),
        ("plugins: [{id: com.example.idle, version: 1.0.0}]", ["~ plugin com.example.idle: active 1.0.0"]),
        (
            "destinations: [{name: crm, connector: leat.webhook@1.0.0, config: {url: https://b, secret: hush}}]",
            ["~ destination crm: connector leat.webhook → leat.webhook@1.0.0, config (url)"]
        ),
        (
            """
            destinations:
              - {name: crm, connector: leat.webhook, config: {url: "https://a", secret: x}, limits: {timeout: 5s}}
            """,
            ["~ destination crm: config (secret), limits.timeout 30s → 5s"]
        ),
        (
            "connections: [{source: web, destination: crm}]",
            ["~ connection web/crm: transformations com.example.mask → none"]
        ),
        (
            "connections: [{source: web, destination: crm, transformations: [{plugin: com.example.mask}]}]",
            ["~ connection web/crm: transformations[0].config (fields)"]
        ),
        (
            """
            sources: [{name: app, writeKeys: []}]
            destinations: [{name: lake, connector: leat.webhook, enabled: false}]
            connections: [{source: app, destination: lake, transformations: [{plugin: com.example.mask@1.1.0}]}]
            """,
            [
                "+ source app (4 partitions)", "+ destination lake (leat.webhook, disabled)",
                "+ connection app/lake through com.example.mask@1.1.0",
            ]
        ),
    ])
    func `A plan says what changes`(text: String, lines: [String]) throws {
        #expect(try Self.plan(text) == (lines, []))
    }

    @Test func `Pruning removes what a section does not name, users before what they use`() throws {
        let (lines, problems) = try Self.plan("sources: []\ndestinations: []\nconnections: []", prune: true)
        #expect(lines == ["- connection web/crm", "- destination crm", "- source web"] && problems.isEmpty)
        #expect(try Self.plan("sources: []\ndestinations: []\nconnections: []").0.isEmpty)
    }

    @Test func `Pruning revokes the write keys that a source no longer names`() throws {
        let text = "sources: [{name: web, writeKeys: [another-key-of-some-length]}]"
        let lines = try Self.plan(text, prune: true).0
        #expect(lines == ["- write key …cdef of source web", "+ write key …ngth of source web"])
    }

    @Test(arguments: [
        ("sources: [{name: app, writeKeys: [\(webKey)]}]", "has a write key of source \"web\""),
        ("sources: [{name: app, writeKeys: ['${KEY}']}]", "which only a client can resolve"),
        ("plugins: [{library: a.so, manifest: a.json}]", "only a client can upload"),
        ("plugins: [{id: com.example.mask, version: 9.0.0}]", "plugin com.example.mask@9.0.0 was never uploaded"),
        ("destinations: [{name: a, connector: no.such}]", "no plugin \"no.such\" was uploaded"),
        ("destinations: [{name: a, connector: com.example.mask}]", "kind transform, which is no connector"),
        ("connections: [{source: web, destination: nowhere}]", "there is no destination \"nowhere\""),
        ("connections: [{source: nobody, destination: crm}]", "there is no source \"nobody\""),
        (
            "connections: [{source: web, destination: crm, transformations: [{plugin: com.example.idle}]}]",
            "has no active version"
        ),
        (
            "connections: [{source: web, destination: crm, transformations: [{plugin: com.example.mask@2.0.0}]}]",
            "has no version \"2.0.0\""
        ),
    ])
    func `A plan that cannot be carried out says why`(text: String, part: String) throws {
        let problems = try Self.plan(text).1
        #expect(problems.count == 1)
        #expect(problems.first?.contains(part) == true, "\(problems)")
    }

    @Test func `Nothing that a connection uses is pruned behind its back`() throws {
        let problems = try Self.plan("sources: []", prune: true).1
        #expect(problems == ["sources: source \"web\" cannot go while these connections use it: web/crm"])
    }

    @Test func `A plan can be made before its plugins are uploaded, but not carried out`() throws {
        let text = """
            plugins: [{id: com.example.new, version: 1.0.0, kind: transform}]
            connections:
              - {source: web, destination: crm, transformations: [{plugin: com.example.new}]}
            """
        let (lines, problems) = try Self.plan(text, pending: true)
        #expect(problems.isEmpty)
        #expect(lines.first == "+ plugin com.example.new@1.0.0" && lines.count == 3)
        #expect(try Self.plan(text).1.isEmpty == false)
    }
}
