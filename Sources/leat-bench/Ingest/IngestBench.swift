import ArgumentParser
import Catalog
import EventLog
import EventModel
import Hummingbird
import Ingestion
import Logging
import PostgreSQL
import ServiceLifecycle

/// Events accepted durably over HTTP against rows written by COPY, with PostgreSQL, server and load on the same cores.
struct IngestBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Events a second accepted durably over HTTP, beside raw COPY of single rows."
    )

    @Option(help: "How often the measurement and its reference run.")
    var pairs = 5

    @Option(help: "How many seconds each side of a pair is measured.")
    var seconds = 5

    @Option(help: "How many connections send.")
    var connections = 16

    @Option(help: "How many requests are on the way on each connection.")
    var depth = 2

    @Option(help: "How many events are in a request.")
    var batch = 100

    @Option(help: "How many different events of about 1 KB are sent in turn.")
    var events = 20_000

    /// How long each side runs before it is measured.
    private static let warmUp = Duration.seconds(1)
    private static let writeKey = "bench"
    private static let authorization = "Basic YmVuY2g6"
    private static let source = Source(
        id: SourceID(rawValue: 1),
        name: "bench",
        enabled: true,
        partitions: UInt8(Source.defaultPartitions),
        generation: 1
    )

    func run() async throws {
        let events = SampleEvents(count: events)
        let bodies = stride(from: 0, to: events.count - batch + 1, by: batch).map { events.batch($0..<$0 + batch) }
        let measured = try await BenchDatabase.with { pool, log in
            try await log.openPartitions(Self.source.partitionIDs)
            let reference = CopyReference(pool, events: events)
            return try await Pairs(pairs, of: "ingest") {
                try await accepted(bodies, into: log)
            } reference: {
                try await reference.measure(for: .seconds(seconds))
            }
        }
        BenchLine(bench: "ingest", unit: "events/s", pairs: measured).emit()
    }

    /// Events a second that a server before `log` answers with 200.
    private func accepted(_ bodies: [[UInt8]], into log: EventLog) async throws -> Double {
        let logger = Logger(label: "bench", factory: { _ in SwiftLogNoOpLogHandler() })
        let settings = IngestionSettings()
        let queue = AppendQueue(settings: settings.queue, logger: logger) { _ = try await log.append($0) }
        let key = WriteKey(hash: SecretHash(of: Self.writeKey), source: Self.source.id, hint: "ench", createdAt: 0)
        let configuration = CatalogSnapshot(revision: 1, sources: [Self.source], writeKeys: [key])
        let ingestion = Ingestion(
            settings: settings,
            queue: queue,
            refused: RefusedSamples(),
            configuration: { configuration }
        )
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            responder: IngestionResponder(ingestion, next: NotFoundResponder<IngestionContext>()),
            server: .ingestion(settings),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in found.yield(channel.localAddress?.port ?? 0) },
            logger: logger
        )
        let services = ServiceGroup(
            configuration: .init(services: [.init(service: queue), .init(service: application)], logger: logger)
        )
        return try await withThrowingTaskGroup { group in
            group.addTask { try await services.run() }
            guard let port = await ports.first(where: { _ in true }) else { throw BrokenLoad(refused: 0) }
            let rate = try await self.load(port, bodies)
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
            return rate
        }
    }

    private func load(_ port: Int, _ bodies: [[UInt8]]) async throws -> Double {
        let client = LoadClient(
            port: port,
            path: "/v1/batch",
            authorization: Self.authorization,
            bodies: bodies,
            connections: connections,
            depth: depth
        )
        return try await client.whileSending {
            try await Task.sleep(for: Self.warmUp)
            let before = client.acceptedRequests
            let start = ContinuousClock.now
            try await Task.sleep(for: .seconds(seconds))
            let requests = client.acceptedRequests - before
            let time = (ContinuousClock.now - start) / .seconds(1)
            guard client.refusedRequests == 0 else { throw BrokenLoad(refused: client.refusedRequests) }
            return Double(requests * batch) / time
        }
    }
}

/// Some requests of the load were not answered 200, so the figure would mean nothing.
struct BrokenLoad: Error {
    let refused: Int
}
