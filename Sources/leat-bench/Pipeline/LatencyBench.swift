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

    func run() async throws {
        // First, as in the server: it is to be started before there are threads.
        let launcher = try Launcher.start()
        let marks = SinkMarks()
        let sink = try await Sink.start(marks: marks)
        var delays: [Double] = []
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
                    let run = PacedRun(port: port, writeKey: Self.writeKey, pace: pace, seconds: seconds)
                    delays = try await run.delays(at: marks)
                }
            }
            await workshop.close()
        }
        try await sink.stop()
        for (name, share) in [("p50", 0.5), ("p99", 0.99)] {
            BenchLine(bench: "latency.\(name)", unit: "ms", values: [PacedRun.share(share, of: delays)]).emit()
        }
    }
}
