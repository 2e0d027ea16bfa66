import ArgumentParser
import Catalog
import EventLog
import EventModel
import PostgreSQL

/// What the log costs when events come at a pace, one in a request: how full chunks get, and what is written for each.
struct LogPaceBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "log-pace",
        abstract: "Journal bytes an event and events a chunk at 500, 5,000 and 50,000 events a second over HTTP."
    )

    @Option(help: "For how many seconds each pace is measured.")
    var seconds = 15

    @Option(parsing: .upToNextOption, help: "Events a second; from 20,000 on they come ten in a request.")
    var paces = [500, 5_000, 50_000]

    private static let writeKey = "bench"
    private static let warmUp = Duration.seconds(2)
    private static let source = Source(
        id: SourceID(rawValue: 1),
        name: "bench",
        enabled: true,
        partitions: UInt8(Source.defaultPartitions),
        generation: 1
    )

    /// What was written until one moment.
    private struct Written {
        var journal: Int64
        var events: Int64
        var chunks: Int64

        init(_ pool: ConnectionPool) async throws {
            journal = try await pool.journal()
            events = try await pool.number("SELECT coalesce(sum(event_count), 0)::bigint FROM leat.chunk")
            chunks = try await pool.number("SELECT count(*) FROM leat.chunk")
        }
    }

    func run() async throws {
        try await BenchDatabase.with { pool, log in
            try await log.openPartitions(Self.source.partitionIDs)
            try await HeldSnapshot.during(pool) {
                for pace in paces { try await measure(pace, pool, log) }
            }
        }
    }

    private func measure(_ pace: Int, _ pool: ConnectionPool, _ log: EventLog) async throws {
        var options = try LoadOptions.parse([])
        options.batch = pace < 20_000 ? 1 : 10
        let requests = pace / options.batch
        let bodies = options.bodies(of: SampleEvents(count: options.events))
        let key = WriteKey(hash: SecretHash(of: Self.writeKey), source: Self.source.id, hint: "ench", createdAt: 0)
        let configuration = CatalogSnapshot(revision: 1, sources: [Self.source], writeKeys: [key])
        try await BenchServer.with(log, configuration: { configuration }) { port in
            let client = try await PacedClient.connect(port, writeKey: Self.writeKey)
            try await client.send(requests, to: "/v1/batch", for: Self.warmUp) { number, _ in
                bodies[number % bodies.count]
            }
            let (before, since) = (try await Written(pool), ContinuousClock.now)
            try await client.send(requests, to: "/v1/batch", for: .seconds(seconds)) { number, _ in
                bodies[number % bodies.count]
            }
            let (after, time) = (try await Written(pool), (ContinuousClock.now - since) / .seconds(1))
            try await client.close()
            report(pace, before, after, time)
        }
    }

    private func report(_ pace: Int, _ before: Written, _ after: Written, _ time: Double) {
        let events = Double(after.events - before.events)
        let name = "log-pace.\(pace)"
        BenchLine(bench: name, unit: "events/s", values: [events / time]).emit()
        let journal = Double(after.journal - before.journal) / events
        BenchLine(bench: name + ".journal", unit: "bytes/event", values: [journal]).emit()
        let fill = events / Double(after.chunks - before.chunks)
        BenchLine(bench: name + ".chunk", unit: "events/chunk", values: [fill]).emit()
    }
}
