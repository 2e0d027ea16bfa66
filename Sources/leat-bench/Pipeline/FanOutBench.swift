import ArgumentParser
import Catalog
import EventLog
import Foundation
import Glibc
import PluginHost
import PostgreSQL

/// What an event costs as the destinations of its source grow.
struct FanOutBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fan-out",
        abstract: "CPU and disk an event, from the request to its delivery at 1, 2, 4 and 8 destinations."
    )

    @OptionGroup var plugins: BenchPlugins

    @Option(parsing: .upToNextOption, help: "How many destinations the source has.")
    var destinations = [1, 2, 4, 8]

    @Option(help: "How many events are sent in each run.")
    var events = 200_000

    private static let writeKey = "benchbenchbenchbench"

    func run() async throws {
        // First, as in the server: it is to be started before there are threads.
        let launcher = try Launcher.start()
        let sink = try await Sink.start()
        let workshop = try plugins.workshop(launcher)
        for count in destinations { try await measure(count, sink.port, workshop) }
        await workshop.close()
        try await sink.stop()
    }

    private func measure(_ count: Int, _ port: Int, _ workshop: Workshop) async throws {
        try await BenchDatabase.with(connections: 12) { pool, log in
            let catalog = try await Catalog.open(pool: pool, logger: .silent)
            try await plugins.set(try declaration(count, port), in: catalog)
            _ = try await log.join(identity: "bench")
            try await RunningPipeline.with(log, catalog, workshop) {
                // Workers are started and memory is found before it counts.
                _ = try await send(20_000, log, catalog, count)
                let disk = try await pool.chunkBytes()
                let roots = [getpid(), try await pool.postmaster()] as Set<Int32>
                let before = ProcessTree().cpu(of: roots)
                let sent = try await send(events, log, catalog, count)
                let cpu = ProcessTree().cpu(of: roots) - before
                let bytes = try await pool.chunkBytes() - disk
                let name = "fan-out.\(count)"
                BenchLine(bench: name + ".cpu", unit: "µs CPU/event", values: [cpu * 1e6 / Double(sent)]).emit()
                BenchLine(bench: name + ".disk", unit: "bytes/event", values: [Double(bytes) / Double(sent)]).emit()
            }
        }
    }

    private func declaration(_ count: Int, _ port: Int) throws -> String {
        let numbers = (1...count).map { $0 }
        let names = numbers.map {
            "{name: d\($0), connector: \(connectorName), config: {url: \"http://127.0.0.1:\(port)/\($0)\", batch: 500}}"
        }
        let connections = numbers.map { "{source: bench, destination: d\($0)}" }
        return """
            sources: [{name: bench, writeKeys: ["\(Self.writeKey)"]}]
            destinations: [\(names.joined(separator: ", "))]
            connections: [\(connections.joined(separator: ", "))]
            """
    }

    private var connectorName: String { (try? plugins.connectorID) ?? "" }

    /// Sends events and waits until every destination has each of them; how many there were.
    private func send(_ events: Int, _ log: EventLog, _ catalog: Catalog, _ destinations: Int) async throws -> Int {
        try await BenchServer.with(log, configuration: { catalog.current }) { port in
            let burst = LiveBurst(port: port, writeKey: Self.writeKey, log: log, lanes: RunningPipeline.lanes(catalog))
            return try await burst.send(events, deliveries: destinations).events
        }
    }
}
