package import Logging
import PostgreSQL

/// Stores timings once a minute and when it ends, and answers questions from what is stored and what is not yet.
package struct TimingKeeper: Sendable {
    package let recorder: TimingRecorder
    private let store: TimingStore
    private let logger: Logger

    /// How often timings are stored.
    package static let interval = Duration.seconds(60)

    package init(recorder: TimingRecorder, store: TimingStore, logger: Logger) {
        self.recorder = recorder
        self.store = store
        self.logger = logger
    }

    /// Runs until the task is cancelled; then stores what is left.
    package func run() async {
        var flush: Int64 = 0
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            flush += 1
            // A task of its own, waited for at once: the last flush runs after the cancellation, which would end it.
            let number = flush
            await Task { await self.flush(number) }.value
        }
    }

    /// Stores what was measured since the last time; what cannot be stored stays in memory.
    package func flush(_ number: Int64) async {
        let rows = recorder.drain()
        guard !rows.isEmpty else { return }
        do {
            try await store.write(rows, flush: number)
        } catch {
            recorder.restore(rows)
            logger.warning("timings could not be stored", metadata: ["error": "\(error)"])
        }
    }

    /// The timings of one plugin since a moment (microseconds since 1970), over all nodes, up to now.
    package func timings(pluginID: String, since: Int64) async throws -> [TimingRow] {
        TimingRow.merged(try await store.read(pluginID: pluginID, since: since) + recorder.recent(pluginID: pluginID))
    }
}
