import Synchronization

/// Tells one flusher that events came, that a chunk is full, or that there will be no more.
final class FlushSignal: Sendable {
    enum Level: Int, Comparable, Sendable {
        case quiet
        case begun
        case full
        case closed

        static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
    }

    private struct State {
        var level = Level.quiet
        var closed = false
        /// The flusher is gone.
        var finished = false
        /// The partitions that have events, each once, in the order in which they came.
        var ready: [Gather] = []
        /// When the first of them came.
        var begun: ContinuousClock.Instant?
        var waiting: (least: Level, continuation: CheckedContinuation<Void, Never>)?
    }

    private let state = Mutex(State())

    /// Says that `gather` has events; false when nobody is left to hear it.
    func raise(_ level: Level, by gather: Gather) -> Bool {
        wake { state in
            guard !state.finished else { return false }
            if !state.ready.contains(where: { $0 === gather }) { state.ready.append(gather) }
            state.level = max(state.level, level)
            if state.begun == nil { state.begun = .now }
            return true
        }
    }

    func close() {
        _ = wake { state in
            state.closed = true
            state.level = .closed
            return true
        }
    }

    /// Ends the hearing unless somebody has said something meanwhile.
    func finish() -> Bool {
        state.withLock { state in
            state.finished = state.ready.isEmpty
            return state.finished
        }
    }

    /// Takes the partitions that have events and lowers the signal.
    func take() -> [Gather] {
        state.withLock { state in
            let ready = state.ready
            state.ready = []
            state.begun = nil
            state.level = state.closed ? .closed : .quiet
            return ready
        }
    }

    /// When the oldest event that was not taken came, or nil when there is none.
    var begun: ContinuousClock.Instant? { state.withLock { $0.begun } }

    var isClosed: Bool { state.withLock { $0.closed } }

    /// Waits until the signal is at least at `least`, or the task is cancelled; one waiter at a time.
    func wait(for least: Level) async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let now = state.withLock { state in
                    guard state.level < least, !Task.isCancelled else { return true }
                    state.waiting = (least, continuation)
                    return false
                }
                if now { continuation.resume() }
            }
        } onCancel: {
            let waiting = state.withLock { state in
                defer { state.waiting = nil }
                return state.waiting
            }
            waiting?.continuation.resume()
        }
    }

    private func wake(_ change: (inout State) -> Bool) -> Bool {
        let (heard, woken) = state.withLock { state -> (Bool, CheckedContinuation<Void, Never>?) in
            let heard = change(&state)
            guard let waiting = state.waiting, state.level >= waiting.least else { return (heard, nil) }
            state.waiting = nil
            return (heard, waiting.continuation)
        }
        woken?.resume()
        return heard
    }
}
