import EventModel
import Logging
import PostgreSQL
import TestSupport
import Testing

@testable import Catalog

@Suite(.timeLimit(.minutes(2))) struct CatalogTests {
    static func with<Result>(_ body: (Catalog) async throws -> Result) async throws -> Result {
        try await Database.temporary { pool in
            try await body(try await Catalog.open(pool: pool, logger: Logger(label: "test")))
        }
    }

    static func declaration(_ text: String) throws -> Declaration {
        let (declaration, problems) = Declaration.read(try Document.yaml(text))
        #expect(problems.isEmpty, "\(problems)")
        return declaration
    }

    static func upload(
        _ id: String,
        _ version: String,
        _ kind: PluginKind = .transform,
        library: [UInt8] = [1, 2, 3]
    ) -> PluginUpload {
        let sha256 = SecretHash(of: library.map(String.init).joined()).bytes
        return PluginUpload(
            id: id,
            version: version,
            kind: kind,
            manifest: #"{"id":"\#(id)"}"#,
            library: library,
            sha256: sha256
        )
    }

    static let whole = """
        sources:
          - {name: web, writeKeys: [a-key-of-the-web-shop]}
          - {name: app, partitions: 2, enabled: false}
        destinations:
          - name: crm
            connector: leat.webhook
            config: {url: "https://example.com/", note: "é\\u2028"}
            limits: {concurrency: 2, timeout: 1500ms, retries: 1}
        connections:
          - source: web
            destination: crm
            transformations: [{plugin: com.example.mask@1.0.0, config: {fields: [email]}}, {plugin: com.example.mask}]
          - {source: app, destination: crm, enabled: false}
        """

    static func prepare(_ catalog: Catalog) async throws {
        _ = try await catalog.add(upload("leat.webhook", "1.0.0", .requests), activate: true, by: "test")
        _ = try await catalog.add(upload("com.example.mask", "1.0.0"), activate: true, by: "test")
    }

    @Test func `Limits of a source and what a lag may do are kept, changed and taken away`() async throws {
        try await Self.with { catalog in
            try await Self.prepare(catalog)
            let text = """
                sources: [{name: web, limits: {eventsPerSecond: 100, bytesPerDay: 5000000}}]
                destinations: [{name: crm, connector: leat.webhook}]
                connections: [{source: web, destination: crm, lag: expire}]
                """
            let declared = try Self.declaration(text)
            let first = try await catalog.apply(declared, by: "test")
            let limits = "limits.eventsPerSecond none → 100, limits.bytesPerDay none → 5000000"
            #expect(first.plan.lines.contains("~ source web: \(limits)"))
            #expect(catalog.current.sources[0].limits == SourceLimits(eventsPerSecond: 100, bytesPerDay: 5_000_000))
            #expect(catalog.current.connections[0].lag == .expire)
            #expect(try await catalog.apply(declared, by: "test").plan.lines == [])
            let export = Declaration(exporting: catalog.current)
            let again = Declaration.read(export.document)
            #expect(again.problems.isEmpty)
            #expect(try await catalog.apply(again.declaration, by: "test").plan.lines == [])
            // Who says nothing of limits leaves them; who says that there are none takes them away.
            let silent = try Self.declaration("sources: [{name: web}]")
            #expect(try await catalog.apply(silent, by: "test").plan.lines == [])
            let none = try Self.declaration(
                """
                sources: [{name: web, limits: {}}]
                connections: [{source: web, destination: crm}]
                """
            )
            let lines = try await catalog.apply(none, by: "test").plan.lines
            #expect(lines.contains("~ connection web/crm: lag expire → hold"))
            #expect(catalog.current.sources[0].limits == .none)
            #expect(catalog.current.connections[0].lag == .hold)
        }
    }

    @Test func `A limit that is no number and a lag that is no word are refused`() throws {
        let (_, problems) = Declaration.read(
            try Document.yaml(
                """
                sources: [{name: web, limits: {eventsPerSecond: 0, perDay: 1}}]
                connections: [{source: web, destination: crm, lag: forget}]
                """
            )
        )
        #expect(problems.count == 3)
        #expect(problems.contains { $0.path == "sources[0].limits.eventsPerSecond" })
        #expect(problems.contains { $0.path == "sources[0].limits.perDay" })
        #expect(problems.contains { $0.message == "must be hold or expire" })
    }

    @Test func `What is applied is there, and applying it or its export again changes nothing`() async throws {
        try await Self.with { catalog in
            try await Self.prepare(catalog)
            let applied = try await catalog.apply(try Self.declaration(Self.whole), by: "test")
            #expect(applied.generatedKeys.map(\.source) == ["app"])
            #expect(applied.revision == catalog.current.revision)
            let snapshot = catalog.current
            #expect(snapshot.source(forWriteKey: "a-key-of-the-web-shop")?.name == "web")
            #expect(snapshot.source(forWriteKey: try #require(applied.generatedKeys.first).key)?.name == "app")
            let web = try #require(snapshot.source(named: "web"))
            let connection = try #require(snapshot.connections(of: web.id).first)
            #expect(connection.transformations.map(\.plugin.version) == ["1.0.0", nil])
            let limits = DestinationLimits(concurrency: 2, timeout: .milliseconds(1500), retries: 1)
            #expect(snapshot.destination(connection.destination)?.limits == limits)

            let again = try await catalog.apply(try Self.declaration(Self.whole), prune: true, by: "test")
            #expect(again.plan.isEmpty && again.revision == applied.revision)
            let export = Declaration(exporting: snapshot).document
            for text in [export.yaml, export.json] {
                let exported = try Self.declaration(text)
                #expect(try await catalog.apply(exported, prune: true, by: "test").plan.isEmpty)
            }
        }
    }

    @Test func `A source comes with its partitions in the log`() async throws {
        try await Self.with { catalog in
            _ = try await catalog.apply(try Self.declaration("sources: [{name: a}, {name: b, partitions: 2}]"), by: "t")
            let rows = try await catalog.pool.query(
                Statement("test", "SELECT partition_id FROM leat.partition ORDER BY 1")
            )
            let made = try rows.map { PartitionID(rawValue: try $0.int8(0)) }
            #expect(made == catalog.current.sources.flatMap(\.partitionIDs))
            #expect(made.count == 6)
        }
    }

    @Test func `Another number of partitions is a new generation, and the old one is known as long as it matters`()
        async throws
    {
        try await Self.with { catalog in
            try await Self.prepare(catalog)
            _ = try await catalog.apply(try Self.declaration(Self.whole), by: "test")
            let before = try #require(catalog.current.source(named: "web"))
            let text = "sources: [{name: web, partitions: 7}, {name: app, partitions: 2}]"
            let applied = try await catalog.apply(try Self.declaration(text), by: "test")
            #expect(applied.revision == catalog.current.revision)
            let after = try #require(catalog.current.source(named: "web"))
            #expect(after.partitions == 7 && after.generation == 1 && after.closed == [before.current])
            #expect(after.allPartitionIDs == before.partitionIDs + after.partitionIDs)
            // Every connection of the source begins at the beginning of each new partition.
            let connection = try #require(catalog.current.connections(of: after.id).first)
            let lanes = Statement(
                "test",
                "SELECT partition_id FROM leat.checkpoint WHERE consumer_id = $1 AND next_offset = 0 ORDER BY 1"
            )
            let begun = try await catalog.pool.query(lanes, [.int8(connection.id.rawValue)])
            #expect(try begun.map { PartitionID(rawValue: try $0.int8(0)) } == after.allPartitionIDs)
            #expect(try await catalog.apply(try Self.declaration(text), by: "test").plan.isEmpty)
            let audit = Statement("test", "SELECT count(*) FROM leat.audit WHERE what LIKE '%a new generation%'")
            let changed = applied.plan.lines.count { $0.contains("a new generation") }
            #expect(try await catalog.pool.query(audit)[0].int(0) == changed && changed > 0)
        }
    }

    @Test func `Partitions cannot be changed without end while events of earlier generations are in the log`()
        async throws
    {
        try await Self.with { catalog in
            for change in 0...Source.maximumClosed {
                let text = "sources: [{name: web, partitions: \(1 + change % 2)}]"
                _ = try await catalog.apply(try Self.declaration(text), by: "test")
            }
            #expect(catalog.current.sources[0].closed.count == Source.maximumClosed)
            let text = "sources: [{name: web, partitions: 5}]"
            let error = await #expect(throws: CatalogError.self) {
                try await catalog.apply(try Self.declaration(text), by: "test")
            }
            #expect(error?.description.contains("has changed its partitions 16 times") == true)
        }
    }

    @Test func `A change on one node reaches the other`() async throws {
        try await Self.with { catalog in
            let other = try await Catalog.open(pool: catalog.pool, logger: Logger(label: "test"))
            try await withThrowingTaskGroup { group in
                group.addTask { await other.run() }
                group.addTask {
                    for await snapshot in other.snapshots() where snapshot.source(named: "web") != nil { return }
                }
                _ = try await catalog.apply(try Self.declaration("sources: [{name: web}]"), by: "test")
                // The node runs until it is told to stop; the follower ends with the change.
                try await group.next()
                group.cancelAll()
            }
            #expect(other.current.revision == catalog.current.revision)
        }
    }

    @Test func `A change whose notification is lost is found as soon as somebody tells its number`() async throws {
        try await Self.with { catalog in
            let other = try await Catalog.open(pool: catalog.pool, logger: Logger(label: "test"))
            _ = try await catalog.apply(try Self.declaration("sources: [{name: web}]"), by: "test")
            await other.learn(other.current.revision)
            #expect(other.current.sources.isEmpty)
            await other.learn(catalog.current.revision)
            #expect(other.current.source(named: "web") != nil)
            #expect(other.current.revision == catalog.current.revision)
        }
    }

    @Test func `A change whose notification is lost is found by looking, where nobody tells its number`() async throws {
        try await Self.with { catalog in
            let other = try await Catalog.open(
                pool: catalog.pool,
                logger: Logger(label: "test"),
                pollInterval: .milliseconds(50)
            )
            try await withThrowingTaskGroup { group in
                group.addTask { await other.run() }
                // It looks once at its beginning, which finds one of the two at most.
                for name in ["quiet", "still"] {
                    let sql = """
                        SELECT leat.add_source('\(name)', true, 1);
                        UPDATE leat.catalog_revision SET revision = revision + 1
                        """
                    try await catalog.pool.execute(Statement("test.quiet", sql))
                    let end = ContinuousClock.now + .seconds(30)
                    while other.current.source(named: name) == nil {
                        try #require(ContinuousClock.now < end, "\(name) was not found")
                        try await Task.sleep(for: .milliseconds(5))
                    }
                }
                group.cancelAll()
            }
        }
    }

    @Test func `A refused declaration changes nothing, and a dry run neither`() async throws {
        try await Self.with { catalog in
            let text = "sources: [{name: web}]\ndestinations: [{name: crm, connector: no.such}]"
            await #expect(throws: CatalogError.self) { try await catalog.apply(try Self.declaration(text), by: "test") }
            let dry = try await catalog.apply(try Self.declaration("sources: [{name: web}]"), dryRun: true, by: "test")
            #expect(dry.plan.lines.count == 2 && dry.generatedKeys.isEmpty)
            try await catalog.reload()
            #expect(catalog.current.sources.isEmpty && catalog.current.revision == 0)
        }
    }

    @Test func `Many who change it at once all get their way, one after the other`() async throws {
        try await Self.with { catalog in
            try await withThrowingTaskGroup { group in
                for number in 0..<16 {
                    group.addTask {
                        let text = "sources: [{name: source-\(number % 8)}]"
                        _ = try await catalog.apply(try Self.declaration(text), by: "test")
                    }
                }
                try await group.waitForAll()
            }
            #expect(catalog.current.sources.count == 8 && catalog.current.writeKeys.count == 8)
            #expect(catalog.current.revision == 8)
        }
    }

    @Test func `What is removed can be made again and is another`() async throws {
        try await Self.with { catalog in
            try await Self.prepare(catalog)
            _ = try await catalog.apply(try Self.declaration(Self.whole), by: "test")
            let before = catalog.current
            let nothing = try Self.declaration("sources: []\ndestinations: []\nconnections: []")
            _ = try await catalog.apply(nothing, prune: true, by: "test")
            #expect(catalog.current.sources.isEmpty && catalog.current.writeKeys.isEmpty)
            #expect(catalog.current.connections.isEmpty && catalog.current.destinations.isEmpty)
            _ = try await catalog.apply(try Self.declaration(Self.whole), by: "test")
            let old = Set(before.sources.map(\.id))
            #expect(old.isDisjoint(with: catalog.current.sources.map(\.id)))
            #expect(Set(before.connections.map(\.id)).isDisjoint(with: catalog.current.connections.map(\.id)))
        }
    }

    @Test func `A plugin version never changes, and uploading the same again changes nothing`() async throws {
        try await Self.with { catalog in
            let upload = Self.upload("com.example.mask", "1.0.0", library: Array(repeating: 7, count: 3_000_000))
            let first = try await catalog.add(upload, activate: true, by: "test")
            #expect(first.isNew && first.plugin.active && first.plugin.size == 3_000_000)
            #expect(try await catalog.pluginFile(first.plugin.digest) == upload.library)
            let revision = catalog.current.revision
            #expect(try await catalog.add(upload, activate: true, by: "test").isNew == false)
            #expect(catalog.current.revision == revision)
            await #expect(throws: CatalogError.versionExists(id: "com.example.mask", version: "1.0.0")) {
                _ = try await catalog.add(Self.upload("com.example.mask", "1.0.0"), activate: true, by: "test")
            }
            await #expect(throws: CatalogError.otherKind(id: "com.example.mask", is: .transform)) {
                _ = try await catalog.add(Self.upload("com.example.mask", "2.0.0", .requests), activate: true, by: "t")
            }
        }
    }

    @Test func `An old version that is uploaded again is not made active unless that is asked for`() async throws {
        try await Self.with { catalog in
            let mask = PluginReference(id: "com.example.mask")
            let old = Self.upload(mask.id, "1.0.0")
            #expect(try await catalog.add(old, activate: nil, by: "test").plugin.active)
            #expect(try await catalog.add(Self.upload(mask.id, "1.1.0"), activate: nil, by: "test").plugin.active)
            let revision = catalog.current.revision
            let again = try await catalog.add(old, activate: nil, by: "test")
            #expect(!again.isNew && !again.plugin.active)
            #expect(catalog.current.plugin(mask)?.version == "1.1.0" && catalog.current.revision == revision)
            #expect(try await catalog.add(old, activate: true, by: "test").plugin.active)
            #expect(catalog.current.plugin(mask)?.version == "1.0.0")
        }
    }

    @Test func `References follow the active version to the next snapshot`() async throws {
        try await Self.with { catalog in
            try await Self.prepare(catalog)
            _ = try await catalog.add(Self.upload("com.example.mask", "1.1.0"), activate: false, by: "test")
            let mask = PluginReference(id: "com.example.mask")
            #expect(catalog.current.plugin(mask)?.version == "1.0.0")
            _ = try await catalog.activate(id: "com.example.mask", version: "1.1.0", by: "test")
            #expect(catalog.current.plugin(mask)?.version == "1.1.0")
            #expect(try await catalog.activate(id: mask.id, version: "1.1.0", by: "test").plan.isEmpty)
            await #expect(throws: CatalogError.self) {
                try await catalog.activate(id: mask.id, version: "9.0.0", by: "test")
            }
        }
    }

    @Test func `The first token is made once, and the last one cannot be revoked`() async throws {
        try await Self.with { catalog in
            let token = try #require(try await catalog.makeFirstToken())
            #expect(try await catalog.makeFirstToken() == nil)
            #expect(catalog.current.tokenName(for: token) == "first")
            await #expect(throws: CatalogError.self) { try await catalog.removeToken(named: "first", by: "first") }
            let second = try await catalog.makeToken(named: "ci", by: "first")
            await #expect(throws: CatalogError.exists(noun: "token", name: "ci")) {
                try await catalog.makeToken(named: "ci", by: "first")
            }
            try await catalog.removeToken(named: "first", by: "ci")
            #expect(catalog.current.tokenName(for: token) == nil)
            #expect(catalog.current.tokenName(for: second) == "ci")
        }
    }

    @Test func `Every change is written down with who made it, and no secret is`() async throws {
        try await Self.with { catalog in
            let text = "sources: [{name: web, writeKeys: [a-key-of-the-web-shop]}]"
            _ = try await catalog.apply(try Self.declaration(text), by: "ci")
            let rows = try await catalog.pool.query(
                Statement("test", "SELECT who, what FROM leat.audit ORDER BY audit_id")
            )
            let lines = try rows.map { "\(try $0.text(0)): \(try $0.text(1))" }
            #expect(lines == ["ci: + source web (4 partitions)", "ci: + write key …shop of source web"])
        }
    }
}
