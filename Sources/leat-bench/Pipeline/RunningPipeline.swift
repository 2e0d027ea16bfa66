import Catalog
import Delivery
import EventLog
import EventModel
import Pipeline
import PluginHost

/// A node's lanes in this process, with everything around them.
enum RunningPipeline {
    /// Runs the lanes of the catalog while `body` runs.
    static func with<Result>(
        _ log: EventLog,
        _ catalog: Catalog,
        _ workshop: Workshop,
        _ body: () async throws -> Result
    ) async throws -> Result {
        let delivery = Delivery.Sender(version: "bench", guarding: .loopbackAllowed)
        let pipeline = Pipeline(log: log, catalog: catalog, workshop: workshop, sender: delivery, logger: .silent)
        let result = try await withThrowingTaskGroup(of: Void.self) { group in
            // Without its signs of life nothing may be sent.
            group.addTask { try? await log.run() }
            let (ends, end) = AsyncStream.makeStream(of: Void.self)
            group.addTask {
                await pipeline.run()
                end.finish()
            }
            let result = try await body()
            pipeline.shutDown()
            for await _ in ends {}
            group.cancelAll()
            return result
        }
        try await delivery.shutdown()
        return result
    }

    /// All lanes of the catalog.
    static func lanes(_ catalog: Catalog) -> [LaneID] {
        let snapshot = catalog.current
        return snapshot.connections.flatMap { connection in
            (snapshot.source(connection.source)?.partitionIDs ?? []).map {
                LaneID(partition: $0, consumer: connection.id)
            }
        }
    }

    /// Events that these lanes have delivered, as far as that is committed.
    static func delivered(_ log: EventLog, _ lanes: [LaneID]) async throws -> Int {
        Int(try await log.records(lanes).reduce(0) { $0 + $1.counts.delivered })
    }
}
