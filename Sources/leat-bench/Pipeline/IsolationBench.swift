import ArgumentParser
import Catalog
import EventLog
import Foundation
import NIOCore
import NIOPosix
import PluginHost

/// What a destination that works feels of others that do not.
struct IsolationBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "isolation",
        abstract: "Delay and rate of a healthy destination beside a dead, a hanging and a throttling one, and alone."
    )

    @OptionGroup var plugins: BenchPlugins

    @Option(help: "Events a second, each in a request of its own, while delays are measured.")
    var pace = 500

    @Option(help: "For how many seconds delays are measured.")
    var seconds = 10

    @Option(help: "How many events are sent at once to measure the rate.")
    var events = 60_000

    @Option(help: "How often each is measured, in turn with the healthy destination alone.")
    var pairs = 3

    private static let writeKey = "benchbenchbenchbench"

    /// What stands beside the healthy destination.
    private enum Sick: String, CaseIterable {
        /// Its connections are refused.
        case dead
        /// It takes requests and never answers.
        case hanging
        /// It answers 429 to everything.
        case throttling
        /// All three.
        case all
    }

    private struct Figures {
        var half = 0.0
        var most = 0.0
        var rate = 0.0
    }

    func run() async throws {
        // First, as in the server: it is to be started before there are threads.
        let launcher = try Launcher.start()
        let workshop = try plugins.workshop(launcher)
        let hanging = try await Sink.start(manner: .hangs)
        let throttling = try await Sink.start(manner: .throttles)
        let dead = try await Self.closedPort()
        for sick in Sick.allCases {
            let others: [(String, Int)] =
                switch sick {
                case .dead: [("dead", dead)]
                case .hanging: [("hanging", hanging.port)]
                case .throttling: [("throttling", throttling.port)]
                case .all: [("dead", dead), ("hanging", hanging.port), ("throttling", throttling.port)]
                }
            var (beside, alone): ([Figures], [Figures]) = ([], [])
            for pair in 0..<pairs {
                // Both take turns in going first.
                if pair.isMultiple(of: 2) { beside.append(try await measure(others, workshop)) }
                alone.append(try await measure([], workshop))
                if !pair.isMultiple(of: 2) { beside.append(try await measure(others, workshop)) }
            }
            emit("\(sick).p50", "ms", beside, alone, \.half)
            emit("\(sick).p99", "ms", beside, alone, \.most)
            emit("\(sick).rate", "events/s", beside, alone, \.rate)
        }
        await workshop.close()
        try await hanging.stop()
        try await throttling.stop()
    }

    private func emit(
        _ name: String,
        _ unit: String,
        _ beside: [Figures],
        _ alone: [Figures],
        _ figure: KeyPath<Figures, Double>
    ) {
        let both = Pairs(values: beside.map { $0[keyPath: figure] }, references: alone.map { $0[keyPath: figure] })
        BenchLine(bench: "isolation.\(name)", unit: unit, pairs: both).emit()
    }

    /// A port on which nobody listens.
    private static func closedPort() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port ?? 1
        try await channel.close()
        return port
    }

    private func measure(_ others: [(name: String, port: Int)], _ workshop: Workshop) async throws -> Figures {
        let marks = SinkMarks()
        let sink = try await Sink.start(marks: marks)
        defer { marks.clear() }
        let figures = try await BenchDatabase.with(connections: 12) { pool, log in
            let catalog = try await Catalog.open(pool: pool, logger: .silent)
            try await plugins.set(try declaration([("healthy", sink.port)] + others), in: catalog)
            _ = try await log.join(identity: "bench")
            return try await RunningPipeline.with(log, catalog, workshop) {
                try await BenchServer.with(log, configuration: { catalog.current }) { port in
                    var figures = Figures()
                    try await delays(port, marks, &figures)
                    figures.rate = try await rate(port, log, catalog)
                    return figures
                }
            }
        }
        try await sink.stop()
        return figures
    }

    private func declaration(_ destinations: [(name: String, port: Int)]) throws -> String {
        let id = try plugins.connectorID
        let limits = "{timeout: 2s}"
        let entries = destinations.map { name, port in
            let config = "{url: \"http://127.0.0.1:\(port)/\", batch: 50}"
            return "{name: \(name), connector: \(id), config: \(config), limits: \(limits)}"
        }
        return """
            sources: [{name: bench, writeKeys: ["\(Self.writeKey)"]}]
            destinations: [\(entries.joined(separator: ", "))]
            connections: [\(destinations.map { "{source: bench, destination: \($0.name)}" }.joined(separator: ", "))]
            """
    }

    private func delays(_ port: Int, _ marks: SinkMarks, _ figures: inout Figures) async throws {
        let sorted = try await PacedRun(port: port, writeKey: Self.writeKey, pace: pace, seconds: seconds).delays(
            at: marks
        )
        figures.half = PacedRun.share(0.5, of: sorted)
        figures.most = PacedRun.share(0.99, of: sorted)
    }

    /// Events a second from the first request to the last committed delivery to the healthy destination.
    private func rate(_ port: Int, _ log: EventLog, _ catalog: Catalog) async throws -> Double {
        let healthy = catalog.current.destinations.first { $0.name == "healthy" }?.id
        let consumers = Set(catalog.current.connections.filter { $0.destination == healthy }.map(\.id))
        let lanes = RunningPipeline.lanes(catalog).filter { consumers.contains($0.consumer) }
        return try await LiveBurst(port: port, writeKey: Self.writeKey, log: log, lanes: lanes).send(events).rate
    }
}
