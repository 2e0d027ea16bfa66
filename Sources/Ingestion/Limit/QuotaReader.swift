import Catalog
package import EventModel
package import Logging
import ServiceLifecycle

/// Asks the log from time to time what sources with a daily limit have sent today, over all nodes.
///
/// - Owner: the program.
package struct QuotaReader: Service {
    /// What each source has sent since midnight, and how long it is until the next.
    package typealias Reading = @Sendable (_ sources: [SourceID]) async throws -> ([SourceID: Int64], Duration)

    private let door: Door
    private let configuration: Ingestion.Configuration
    private let logger: Logger
    private let read: Reading

    /// How often the log is asked, and how soon for a source of which nothing is known yet.
    private static let period = Duration.seconds(10)
    private static let tick = Duration.milliseconds(500)

    package init(
        _ door: Door,
        configuration: @escaping Ingestion.Configuration,
        logger: Logger,
        read: @escaping Reading
    ) {
        self.door = door
        self.configuration = configuration
        self.logger = logger
        self.read = read
    }

    package func run() async {
        await cancelWhenGracefulShutdown {
            var last: ContinuousClock.Instant?
            var isTold = false
            while !Task.isCancelled {
                let sources = configuration().sources.filter { $0.limits.bytesPerDay != nil }
                let isDue = last.map { .now - $0 >= Self.period } ?? true
                if !sources.isEmpty, isDue || !door.knows(sources) {
                    let failure = await refresh(sources)
                    if let failure, !isTold {
                        logger.warning(
                            "What sources have sent today could not be read, and is tried again.",
                            metadata: ["error": "\(failure)"]
                        )
                    }
                    isTold = failure != nil
                    last = .now
                }
                try? await Task.sleep(for: Self.tick)
            }
        }
    }

    /// Asks once; returns why nothing was learnt, if so.
    @discardableResult
    func refresh(_ sources: [Source]) async -> (any Error)? {
        let charged = door.charged(sources)
        do {
            let (used, midnight) = try await read(sources.map(\.id))
            door.learn(used, of: sources, charged: charged, midnight: midnight)
            return nil
        } catch {
            return error
        }
    }
}
