import ArgumentParser
import Catalog
import EventLog
import EventModel

/// Events accepted durably over HTTP against rows written by COPY, with PostgreSQL, server and load on the same cores.
struct IngestBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Events a second accepted durably over HTTP, beside raw COPY of single rows."
    )

    @OptionGroup var options: LoadOptions

    @Option(help: "How many connections send batches.")
    var connections = 16

    @Option(help: "How many connections send single events.")
    var singleConnections = 256

    /// How long each side runs before it is measured.
    private static let warmUp = Duration.seconds(1)
    private static let writeKey = "bench"
    private static let source = Source(
        id: SourceID(rawValue: 1),
        name: "bench",
        enabled: true,
        partitions: UInt8(Source.defaultPartitions),
        generation: 1
    )

    func run() async throws {
        let events = SampleEvents(count: options.events)
        try await BenchDatabase.with { pool, log in
            try await log.openPartitions(Self.source.partitionIDs)
            let reference = CopyReference(pool, events: events)
            var single = options
            single.batch = 1
            for (name, options, connections) in [
                ("ingest", options, connections), ("ingest.single", single, singleConnections),
            ] {
                let bodies = options.bodies(of: events)
                let measured = try await Pairs(options.pairs, of: name) {
                    try await accepted(bodies, into: log, options, connections)
                } reference: {
                    try await reference.measure(for: .seconds(options.seconds))
                }
                BenchLine(bench: name, unit: "events/s", pairs: measured).emit()
            }
        }
    }

    /// Events a second that a server before `log` answers with 200.
    private func accepted(
        _ bodies: [[UInt8]],
        into log: EventLog,
        _ options: LoadOptions,
        _ connections: Int
    ) async throws -> Double {
        let key = WriteKey(hash: SecretHash(of: Self.writeKey), source: Self.source.id, hint: "ench", createdAt: 0)
        let configuration = CatalogSnapshot(revision: 1, sources: [Self.source], writeKeys: [key])
        return try await BenchServer.with(log, configuration: { configuration }) { port in
            try await load(port, bodies, options, connections)
        }
    }

    private func load(
        _ port: Int,
        _ bodies: [[UInt8]],
        _ options: LoadOptions,
        _ connections: Int
    ) async throws -> Double {
        let client = options.client(of: port, writeKey: Self.writeKey, bodies: bodies, connections: connections)
        return try await client.whileSending {
            try await Task.sleep(for: Self.warmUp)
            let before = client.acceptedRequests
            let start = ContinuousClock.now
            try await Task.sleep(for: .seconds(options.seconds))
            let requests = client.acceptedRequests - before
            let time = (ContinuousClock.now - start) / .seconds(1)
            guard client.refusedRequests == 0 else { throw BrokenLoad(refused: client.refusedRequests) }
            return Double(requests * options.batch) / time
        }
    }
}
