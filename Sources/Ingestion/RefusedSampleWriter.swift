package import EventLog
import EventModel
package import Logging
import ServiceLifecycle

/// Writes what ``RefusedSamples`` gathered, in one statement each second, and the rest at a clean shutdown.
package struct RefusedSampleWriter: Service {
    /// Stores a flush whole, or throws; the same flush a second time changes nothing.
    package typealias Store = @Sendable (RefusedFlush) async throws -> Void

    /// How often something is written while there is something to write.
    static let period = Duration.seconds(1)

    private let samples: RefusedSamples
    private let logger: Logger
    private let store: Store

    package init(_ samples: RefusedSamples, logger: Logger, store: @escaping Store) {
        self.samples = samples
        self.logger = logger
        self.store = store
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            // Ends by cancellation only.
            while (try? await Task.sleep(for: Self.period)) != nil { await write() }
        }
        // One that failed before, and what came after it.
        while await write() {}
    }

    /// Writes what was gathered; what cannot be written now is written unchanged the next time, before all that follows.
    ///
    /// - Returns: whether there was something and it met its end.
    @discardableResult
    func write() async -> Bool {
        guard let flush = samples.flush(at: EventTime.now().microseconds) else { return false }
        do {
            try await store(flush)
        } catch let error as any ClassifiedError where error.disposition == .bury {
            logger.error("Refused events were given up", metadata: ["error": "\(error)"])
        } catch {
            logger.warning("Refused events could not be written", metadata: ["error": "\(error)"])
            return false
        }
        samples.settled(flush)
        return true
    }
}
