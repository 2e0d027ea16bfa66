import ArgumentParser
import Catalog
import EventLog
import Foundation
import PostgreSQL

/// Whether a second node on the same database helps, or at least does not hurt.
struct NodesBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodes",
        abstract: "Events a second through two real servers on one database, beside one: accepted, and delivered."
    )

    @OptionGroup var plugins: BenchPlugins

    @Option(help: "How often two and one run.")
    var pairs = 3

    @Option(help: "For how many seconds events are sent in each run.")
    var seconds = 5

    private static let writeKey = "benchbenchbenchbench"
    /// How long leases may take to find their place after a start.
    private static let settling = Duration.seconds(6)

    func run() async throws {
        let sink = try await Sink.start()
        try await BenchDatabase.with { pool, log in
            let catalog = try await Catalog.open(pool: pool, logger: .silent)
            let text = """
                sources: [{name: bench, writeKeys: ["\(Self.writeKey)"]}]
                destinations:
                  - name: sink
                    connector: \(try plugins.connectorID)
                    config: {url: "http://127.0.0.1:\(sink.port)/", batch: 500}
                connections: [{source: bench, destination: sink}]
                """
            try await plugins.set(text, in: catalog)
            let lanes = RunningPipeline.lanes(catalog)
            var delivered = Figures()
            let accepted = try await Pairs(pairs, of: "nodes") {
                let rates = try await measure(2, pool, log, lanes)
                delivered.values.append(rates.delivered)
                return rates.accepted
            } reference: {
                let rates = try await measure(1, pool, log, lanes)
                delivered.references.append(rates.delivered)
                return rates.accepted
            }
            BenchLine(bench: "nodes.accepted", unit: "events/s", pairs: accepted).emit()
            BenchLine(bench: "nodes.delivered", unit: "events/s", pairs: delivered.pairs).emit()
        }
        try await sink.stop()
    }

    /// Starts so many servers, sends to all of them, and waits until all of it is delivered.
    private func measure(
        _ count: Int,
        _ pool: ConnectionPool,
        _ log: EventLog,
        _ lanes: [LaneID]
    ) async throws -> (accepted: Double, delivered: Double) {
        let folder = FileManager.default.temporaryDirectory.appending(path: "leat-bench-\(UUID())").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var nodes: [ServedNode] = []
        for number in 0..<count {
            nodes.append(try await ServedNode.start(pool.settings, folder: "\(folder)/\(number)"))
        }
        try await Task.sleep(for: Self.settling)
        let before = try await RunningPipeline.delivered(log, lanes)
        let start = ContinuousClock.now
        let time = Duration.seconds(seconds)
        let sent = try await withThrowingTaskGroup(of: Int.self) { group in
            for node in nodes { group.addTask { try await Self.send(to: node, of: count, for: time) } }
            return try await group.reduce(0, +)
        }
        let accepted = Double(sent) / ((ContinuousClock.now - start) / .seconds(1))
        while try await RunningPipeline.delivered(log, lanes) - before < sent {
            try await Task.sleep(for: .milliseconds(20))
        }
        let delivered = Double(sent) / ((ContinuousClock.now - start) / .seconds(1))
        for node in nodes { try await node.stop() }
        return (accepted, delivered)
    }

    /// Sends to one of `count` servers; all of them together get as many connections as one alone.
    private static func send(to node: ServedNode, of count: Int, for time: Duration) async throws -> Int {
        var options = try LoadOptions.parse([])
        options.events = 10_000
        let bodies = options.bodies(of: SampleEvents(count: options.events)).map { body in
            Array(String(decoding: body, as: UTF8.self).replacing(#/"messageId":"[^"]*",/#, with: "").utf8)
        }
        let client = options.client(of: node.port, writeKey: writeKey, bodies: bodies, connections: 16 / count)
        try await client.whileSending { try await Task.sleep(for: time) }
        guard client.refusedRequests == 0 else { throw BrokenLoad(refused: client.refusedRequests) }
        return client.acceptedRequests * options.batch
    }
}
