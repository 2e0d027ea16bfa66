import Catalog
import EventLog
import Hummingbird
import Ingestion
import Logging
import ServiceLifecycle

/// Ingestion over HTTP on a free port of the loopback, with everything that the real server has in the path of an event.
enum BenchServer {
    /// Serves before `log` while `body` runs, which is told the port.
    static func with<Result>(
        _ log: EventLog,
        configuration: @escaping @Sendable () -> CatalogSnapshot,
        _ body: (_ port: Int) async throws -> Result
    ) async throws -> Result {
        let settings = IngestionSettings()
        let queue = AppendQueue(settings: settings.queue, logger: .silent) { _ = try await log.append($0) }
        let ingestion = Ingestion(
            settings: settings,
            queue: queue,
            refused: RefusedSamples(),
            configuration: configuration
        )
        let (ports, found) = AsyncStream.makeStream(of: Int.self)
        let application = Application(
            responder: IngestionResponder(ingestion, next: NotFoundResponder<IngestionContext>()),
            server: .ingestion(settings),
            configuration: .init(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in found.yield(channel.localAddress?.port ?? 0) },
            logger: .silent
        )
        let services = ServiceGroup(
            configuration: .init(services: [.init(service: queue), .init(service: application)], logger: .silent)
        )
        return try await withThrowingTaskGroup { group in
            group.addTask { try await services.run() }
            guard let port = await ports.first(where: { _ in true }) else { throw BrokenLoad(refused: 0) }
            let result = try await body(port)
            await services.triggerGracefulShutdown()
            try await group.waitForAll()
            return result
        }
    }
}

extension Logger {
    /// Writes nothing, for what would be measured with it.
    static var silent: Logger { Logger(label: "bench", factory: { _ in SwiftLogNoOpLogHandler() }) }
}
