import ArgumentParser
import Catalog
import EventLog
import EventModel
import Foundation
import PluginHost
import Synchronization

/// A replay as fast as it goes, against the same number of new events, and what it does to live ones beside it.
struct ReplayBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Events a second of a replay, beside new ones; and the delay of live events beside a replay."
    )

    @OptionGroup var plugins: BenchPlugins

    @Option(help: "How many events are replayed, or sent anew.")
    var events = 300_000

    @Option(help: "Live events a second, each in a request of its own, while delays are measured.")
    var pace = 500

    @Option(help: "For how many seconds delays are measured.")
    var seconds = 10

    @Option(parsing: .upToNextOption, help: "Events a second of the replays beside which delays are measured.")
    var rates = [10_000, 1_000_000]

    @Option(help: "How often each is measured, in turn with its reference.")
    var pairs = 5

    private static let writeKey = "benchbenchbenchbench"

    func run() async throws {
        // First, as in the server: it is to be started before there are threads.
        let launcher = try Launcher.start()
        let workshop = try plugins.workshop(launcher)
        let marks = SinkMarks()
        let (sink, live) = (try await Sink.start(), try await Sink.start(marks: marks))
        try await BenchDatabase.with(connections: 12) { pool, log in
            let catalog = try await Catalog.open(pool: pool, logger: .silent)
            try await plugins.set(try declaration(sink.port, live.port), in: catalog)
            _ = try await log.join(identity: "bench")
            try await RunningPipeline.with(log, catalog, workshop) {
                try await BenchServer.with(log, configuration: { catalog.current }) { port in
                    let site = try Site(log: log, catalog: catalog, port: port)
                    let begin = PacedClient.now
                    _ = try await site.send(events)
                    let past = (begin, PacedClient.now)
                    try await speed(site, past)
                    for rate in rates { try await delays(beside: rate, site, past, marks) }
                }
            }
        }
        await workshop.close()
        try await sink.stop()
        try await live.stop()
    }

    /// Two sources with a destination each: one whose past is replayed, and one whose events are timed.
    private func declaration(_ port: Int, _ livePort: Int) throws -> String {
        let id = try plugins.connectorID
        return """
            sources:
              - {name: past, writeKeys: ["\(Self.writeKey)-past"]}
              - {name: live, writeKeys: ["\(Self.writeKey)-live"]}
            destinations:
              - {name: past, connector: \(id), config: {url: "http://127.0.0.1:\(port)/", batch: 500}}
              - {name: live, connector: \(id), config: {url: "http://127.0.0.1:\(livePort)/", batch: 50}}
            connections: [{source: past, destination: past}, {source: live, destination: live}]
            """
    }

    private func speed(_ site: Site, _ past: (Int64, Int64)) async throws {
        let both = try await Pairs(pairs, of: "replay") {
            let start = ContinuousClock.now
            let replay = try await site.replay(past)
            try await site.finish(replay)
            return Double(replay.events) / ((ContinuousClock.now - start) / .seconds(1))
        } reference: {
            try await site.send(events)
        }
        BenchLine(bench: "replay", unit: "events/s", pairs: both).emit()
    }

    private func delays(beside rate: Int, _ site: Site, _ past: (Int64, Int64), _ marks: SinkMarks) async throws {
        let run = PacedRun(port: site.port, writeKey: "\(Self.writeKey)-live", pace: pace, seconds: seconds)
        var (beside, alone): ([[Double]], [[Double]]) = ([], [])
        for _ in 0..<min(pairs, 3) {
            alone.append(try await run.delays(at: marks))
            beside.append(
                try await withThrowingTaskGroup(of: Void.self) { group in
                    let isOver = Mutex(false)
                    // One after the other for as long as delays are measured.
                    group.addTask {
                        while !isOver.withLock({ $0 }) { try await site.finish(try await site.replay(past, rate)) }
                    }
                    let delays = try await run.delays(at: marks)
                    isOver.withLock { $0 = true }
                    try await site.stopReplays()
                    try await group.waitForAll()
                    return delays
                }
            )
        }
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let values = beside.map { PacedRun.share(share, of: $0) }
            let both = Pairs(values: values, references: alone.map { PacedRun.share(share, of: $0) })
            BenchLine(bench: "replay.live.\(name).\(rate)", unit: "ms", pairs: both).emit()
        }
    }

    /// A server in this process with its log, its lanes and its replays.
    private struct Site: Sendable {
        let log: EventLog
        let catalog: Catalog
        let port: Int
        private let connection: ConsumerID
        private let partitions: [PartitionID]

        init(log: EventLog, catalog: Catalog, port: Int) throws {
            (self.log, self.catalog, self.port) = (log, catalog, port)
            let snapshot = catalog.current
            guard let source = snapshot.sources.first(where: { $0.name == "past" }),
                let connection = snapshot.connections.first(where: { $0.source == source.id })
            else { throw ValidationError("the declaration has no source \"past\"") }
            self.connection = connection.id
            partitions = source.partitionIDs
        }

        private func lanes(of consumer: ConsumerID) -> [LaneID] {
            partitions.map { LaneID(partition: $0, consumer: consumer) }
        }

        /// New events a second, from the first request to the last committed delivery.
        func send(_ events: Int) async throws -> Double {
            let lanes = lanes(of: connection)
            let key = "\(ReplayBench.writeKey)-past"
            return try await LiveBurst(port: port, writeKey: key, log: log, lanes: lanes).send(events).rate
        }

        /// Begins a replay of what was accepted meanwhile; if nothing is said, at no limit that would be felt.
        func replay(_ past: (Int64, Int64), _ rate: Int = Replay.rateRange.upperBound) async throws -> Replay {
            let wish = ReplayWish(connection: connection, from: past.0, until: past.1, rate: rate)
            return try await catalog.add(wish, by: "bench")
        }

        /// Waits until each of its events is delivered and that is committed.
        func finish(_ replay: Replay) async throws {
            let lanes = lanes(of: replay.id)
            while try await RunningPipeline.delivered(log, lanes) < Int(replay.events) {
                if try await !catalog.replay(replay.id).state.isOpen { return }
                try await Task.sleep(for: .milliseconds(20))
            }
        }

        /// Ends what is under way.
        func stopReplays() async throws {
            for replay in try await catalog.replays(of: connection, limit: 10) where replay.state.isOpen {
                // It may have come to its end meanwhile.
                _ = try? await catalog.set(.stopped, of: replay.id, by: "bench")
            }
        }
    }
}
