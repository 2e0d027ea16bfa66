import EventModel
import Testing

@testable import Catalog

/// Configurations against what their plugins' manifests ask.
@Suite(.timeLimit(.minutes(2))) struct ConfigTests {
    private static func upload(
        _ id: String,
        _ version: String,
        _ kind: PluginKind = .transform,
        asks schema: String
    ) -> PluginUpload {
        let plain = CatalogTests.upload(id, version, kind, library: Array("\(id)@\(version)".utf8))
        return PluginUpload(
            id: id,
            version: version,
            kind: kind,
            manifest: #"{"id":"\#(id)","version":"\#(version)","config_schema":\#(schema)}"#,
            library: plain.library,
            sha256: plain.sha256
        )
    }

    private static let url = #"{"type":"object","required":["url"],"properties":{"url":{"type":"string"}}}"#
    private static let fields = #"{"additionalProperties":false,"properties":{"fields":{"items":{"type":"string"}}}}"#
    private static let other = #"{"additionalProperties":false,"properties":{"paths":{}}}"#

    /// A destination and a connection with plugins that ask something.
    private static func with(_ body: (Catalog) async throws -> Void) async throws {
        try await CatalogTests.with { catalog in
            _ = try await catalog.add(upload("leat.webhook", "1.0.0", .requests, asks: url), activate: true, by: "test")
            _ = try await catalog.add(upload("com.example.mask", "1.0.0", asks: fields), activate: true, by: "test")
            _ = try await catalog.apply(try CatalogTests.declaration(Self.file("fields: [email]")), by: "test")
            try await body(catalog)
        }
    }

    private static func file(_ mask: String, url: String = "url: 'https://a'", version: String = "1.0.0") -> String {
        """
        plugins: [{id: com.example.mask, version: \(version)}]
        sources: [{name: web}]
        destinations:
          - {name: crm, connector: leat.webhook, config: {\(url)}}
        connections:
          - source: web
            destination: crm
            transformations: [{plugin: com.example.mask, config: {\(mask)}}]
        """
    }

    private static func refusal(_ body: () async throws(CatalogError) -> Void) async -> [String] {
        do throws(CatalogError) {
            try await body()
            return []
        } catch {
            guard case .refused(let problems) = error else { return ["\(error)"] }
            return problems.map(\.description)
        }
    }

    @Test func `A configuration that its plugin would refuse is refused when it is applied`() async throws {
        try await Self.with { catalog in
            let before = catalog.current.revision
            let wrong = try CatalogTests.declaration(Self.file("fields: [1], colour: red", url: ""))
            let problems = await Self.refusal { () throws(CatalogError) in
                _ = try await catalog.apply(wrong, by: "test")
            }
            #expect(
                problems == [
                    "line 4: destinations[0].config.url: is missing",
                    "line 6: connections[0].transformations[0].config.colour: is an unknown key; known here: fields",
                    "line 6: connections[0].transformations[0].config.fields[0]: must be a text",
                ]
            )
            #expect(catalog.current.revision == before)
        }
    }

    @Test func `A version that does not take what is configured becomes active only together with what it takes`()
        async throws
    {
        try await Self.with { catalog in
            let next = Self.upload("com.example.mask", "2.0.0", asks: Self.other)
            let misfit = """
                version 2.0.0 does not take the configuration of connection "web/crm": config.fields is an unknown key; \
                known here: paths
                """
            let pushed = await Self.refusal { () throws(CatalogError) in
                _ = try await catalog.add(next, activate: true, by: "test")
            }
            #expect(pushed == ["\(misfit); apply both together in one file"])
            #expect(catalog.current.plugins.count == 2)
            _ = try await catalog.add(next, activate: false, by: "test")
            let activated = await Self.refusal { () throws(CatalogError) in
                _ = try await catalog.activate(id: "com.example.mask", version: "2.0.0", by: "test")
            }
            #expect(activated == pushed)
            let alone = try CatalogTests.declaration("plugins: [{id: com.example.mask, version: 2.0.0}]")
            let applied = await Self.refusal { () throws(CatalogError) in
                _ = try await catalog.apply(alone, by: "test")
            }
            #expect(applied == ["line 1: plugins[0]: \(misfit)"])
            #expect(catalog.current.plugin(PluginReference(id: "com.example.mask"))?.version == "1.0.0")

            let both = try CatalogTests.declaration(Self.file("paths: []", version: "2.0.0"))
            _ = try await catalog.apply(both, by: "test")
            #expect(catalog.current.plugin(PluginReference(id: "com.example.mask"))?.version == "2.0.0")
            // Back to one that pins the old version, or that goes with its connection.
            let pinned = "plugins: [{id: com.example.mask, version: 1.0.0}]\nconnections: []"
            let gone = try await catalog.apply(try CatalogTests.declaration(pinned), prune: true, by: "test")
            #expect(gone.plan.lines.first == "~ plugin com.example.mask: active 2.0.0 → 1.0.0")
        }
    }
}
