import EventModel
import Foundation
package import Logging
import PostgreSQL
import Synchronization

/// Stores timings once a minute and when it ends, and answers questions from what is stored and what is not yet.
///
/// What is taken to be stored is one flush. It is sent unchanged until it is known to be stored, so that the database
/// counts it once although an answer was lost.
package final class TimingKeeper: Sendable {
    package let recorder: TimingRecorder
    private let store: TimingStore
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        /// Taken from the recorder and not known to be stored.
        var pending: TimingFlush?
        var flushes: Int64 = 0
    }

    /// How often timings are stored.
    package static let interval = Duration.seconds(60)

    package init(recorder: TimingRecorder, store: TimingStore, logger: Logger) {
        self.recorder = recorder
        self.store = store
        self.logger = logger
    }

    /// Runs until the task is cancelled; then stores what is left.
    package func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.interval)
            // A task of its own, waited for at once: the last flush runs after the cancellation, which would end it.
            await Task { await self.flush() }.value
        }
    }

    /// Stores what was measured since the last time, and before it what could not be stored then.
    package func flush() async {
        // The second time only when the first one was what had been left behind.
        for _ in 0..<2 {
            guard let flush = next(), await write(flush) else { return }
        }
    }

    /// The timings of one plugin since a moment (microseconds since 1970), over all nodes, up to now.
    package func timings(pluginID: String, since: Int64) async throws -> [TimingRow] {
        let (own, first) = state.withLock { state in
            let pending = (state.pending?.rows ?? []).filter { $0.pluginID == pluginID }
            return (pending + recorder.recent(pluginID: pluginID), state.pending?.number ?? state.flushes + 1)
        }
        return TimingRow.merged(try await store.read(pluginID: pluginID, since: since, before: first) + own)
    }

    private func next() -> TimingFlush? {
        state.withLock { state in
            if let pending = state.pending { return pending }
            let rows = recorder.drain()
            guard !rows.isEmpty else { return nil }
            state.flushes += 1
            let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
            state.pending = TimingFlush(number: state.flushes, at: now, rows: rows)
            return state.pending
        }
    }

    private func write(_ flush: TimingFlush) async -> Bool {
        do throws(PostgreSQLError) {
            try await store.write(flush)
            settled(flush)
            return true
        } catch {
            if error.disposition == .bury {
                settled(flush)
                logger.error("timings were given up", metadata: ["error": "\(error)"])
            } else {
                logger.warning("timings could not be stored", metadata: ["error": "\(error)"])
            }
            return false
        }
    }

    private func settled(_ flush: TimingFlush) {
        state.withLock { state in
            if state.pending?.number == flush.number { state.pending = nil }
        }
    }
}
