import Synchronization

/// One request's wait for the commits of all chunks that hold its events.
final class PendingRequest: Sendable {
    /// How the commits went.
    enum Outcome: Equatable, Sendable {
        /// Every event is durable.
        case committed
        /// At least one commit failed or its outcome is unknown: the sender must repeat all, duplicates are removed later.
        case unavailable
    }

    private struct State {
        /// Chunks that are not settled, and one more until the last event is gathered.
        var open = 1
        var outcome = Outcome.committed
        var waiter: (@Sendable (Outcome) -> Void)?
    }

    private let state = Mutex(State())

    /// One more chunk holds events of this request.
    func join() {
        state.withLock { $0.open += 1 }
    }

    /// One chunk met its end.
    func settle(_ outcome: Outcome) {
        let told = state.withLock { state -> (waiter: (@Sendable (Outcome) -> Void), outcome: Outcome)? in
            state.open -= 1
            if outcome == .unavailable { state.outcome = .unavailable }
            guard state.open == 0, let waiter = state.waiter else { return nil }
            state.waiter = nil
            return (waiter, state.outcome)
        }
        if let told { told.waiter(told.outcome) }
    }

    /// Tells `waiter` once every chunk has met its end; to be called once, after the last event was gathered.
    func whenEnded(_ waiter: @escaping @Sendable (Outcome) -> Void) {
        let outcome = state.withLock { state -> Outcome? in
            state.open -= 1
            guard state.open > 0 else { return state.outcome }
            state.waiter = waiter
            return nil
        }
        if let outcome { waiter(outcome) }
    }

    /// Waits until every chunk has met its end; to be called once, after the last event was gathered.
    ///
    /// Not cancellable: the flushers settle every chunk within their deadline.
    func outcome() async -> Outcome {
        await withCheckedContinuation { continuation in whenEnded { continuation.resume(returning: $0) } }
    }
}
