import EventModel
import Synchronization

/// What waits for one who watches, within a bound of events and of bytes; what comes beyond it is left out and counted.
///
/// - Owner: the watcher; lanes put in.
final class TailRing: Sendable {
    private struct State {
        /// Entries of batches, in the order in which they came.
        var waiting: [(batch: TailBatch, entries: [Int])] = []
        var events = 0
        var bytes = 0
        var dropped = 0
        var isClosed = false
        /// Whether something came, or there is another reason to look, since it was looked at last.
        var isNew = false
        /// Events that may still be taken in, and since when that is so.
        var allowance = 0.0
        var filledAt: ContinuousClock.Instant?
        /// Whoever waits for it.
        var waiter: CheckedContinuation<Void, Never>?
    }

    /// The most that wait, and come.
    struct Bounds: Sendable {
        var events = 4_096
        /// Of the batches that are held, whole.
        var bytes = 4 * 1024 * 1024
        /// More than anybody reads; what it costs to look at more would be taken from the lanes.
        var eventsPerSecond = 10_000
    }

    let wish: TailWish
    /// The hash of the user that is wished for.
    let userHash: UInt64?
    private let bounds: Bounds
    private let state = Mutex(State())

    init(_ wish: TailWish, userHash: UInt64?, _ bounds: Bounds) {
        self.wish = wish
        self.userHash = userHash
        self.bounds = bounds
    }

    /// Whether what passes there is wished for.
    func wants(_ place: TailBatch.Place) -> Bool {
        wish.stage == place.stage && (wish.source == nil || wish.source == place.partition.source)
            && (wish.destination == nil || wish.destination == place.destination)
            && (wish.connection == nil || wish.connection == place.connection)
    }

    func offer(_ batch: TailBatch) {
        var entries = Array(batch.entries.indices)
        if let userHash { entries.removeAll { batch.entries[$0].userHash != userHash } }
        if let outcome = wish.outcome { entries.removeAll { batch.entries[$0].fate?.outcome != outcome } }
        guard !entries.isEmpty else { return }
        state.withLock { state in
            guard !state.isClosed else { return }
            let allowance = fill(&state)
            var room = state.bytes + batch.bytes.count <= bounds.bytes ? max(0, bounds.events - state.events) : 0
            room = min(room, allowance)
            state.allowance -= Double(min(room, entries.count))
            state.dropped += max(0, entries.count - room)
            guard room > 0 else { return }
            if entries.count > room { entries.removeSubrange(room...) }
            state.waiting.append((batch, entries))
            state.events += entries.count
            state.bytes += batch.bytes.count
        }
        nudge()
    }

    /// The events that may be taken in now, of those of one second at the most.
    private func fill(_ state: inout State) -> Int {
        let (now, most) = (ContinuousClock.now, Double(bounds.eventsPerSecond))
        let gained = state.filledAt.map { $0.duration(to: now) / .seconds(1) * most } ?? most
        state.filledAt = now
        state.allowance = min(state.allowance + gained, most)
        return Int(state.allowance)
    }

    /// Takes what came first, and how many were left out until now.
    func take() -> (batch: TailBatch?, entries: [Int], dropped: Int, isClosed: Bool) {
        state.withLock { state in
            state.isNew = false
            defer { state.dropped = 0 }
            guard !state.waiting.isEmpty else { return (nil, [], state.dropped, state.isClosed) }
            let (batch, entries) = state.waiting.removeFirst()
            state.events -= entries.count
            state.bytes -= batch.bytes.count
            return (batch, entries, state.dropped, state.isClosed)
        }
    }

    /// Waits until there is a reason to look, or the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { (mine: CheckedContinuation<Void, Never>) in
                let isOver = state.withLock { state in
                    if state.isNew || state.isClosed || Task.isCancelled { return true }
                    state.waiter = mine
                    return false
                }
                if isOver { mine.resume() }
            }
        } onCancel: {
            nudge()
        }
    }

    /// Lets whoever watches look.
    func nudge() {
        let waiter = state.withLock { state in
            state.isNew = true
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    /// Takes nothing more; what waits is still given.
    func close() {
        state.withLock { $0.isClosed = true }
        nudge()
    }
}
