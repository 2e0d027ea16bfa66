import Catalog
import Crypto
import Delivery
import EventLog
import EventModel
import Foundation
import Logging
import Pipeline
import PluginHost
import PostgreSQL
import TestSupport

/// A whole line for one test: real PostgreSQL, real workers, a real pipeline, and a server that is the destination.
struct Line {
    let pool: ConnectionPool
    let log: EventLog
    let catalog: Catalog
    let partitions: [PartitionID]
    let consumer: ConsumerID
    /// Between the log and its database, if the shape wants it.
    let proxy: DatabaseProxy?
    let timings: TimingRecorder
    let workshop: Workshop
    let sender: Sender

    /// What may differ between tests.
    struct Shape {
        var partitions = 1
        var transforms = true
        /// More than a test needs: an event that fails until its test lets it pass must not die meanwhile.
        var retries = Line.retries
        var concurrency = 8
        /// Whether chunks stay in memory once they were written or read.
        var remembersChunks = true
        /// Whether the log reaches its database through ``Line/proxy``.
        var hasProxy = false
        /// The configuration of the webhook that ships, as YAML, where it is the connector instead of the fixture.
        var webhook: String?
        /// The answers that the connector classifies, as its manifest names them; it then is one that groups events.
        var classifies: String?
        /// Set before the destination is made.
        var secrets: [SecretWish] = []
        /// How long the destination waits for an answer.
        var timeout = "5s"
        /// The share of events whose ways are written down.
        var sample = 0.0
    }

    static let retries = 1_000

    /// Quick enough for tests: retries after tens of milliseconds.
    static var quick: PipelineSettings {
        var settings = PipelineSettings()
        settings.lane.schedule = RetrySchedule(
            first: .milliseconds(20),
            cap: .milliseconds(300),
            shortTries: 2,
            longestShortDelay: .milliseconds(200)
        )
        settings.checkpointPeriod = .milliseconds(20)
        return settings
    }

    /// Sets everything up around a destination at `url`; nothing runs yet.
    static func with(
        destination url: String,
        _ shape: Shape = Shape(),
        _ body: (Line) async throws -> Void
    ) async throws {
        try await Database.temporary { pool in
            guard shape.hasProxy else { return try await with(pool, pool, nil, url, shape, body) }
            try await DatabaseProxy.with(pool.settings) { proxy in
                let through = ConnectionPool(proxy.settings)
                try await with(pool, through, proxy, url, shape, body)
                await through.close()
            }
        }
    }

    private static func with(
        _ pool: ConnectionPool,
        _ through: ConnectionPool,
        _ proxy: DatabaseProxy?,
        _ url: String,
        _ shape: Shape,
        _ body: (Line) async throws -> Void
    ) async throws {
        let vault = SecretVault(keys: try SecretKeys(parsing: SecretKeys.generate()))
        let catalog = try await Catalog.open(pool: pool, logger: quiet, vault: vault)
        var settings = EventLogSettings()
        if !shape.remembersChunks { settings.cacheBytes = 0 }
        let log = EventLog(through, settings: settings)
        try await log.prepare()
        _ = try await log.join(identity: "test")
        try await upload("transform", "test.events", "events", to: catalog)
        if shape.webhook == nil {
            let fixture = shape.classifies == nil ? "connector" : "grouper"
            let kind = "destination.request"
            try await upload(kind, "test.connector", fixture, classifies: shape.classifies, to: catalog)
        } else {
            try await uploadWebhook(to: catalog)
        }
        for secret in shape.secrets { _ = try await catalog.set(secret, by: "test") }
        _ = try await catalog.apply(try declaration(url, shape), by: "test")
        try await run(pool, log, catalog, catalog.current.connections[0].id, proxy, body)
    }

    /// What `body` sees of one node: what stands in the catalog, with workers and a sender of its own.
    static func run(
        _ pool: ConnectionPool,
        _ log: EventLog,
        _ catalog: Catalog,
        _ consumer: ConsumerID,
        _ proxy: DatabaseProxy?,
        version: String = "1.0.0",
        _ body: (Line) async throws -> Void
    ) async throws {
        let library = PluginLibrary { digest in try await catalog.pluginFile(digest) }
        let timings = TimingRecorder()
        let workshop = try Workshop(launcher: try Launcher.start(), library: library, timings: timings)
        let sender = Sender(version: version, guarding: .loopbackAllowed)
        let line = Line(
            pool: pool,
            log: log,
            catalog: catalog,
            partitions: catalog.current.sources[0].partitionIDs,
            consumer: consumer,
            proxy: proxy,
            timings: timings,
            workshop: workshop,
            sender: sender
        )
        do {
            try await body(line)
        } catch {
            await workshop.close()
            try? await sender.shutdown()
            throw error
        }
        await workshop.close()
        try await sender.shutdown()
    }

    private static func declaration(_ url: String, _ shape: Shape) throws -> Declaration {
        let steps = shape.transforms ? "[{plugin: test.events}]" : "[]"
        return try declaration(
            """
            sources: [{name: shop, partitions: \(shape.partitions)}]
            destinations:
              - name: hook
                connector: \(shape.webhook == nil ? "test.connector" : "leat.webhook")
                config: \(shape.webhook ?? "{url: \"\(url)\"}")
                limits: {concurrency: \(shape.concurrency), timeout: \(shape.timeout), retries: \(shape.retries)}
            connections:
              - {source: shop, destination: hook, transformations: \(steps), trace: {sample: \(shape.sample)}}
            """
        )
    }

    static func declaration(_ text: String) throws -> Declaration {
        let (declaration, problems) = Declaration.read(try Document.yaml(text))
        guard problems.isEmpty else { throw Refused(problems: "\(problems)") }
        return declaration
    }

    /// The declaration of the destination and its connection, with another address.
    static func declaration(destination url: String) throws -> Declaration {
        try declaration(
            """
            destinations:
              - name: hook
                connector: test.connector
                config: {url: "\(url)"}
                limits: {concurrency: 8, timeout: 5s, retries: \(retries)}
            """
        )
    }

    struct Refused: Error { let problems: String }

    static var quiet: Logger {
        var logger = Logger(label: "leat.test")
        logger.logLevel = .critical
        return logger
    }

    static func upload(
        _ kind: String,
        _ id: String,
        _ fixture: String,
        version: String = "1.0.0",
        fault: String = "FAULT_NONE",
        classifies: String? = nil,
        to catalog: Catalog
    ) async throws {
        let library = try await PluginFixture.library(
            fixture,
            "FIXTURE_ID=\"\(id)\"",
            "FIXTURE_VERSION=\"\(version)\"",
            fault
        )
        let more = classifies.map { ",\"classify\":\($0),\"limits\":{\"wall_ms\":3000}" } ?? ""
        let manifest = """
            {"id":"\(id)","version":"\(version)","kind":"\(kind)"\(more),"abi":{"major":1,"minor_min":0},"permissions":{"http":["http://127.0.0.1:*"]}}
            """
        let sort = kind == "transform" ? PluginKind.transform : .requests
        try await add(id, version, sort, manifest, library, to: catalog)
    }

    /// Uploads the webhook as it ships: the library that is built beside the tests, and its manifest.
    private static func uploadWebhook(to catalog: Catalog) async throws {
        let folder = Program.top.appending(path: "Plugins/Connectors/Webhook")
        let manifest = try String(contentsOf: folder.appending(path: "manifest.json"), encoding: .utf8)
        let library = URL(filePath: Program.built("libWebhook.so"))
        try await add("leat.webhook", "1.0.0", .requests, manifest, library, to: catalog)
    }

    private static func add(
        _ id: String,
        _ version: String,
        _ kind: PluginKind,
        _ manifest: String,
        _ library: URL,
        to catalog: Catalog
    ) async throws {
        let bytes = [UInt8](try Data(contentsOf: library))
        let upload = PluginUpload(
            id: id,
            version: version,
            kind: kind,
            manifest: manifest,
            library: bytes,
            sha256: Array(SHA256.hash(data: bytes))
        )
        _ = try await catalog.add(upload, activate: true, by: "test")
    }

    /// Runs a pipeline while `body` runs, and ends it in order.
    func running(_ settings: PipelineSettings = Line.quick, _ body: () async throws -> Void) async throws {
        try await runningPipeline(settings) { _ in try await body() }
    }

    /// The same, for those who want to look at the pipeline.
    func runningPipeline(
        _ settings: PipelineSettings = Line.quick,
        _ body: (Pipeline) async throws -> Void
    ) async throws {
        let pipeline = Pipeline(
            log: log,
            catalog: catalog,
            workshop: workshop,
            sender: sender,
            settings: settings,
            logger: Self.quiet
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            // Without its signs of life nothing may be sent.
            group.addTask { try? await log.run() }
            let (ends, end) = AsyncStream.makeStream(of: Void.self)
            group.addTask {
                await pipeline.run()
                end.finish()
            }
            defer { group.cancelAll() }
            try await body(pipeline)
            pipeline.shutDown()
            for await _ in ends {}
        }
    }

    /// One event for the log.
    struct Event {
        var user: String
        var text: String
        var message: String?
    }

    /// What the directory has of an event that says so.
    private struct Said: Decodable {
        var type: String?
        var event: String?
    }

    /// Appends events in chunks of `size`, each to its user's partition.
    func append(_ events: [Event], size: Int = 50) async throws { try await append(events, size: size, to: partitions) }

    /// Appends events in chunks of `size` to partitions that are a whole generation.
    func append(_ events: [Event], size: Int = 50, to partitions: [PartitionID]) async throws {
        var number = 0
        while number < events.count {
            var drafts = Dictionary(uniqueKeysWithValues: partitions.map { ($0, ChunkDraft(partition: $0)) })
            for event in events[number..<min(events.count, number + size)] {
                let user = EventHash.key(event.user)
                let message = event.message ?? "\(event.user) \(event.text)"
                let said = (try? JSONDecoder().decode(Said.self, from: Data(event.text.utf8))) ?? Said()
                let entry = DirectoryEntry(
                    length: 0,
                    type: said.type.flatMap { EventType(name: $0) } ?? .track,
                    receivedAt: Int64(Date().timeIntervalSince1970 * 1e6),
                    userHash: user,
                    nameHash: said.type == "track" ? said.event.map { EventHash.key($0) } ?? 0 : 0,
                    messageHash: EventHash.message(message)
                )
                drafts[partitions[Int(user % UInt64(partitions.count))]]?.append(entry, Array(event.text.utf8))
            }
            _ = try await log.append(drafts.values.filter { !$0.isEmpty }.sorted { $0.partition < $1.partition })
            number += size
        }
    }

    /// Events `{"user":…,"n":…}`, user after user; `orders` adds what an event asks of the fixture.
    static func events(_ count: Int, users: Int, orders: [Int: String] = [:]) -> [Event] {
        (0..<count).map { number in
            let user = "u\(number % users)"
            let order = orders[number].map { ",\"do\":\"\($0)\"" } ?? ""
            return Event(user: user, text: "{\"user\":\"\(user)\",\"n\":\(number)\(order)}")
        }
    }
}

/// What a received request says of its event.
struct ReceivedEvent: Decodable {
    var user: String
    var n: Int
}

extension RecordingServer.Request {
    var event: ReceivedEvent? { try? JSONDecoder().decode(ReceivedEvent.self, from: Data(body)) }
}
