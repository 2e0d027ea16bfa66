import ArgumentParser
import Catalog
import EventLog
import PluginHost

/// How long an event is under way while there is room: from the request to its arrival at the destination.
struct LatencyBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "latency",
        abstract: "Milliseconds from an event's request to its arrival at the sink, at a steady pace."
    )

    @OptionGroup var plugins: BenchPlugins

    @Option(help: "Events a second, each in a request of its own.")
    var pace = 1_000

    @Option(help: "For how many seconds events are measured.")
    var seconds = 20

    private static let writeKey = "benchbenchbenchbench"
    private static let warmUp = 3

    func run() async throws {
        // First, as in the server: it is to be started before there are threads.
        let launcher = try Launcher.start()
        let marks = SinkMarks()
        let sink = try await Sink.start(marks: marks)
        try await BenchDatabase.with(connections: 12) { pool, log in
            let catalog = try await Catalog.open(pool: pool, logger: .silent)
            let text = """
                sources: [{name: bench, writeKeys: ["\(Self.writeKey)"]}]
                destinations:
                  - name: sink
                    connector: \(try plugins.connectorID)
                    config: {url: "http://127.0.0.1:\(sink.port)/", batch: 50}
                connections: [{source: bench, destination: sink}]
                """
            try await plugins.set(text, in: catalog)
            _ = try await log.join(identity: "bench")
            let workshop = try plugins.workshop(launcher)
            try await RunningPipeline.with(log, catalog, workshop) {
                try await BenchServer.with(log, configuration: { catalog.current }) { port in
                    let client = try await PacedClient.connect(port, writeKey: Self.writeKey)
                    try await client.send(pace, for: .seconds(Self.warmUp))
                    try await Self.wait(for: client.sent, marks)
                    marks.clear()
                    let before = client.sent
                    try await client.send(pace, for: .seconds(seconds))
                    try await Self.wait(for: client.sent - before, marks)
                    try await client.close()
                }
            }
            await workshop.close()
        }
        try await sink.stop()
        let delays = marks.delays.sorted()
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            let delay = delays[min(delays.count - 1, Int(Double(delays.count) * share))]
            BenchLine(bench: "latency.\(name)", unit: "ms", values: [delay]).emit()
        }
    }

    /// Waits until the sink has so many events, or it is clear that some were lost.
    private static func wait(for events: Int, _ marks: SinkMarks) async throws {
        let end = ContinuousClock.now + .seconds(30)
        while marks.delays.count < events {
            guard ContinuousClock.now < end else { throw BrokenLoad(refused: events - marks.delays.count) }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
