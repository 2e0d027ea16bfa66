import Conditions
import EventLog
import EventModel
import Logging
import PostgreSQL
import TestSupport
import Testing

@testable import Catalog

@Suite struct SelectionTests {
    private static func read(_ text: String) throws -> (declaration: Declaration, problems: [String]) {
        let (declaration, problems) = Declaration.read(try Document.yaml(text))
        return (declaration, problems.map(\.description))
    }

    private static let wishes = """
        sources:
          - name: shop
        connections:
          - source: shop
            destination: crm
            filter: type == "track" && properties.total >= 100.50
            sample: 0.25
            consent: {categories: [Ads, Analytics], match: any, missing: deliver}
            transformations:
              - {plugin: com.example.mask, when: 'exists(properties.email)'}
        """

    @Test func `What a connection wants is read, and exported so that it means the same`() throws {
        let (declaration, problems) = try Self.read(Self.wishes)
        #expect(problems == [])
        let connection = try #require(declaration.connections?.first)
        #expect(connection.selection.filter?.text == "type == \"track\" && properties.total >= 100.50")
        #expect(connection.selection.sample == SampleRate(millionths: 250_000))
        let rule = ConsentRule(categories: ["Ads", "Analytics"], match: .any, missing: .deliver)
        #expect(connection.selection.consent == rule)
        #expect(connection.transformations.first?.when?.text == "exists(properties.email)")
        let (again, none) = Declaration.read(try Document.yaml(declaration.document.yaml))
        #expect(none.isEmpty)
        #expect(again.connections?.first?.selection == connection.selection)
        #expect(again.connections?.first?.transformations == connection.transformations)
        #expect(Selection(stored: connection.selection.canonicalJSON) == connection.selection)
        #expect(Selection(stored: "{}") == .everything)
        #expect(Selection(stored: "{\"filter\":\"x ~ 1\"}") == nil && Selection(stored: "{\"novelty\":1}") == nil)
    }

    @Test func `Whatever is wrong is said with its path, its line and its column`() throws {
        let (_, problems) = try Self.read(
            """
            sources:
              - name: shop
                transformations: [{plugin: com.example.geo, when: n =}]
            connections:
              - source: shop
                destination: crm
                filter: event = "x"
                sample: 1.5
                consent: {match: some, categories: []}
              - source: shop
                destination: other
                filter: 5
                sample: "0.1"
                consent: {categories: [1, ""], novelty: yes}
            """
        )
        let expected = [
            "sources[0].transformations[0].when", "column 3: found \"=\"", "connections[0].filter",
            "column 7: found \"=\"",
            "connections[0].sample", "between 0 and 1", "connections[0].consent.match", "must be all or any",
            "connections[0].consent", "needs \"categories\"", "connections[1].filter", "put it in quotes",
            "connections[1].sample", "connections[1].consent.categories[0]", "connections[1].consent.categories[1]",
            "connections[1].consent.novelty", "line 7", "line 8",
        ]
        let all = problems.joined(separator: "\n")
        for part in expected { #expect(all.contains(part), "\(part) is not in\n\(all)") }
        #expect(problems.count == 10, "\(all)")
    }

    @Test func `What is wanted is kept, changed and shown as a change, and a source's transformations too`()
        async throws
    {
        try await Database.temporary { pool in
            try await EventLog(pool).prepare()
            let catalog = try await Catalog.open(pool: pool, logger: Self.quiet)
            for (id, kind) in [("test.mask", PluginKind.transform), ("test.hook", .requests)] {
                _ = try await catalog.add(Self.upload(id, kind), activate: true, by: "test")
            }
            func apply(_ text: String) async throws -> [String] {
                let (declaration, problems) = try Self.read(text)
                #expect(problems == [])
                return try await catalog.apply(declaration, by: "test").plan.lines
            }
            let first = """
                destinations: [{name: crm, connector: test.hook}]
                sources: [{name: shop, transformations: [{plugin: test.mask, when: n == 1}]}]
                connections: [{source: shop, destination: crm, filter: n > 1, sample: 0.5}]
                """
            let made = try await apply(first)
            #expect(made.contains("~ source shop: transformations none → test.mask"))
            #expect(made.contains("+ connection shop/crm, sample 0.5, filter n > 1"))
            #expect(try await apply(first).isEmpty)
            let source = try #require(catalog.current.source(named: "shop"))
            #expect(source.transformations.map { $0.when?.text } == ["n == 1"])
            let export = Declaration(exporting: catalog.current)
            #expect(export.sources?.first?.transformations == source.transformations)
            #expect(export.connections?.first?.selection.filter?.text == "n > 1")
            let second = """
                sources: [{name: shop, transformations: [{plugin: test.mask, when: n == 2}]}]
                connections:
                  - {source: shop, destination: crm, filter: n > 2, consent: {categories: [Ads]}}
                """
            #expect(
                try await apply(second) == [
                    "~ source shop: transformations[0].when n == 1 → n == 2",
                    "~ connection shop/crm: filter n > 1 → n > 2, sample 0.5 → none, consent none → Ads",
                ]
            )
            // Sources that say nothing of transformations keep theirs.
            #expect(try await apply("sources: [{name: shop}]").isEmpty)
            let gone = try await apply("sources: [{name: shop, transformations: []}]")
            #expect(gone == ["~ source shop: transformations test.mask → none"])
            let nobody = try Self.read("sources: [{name: shop, transformations: [{plugin: test.hook}]}]").declaration
            await #expect(throws: CatalogError.self) { try await catalog.apply(nobody, by: "test") }
        }
    }

    @Test func `A connection whose filter nobody can read stands still`() async throws {
        try await Database.temporary { pool in
            try await EventLog(pool).prepare()
            let catalog = try await Catalog.open(pool: pool, logger: Self.quiet)
            for (id, kind) in [("test.mask", PluginKind.transform), ("test.hook", .requests)] {
                _ = try await catalog.add(Self.upload(id, kind), activate: true, by: "test")
            }
            let (declaration, _) = try Self.read(
                """
                destinations: [{name: crm, connector: test.hook}]
                sources: [{name: shop, transformations: [{plugin: test.mask}]}]
                connections: [{source: shop, destination: crm}]
                """
            )
            _ = try await catalog.apply(declaration, by: "test")
            #expect(catalog.current.connections[0].enabled)
            let damages = [
                "UPDATE leat.connection SET selection = '{\"filter\":\"n ~ 1\"}'",
                "UPDATE leat.connection SET selection = '{}'",
                "UPDATE leat.source_transformation SET condition = 'n ~ 1'",
            ]
            for (number, (damage, stands)) in zip(damages, [false, true, false]).enumerated() {
                _ = try await pool.query(Statement("test.damage.\(number)", damage))
                #expect(try await Catalog.load(from: pool).connections[0].enabled == stands)
            }
        }
    }

    private static var quiet: Logger {
        var logger = Logger(label: "leat.test")
        logger.logLevel = .critical
        return logger
    }

    private static func upload(_ id: String, _ kind: PluginKind) -> PluginUpload {
        PluginUpload(
            id: id,
            version: "1.0.0",
            kind: kind,
            manifest: "{}",
            library: [1],
            sha256: SecretHash(of: id).bytes
        )
    }
}
