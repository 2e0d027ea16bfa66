import ArgumentParser
import Catalog
import Delivery
import EventLog
import EventModel
import Foundation
import Pipeline
import PluginHost
import Synchronization

/// Events from the SDK's request to the destination's answer, against accepting them alone.
struct PipelineBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pipeline",
        abstract:
            "Events a second from acceptance through one transformation to a batching sink, beside accepting alone."
    )

    @Option(help: "The transformation's library; its manifest lies beside it or is given.")
    var transformation: String

    @Option(help: "The transformation's manifest.")
    var transformationManifest: String

    @Option(help: "The webhook connector's library.")
    var connector: String

    @Option(help: "The connector's manifest.")
    var connectorManifest: String

    @OptionGroup var options: LoadOptions

    @Option(help: "How many connections send.")
    var connections = 8

    @Option(help: "How many events may be accepted and not delivered before the load holds back.")
    var backlog = 64_000

    @Option(help: "How many events the sink gets in a request.")
    var sinkBatch = 500

    @Option(help: "How many watch what passes; if any do, the yardstick is the same with nobody who watches.")
    var watchers = 0

    private static let writeKey = "benchbenchbenchbench"

    func run() async throws {
        // First, as in the server: it is to be started before there are threads.
        let launcher = try Launcher.start()
        let bodies = requestBodies()
        let sink = try await Sink.start()
        let measured = try await BenchDatabase.with(connections: 12) { pool, log in
            let catalog = try await Catalog.open(pool: pool, logger: .silent)
            try await upload(transformation, transformationManifest, to: catalog)
            try await upload(connector, connectorManifest, to: catalog)
            _ = try await catalog.apply(try declaration(sinkPort: sink.port), by: "bench")
            _ = try await log.join(identity: "bench")
            let library = PluginLibrary { digest in try await catalog.pluginFile(digest) }
            let workshop = try Workshop(launcher: launcher, library: library, timings: TimingRecorder())
            let beside = try await Pairs(options.pairs, of: bench) {
                try await delivered(bodies, log, catalog, workshop, watchers: watchers)
            } reference: {
                guard watchers == 0 else { return try await delivered(bodies, log, catalog, workshop, watchers: 0) }
                return try await accepted(bodies, as: 1, log, catalog).rate
            }
            await workshop.close()
            return beside
        }
        try await sink.stop()
        BenchLine(bench: bench, unit: "events/s", pairs: measured).emit()
    }

    private var bench: String { watchers == 0 ? "pipeline" : "tail" }

    /// Without message ids, so that events that are sent again are new ones.
    private func requestBodies() -> [[UInt8]] {
        options.bodies(of: SampleEvents(count: options.events)).map { body in
            Array(String(decoding: body, as: UTF8.self).replacing(#/"messageId":"[^"]*",/#, with: "").utf8)
        }
    }

    private func upload(_ library: String, _ manifest: String, to catalog: Catalog) async throws {
        let upload = try BenchPlugins.upload(library, manifest)
        _ = try await catalog.add(upload, activate: true, by: "bench")
    }

    private func declaration(sinkPort: Int) throws -> Declaration {
        let transformation = try BenchPlugins.manifest(transformationManifest).id
        let connector = try BenchPlugins.manifest(connectorManifest).id
        let text = """
            sources:
              - {name: whole, writeKeys: ["\(Self.writeKey)-0"]}
              - {name: alone, writeKeys: ["\(Self.writeKey)-1"]}
            destinations:
              - name: sink
                connector: \(connector)
                config: {url: "http://127.0.0.1:\(sinkPort)/", batch: \(sinkBatch)}
            connections: [{source: whole, destination: sink, transformations: [{plugin: \(transformation)}]}]
            """
        let (declaration, problems) = Declaration.read(try Document.yaml(text))
        guard problems.isEmpty else { throw ValidationError("\(problems)") }
        return declaration
    }

    /// Events a second until the last of those accepted is delivered and committed.
    private func delivered(
        _ bodies: [[UInt8]],
        _ log: EventLog,
        _ catalog: Catalog,
        _ workshop: Workshop,
        watchers: Int
    ) async throws -> Double {
        let delivery = Delivery.Sender(version: "bench", guarding: .loopbackAllowed)
        let pipeline = Pipeline(
            log: log,
            catalog: catalog,
            workshop: workshop,
            sender: delivery,
            logger: .silent
        )
        let lanes = Self.lanes(catalog)
        let rate = try await withThrowingTaskGroup(of: Void.self) { group in
            // Without its signs of life nothing may be sent.
            group.addTask { try? await log.run() }
            let (ends, end) = AsyncStream.makeStream(of: Void.self)
            group.addTask {
                await pipeline.run()
                end.finish()
            }
            for number in 0..<watchers {
                guard let watcher = try pipeline.tail.watch(Self.wish(number)) else { continue }
                group.addTask { while await watcher.next() != nil {} }
            }
            let before = try await Self.delivered(log, lanes)
            let progress = Progress()
            group.addTask {
                while !Task.isCancelled {
                    progress.delivered.store(try await Self.delivered(log, lanes) - before, ordering: .relaxed)
                    // Seldom while events are sent, for asking costs the database something too.
                    let isSent = progress.isSent.load(ordering: .relaxed)
                    try? await Task.sleep(for: isSent ? .milliseconds(10) : .milliseconds(100))
                }
            }
            let sent = try await accepted(bodies, as: 0, log, catalog) { [backlog, batch = options.batch] requests in
                requests * batch - progress.delivered.load(ordering: .relaxed) > backlog
            }
            progress.isSent.store(true, ordering: .relaxed)
            while progress.delivered.load(ordering: .relaxed) < sent.events {
                try await Task.sleep(for: .milliseconds(5))
            }
            let time = (ContinuousClock.now - sent.start) / .seconds(1)
            pipeline.shutDown()
            for await _ in ends {}
            group.cancelAll()
            return Double(sent.events) / time
        }
        try await delivery.shutdown()
        return rate
    }

    /// Those who watch look at all stages in turns, each with a condition that some events meet.
    private static func wish(_ number: Int) -> TailWish {
        var wish = TailWish(stage: number.isMultiple(of: 2) ? .transformed : .delivered)
        wish.condition = "type == \"track\""
        return wish
    }

    /// How many events of a run are delivered and committed.
    private final class Progress: Sendable {
        let delivered = Atomic<Int>(0)
        let isSent = Atomic<Bool>(false)
    }

    private static func lanes(_ catalog: Catalog) -> [LaneID] {
        let snapshot = catalog.current
        return snapshot.connections.flatMap { connection in
            (snapshot.source(connection.source)?.partitionIDs ?? []).map {
                LaneID(partition: $0, consumer: connection.id)
            }
        }
    }

    private static func delivered(_ log: EventLog, _ lanes: [LaneID]) async throws -> Int {
        Int(try await log.records(lanes).reduce(0) { $0 + $1.counts.delivered })
    }

    private struct Sent {
        let start: ContinuousClock.Instant
        let events: Int
        let rate: Double
    }

    /// Sends for the set time to source `number` and waits for the last answer.
    private func accepted(
        _ bodies: [[UInt8]],
        as number: Int,
        _ log: EventLog,
        _ catalog: Catalog,
        holdingBack: @escaping @Sendable (Int) -> Bool = { _ in false }
    ) async throws -> Sent {
        try await BenchServer.with(log, configuration: { catalog.current }) { port in
            let client = options.client(
                of: port,
                writeKey: "\(Self.writeKey)-\(number)",
                bodies: bodies,
                connections: connections,
                holdsBack: holdingBack
            )
            let start = ContinuousClock.now
            try await client.whileSending { try await Task.sleep(for: .seconds(options.seconds)) }
            let time = (ContinuousClock.now - start) / .seconds(1)
            guard client.refusedRequests == 0 else { throw BrokenLoad(refused: client.refusedRequests) }
            let events = client.acceptedRequests * options.batch
            return Sent(start: start, events: events, rate: Double(events) / time)
        }
    }
}
