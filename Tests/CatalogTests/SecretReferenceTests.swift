import EventModel
import PostgreSQL
import Testing

@testable import Catalog

/// What refers to a secret, and what happens to it.
@Suite(.timeLimit(.minutes(2))) struct SecretReferenceTests {
    private static let manifest = """
        {"id":"leat.webhook","permissions":{"secrets":["crm-*","exact"]},"config_schema":{"type":"object",
        "properties":{"secret":{"type":"string","format":"secret-name"},"url":{"type":"string","maxLength":200},
        "keys":{"type":"array","items":{"type":"string","format":"secret-name"}}}}}
        """

    private static func with(_ body: (Catalog) async throws -> Void) async throws {
        try await SecretTests.with(try SecretTests.keys(SecretKeys.generate())) { catalog in
            let upload = PluginUpload(
                id: "leat.webhook",
                version: "1.0.0",
                kind: .requests,
                manifest: manifest,
                library: [1],
                sha256: SecretHash(of: "1").bytes
            )
            _ = try await catalog.add(upload, activate: true, by: "test")
            _ = try await catalog.add(CatalogTests.upload("com.example.mask", "1.0.0"), activate: true, by: "test")
            try await body(catalog)
        }
    }

    private static func problems(_ text: String, _ catalog: Catalog) async throws -> [String] {
        do {
            _ = try await catalog.apply(try CatalogTests.declaration(text), by: "test")
            return []
        } catch CatalogError.refused(let problems) {
            return problems.map { "\($0.path): \($0.message)" }
        }
    }

    private static let refers = """
        destinations:
          - name: crm
            connector: leat.webhook
            config:
              url: "https://a.example/${secret:crm-path}/x"
              headers: {X-Key: "a ${secret:crm-key} b"}
              secret: exact
              keys: [crm-key, exact]
        """

    @Test func `References are found in every text, and replaced nowhere else`() throws {
        let rest = #""d":"${ENV}","e":1.50,"f":"${secret:"}"#
        let config = #"{"a":"x${secret:one}y${secret:two}","b":[{"c":"${secret:one}"}],"# + rest
        let found = SecretReference.all(in: config, manifest: nil).map { "\($0.path)=\($0.name)" }
        #expect(found == ["a=one", "a=two", "b[0].c=one"])
        let replaced = SecretReference.replace(in: config) { "<\($0)>" }
        #expect(replaced == #"{"a":"x<one>y<two>","b":[{"c":"<one>"}],"# + rest)
        let plain = #"{"z":1, "a":2}"#
        #expect(SecretReference.replace(in: plain) { _ in "no" } == plain)
        let named = SecretReference.all(in: #"{"keys":["x","y"],"secret":"s"}"#, manifest: Self.manifest)
        #expect(named.map { "\($0.path)=\($0.name)" } == ["keys[0]=x", "keys[1]=y", "secret=s"])
    }

    @Test func `What a configuration refers to must be there, for the destination and for its connector`() async throws
    {
        try await Self.with { catalog in
            let missing = try await Self.problems(Self.refers, catalog)
            #expect(missing.count == 5)
            let told = "there is no secret \"crm-key\"; set it first: leat secret set crm-key --destination crm"
            #expect(missing.contains("destinations[0].config.headers.X-Key: \(told)"))
            let mail = SecretScope(destinations: ["mail"])
            _ = try await catalog.set(SecretTests.wish("crm-key", SecretTests.value, mail), by: "test")
            _ = try await catalog.set(SecretTests.wish("crm-path"), by: "test")
            _ = try await catalog.set(
                SecretTests.wish("exact", SecretTests.value, SecretScope(plugins: ["leat.webhook"])),
                by: "test"
            )
            let outside = try await Self.problems(Self.refers, catalog)
            #expect(outside.count == 2)
            #expect(
                outside.allSatisfy {
                    $0.contains("is for destination mail and not for the destination \"crm\"")
                        && $0.contains("leat secret permit crm-key --destination crm")
                }
            )
            let both = SecretScope(destinations: ["mail", "crm"])
            _ = try await catalog.set(SecretTests.wish("crm-key", nil, both), by: "test")
            #expect(try await Self.problems(Self.refers, catalog) == [])
            #expect(try await Self.problems(Self.refers, catalog) == [])
            let export = Declaration(exporting: catalog.current).document.yaml
            #expect(export.contains("${secret:crm-key}") && !export.contains("MARK"))
            #expect(try await Self.problems(export, catalog) == [])
            let strange = """
                destinations: [{name: crm, connector: leat.webhook, config: {a: '${secret:%}', b: '${secret:nope}'}}]
                """
            let refused = try await Self.problems(strange, catalog)
            #expect(refused.count == 2 && refused[0].contains("config.a: the name of the secret must be"))
            #expect(refused[1].contains("its manifest does not name it under permissions.secrets"))
            let step = """
                sources: [{name: web}]
                connections:
                  - source: web
                    destination: crm
                    transformations: [{plugin: com.example.mask, config: {k: "${secret:exact}"}}]
                """
            let inTransformation = try await Self.problems(step, catalog)
            #expect(inTransformation.count == 1)
            #expect(
                inTransformation[0].hasPrefix("connections[0].transformations[0].config.k: refers to a secret; only")
            )
        }
    }

    @Test func `A secret that is referred to stays, unless it is forced`() async throws {
        try await Self.with { catalog in
            for name in ["crm-key", "crm-path", "exact", "crm-free"] {
                _ = try await catalog.set(SecretTests.wish(name), by: "test")
            }
            #expect(try await Self.problems(Self.refers, catalog) == [])
            for name in ["crm-key", "crm-path", "exact"] {
                #expect(catalog.current.destinations(referringTo: name).map(\.name) == ["crm"])
                let inUse = CatalogError.inUse(noun: "secret", name: name, by: ["destination \"crm\""])
                await #expect(throws: inUse) { try await catalog.removeSecret(named: name, by: "test") }
                let away = SecretTests.wish(name, nil, SecretScope(destinations: ["mail"]))
                await #expect(throws: inUse) { try await catalog.set(away, by: "test") }
            }
            try await catalog.removeSecret(named: "crm-free", by: "test")
            try await catalog.removeSecret(named: "exact", force: true, by: "test")
            #expect(catalog.current.secrets.map(\.name) == ["crm-key", "crm-path"])
            await #expect(throws: CatalogError.missing(noun: "secret", name: "exact")) {
                try await catalog.removeSecret(named: "exact", by: "test")
            }
            let rows = try await catalog.pool.query(Statement("test", "SELECT what FROM leat.audit ORDER BY audit_id"))
            let lines = try rows.map { try $0.text(0) }.filter { $0.contains("secret") }
            #expect(lines.first == "+ secret crm-key for any destination (raw in Authorization)")
            #expect(lines.suffix(2) == ["- secret crm-free", "- secret exact"])
        }
    }

    @Test func `A token is the same on all lanes of a destination, and nobody else's`() throws {
        let (one, two) = (SecretVault(), SecretVault())
        let token = one.token(for: "key", of: "crm")
        #expect(token == one.token(for: "key", of: "crm") && token.text.utf8.count == SecretToken.length)
        let others = [one.token(for: "key", of: "mail"), one.token(for: "yek", of: "crm")]
        #expect(!others.contains(token) && two.token(for: "key", of: "crm") != token)
    }
}
