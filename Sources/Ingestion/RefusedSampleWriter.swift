package import EventLog
package import Logging
import ServiceLifecycle

/// Writes what ``RefusedSamples`` gathered, in one statement each second, and the rest at a clean shutdown.
package struct RefusedSampleWriter: Service {
    /// Stores counts and samples together, or throws and stores nothing.
    package typealias Store = @Sendable ([RefusedCount], [RefusedSample]) async throws -> Void

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
        await write()
    }

    /// Writes what was gathered; what cannot be written now is kept for the next time.
    func write() async {
        guard let taken = samples.take() else { return }
        do {
            try await store(taken.counts, taken.samples)
        } catch {
            samples.putBack(taken)
            logger.warning("Refused events could not be written", metadata: ["error": "\(error)"])
        }
    }
}
