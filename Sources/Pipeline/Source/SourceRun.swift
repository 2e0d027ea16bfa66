import Synchronization

/// Somebody's being at events for whose verdicts others wait.
final class SourceRun: Sendable {
    private struct State {
        var isOver = false
        var waiting: [AsyncStream<Never>.Continuation] = []
    }

    private let state = Mutex(State())

    /// Waits for the end, whatever it is, or until the caller is cancelled.
    func ended() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
        let isOver = state.withLock { state in
            if !state.isOver { state.waiting.append(continuation) }
            return state.isOver
        }
        if isOver { return }
        for await _ in stream {}
    }

    func end() {
        let waiting = state.withLock { state in
            state.isOver = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.finish() }
    }
}
