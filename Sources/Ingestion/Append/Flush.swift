import EventLog
import Synchronization

/// The chunks of one statement; each is settled once, by the write or by its deadline, whichever comes first.
final class Flush: Sendable {
    let drafts: [ChunkDraft]
    private let waiters: Mutex<[[PendingRequest]]>

    init(_ chunks: [GatheredChunk]) {
        drafts = chunks.map(\.draft)
        waiters = Mutex(chunks.map(\.waiters))
    }

    /// Settles what is not settled yet; false when there was nothing left.
    @discardableResult
    func settleAll(_ outcome: PendingRequest.Outcome) -> Bool {
        let waiting = waiters.withLock { waiters in
            defer { waiters = waiters.map { _ in [] } }
            return waiters
        }
        for waiter in waiting.joined() { waiter.settle(outcome) }
        return waiting.contains { !$0.isEmpty }
    }

    func settle(_ place: Int, _ outcome: PendingRequest.Outcome) {
        let waiting = waiters.withLock { waiters in
            defer { waiters[place] = [] }
            return waiters[place]
        }
        for waiter in waiting { waiter.settle(outcome) }
    }
}
