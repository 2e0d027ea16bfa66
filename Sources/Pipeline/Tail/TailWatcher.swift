import Conditions
import EventJSON
package import EventModel
import ServiceLifecycle
import Synchronization

/// One who watches, for as long as somebody has it.
///
/// - Owner: whoever asks it for one page after the other.
package final class TailWatcher: Sendable {
    private struct State {
        /// Kept from event to event.
        var tape = JSONTape()
        /// When a page was given last, so that something is said now and then.
        var spoken = ContinuousClock.now - TailHub.silence
        var isOver = false
    }

    private let hub: TailHub
    private let number: UInt64
    private let ring: TailRing
    private let condition: Condition?
    private let state = Mutex(State())

    init(_ hub: TailHub, _ number: UInt64, _ ring: TailRing, _ condition: Condition?) {
        self.hub = hub
        self.number = number
        self.ring = ring
        self.condition = condition
    }

    deinit { hub.leave(number) }

    /// What was seen since the last page; an empty one when nothing was for a while, and nil when the server has ended
    /// the watching, or the task is cancelled.
    package func next() async -> TailPage? {
        await withGracefulShutdownHandler {
            while !Task.isCancelled {
                guard !state.withLock({ $0.isOver }) else { return nil }
                if let page = page() { return page }
                await ring.wait()
            }
            return nil
        } onGracefulShutdown: { [ring] in
            ring.close()
        }
    }

    /// What waits, as far as it was put in together; nil if there is nothing to say.
    private func page() -> TailPage? {
        while true {
            let next = ring.take()
            var page = TailPage()
            page.dropped = next.dropped
            page.isLast = next.isClosed && next.batch == nil
            if let batch = next.batch { page.items = next.entries.map(batch.item) }
            let isWorthSaying = state.withLock { state in
                if let condition {
                    page.items.removeAll { !condition.holds(for: $0.json, using: &state.tape) }
                }
                state.isOver = page.isLast
                let isNews = !page.items.isEmpty || page.dropped > 0 || page.isLast
                guard isNews || ContinuousClock.now - state.spoken >= TailHub.silence else { return false }
                state.spoken = .now
                return true
            }
            if isWorthSaying { return page }
            if next.batch == nil { return nil }
        }
    }
}
