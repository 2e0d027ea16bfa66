import Synchronization

/// Where a lane leaves what is to be committed, and the checkpointer takes it.
///
/// - Owner: the lane writes, the node's checkpointer takes.
final class LaneLedger: Sendable {
    private let page = Mutex<LaneCheckpoint?>(nil)
    /// Whether the lane has something to publish that nobody has asked for yet.
    let hasNews = Atomic<Bool>(false)

    func publish(_ checkpoint: LaneCheckpoint) {
        page.withLock { page in
            if page == nil { page = checkpoint } else { page?.follow(with: checkpoint) }
        }
    }

    func take() -> LaneCheckpoint? {
        page.withLock { page in
            defer { page = nil }
            return page
        }
    }

    var isEmpty: Bool { page.withLock { $0 == nil } }

    /// How many dead letters wait to be committed.
    var deadLetters: Int { page.withLock { $0?.deadLetters.count ?? 0 } }
}

extension LaneCheckpoint {
    /// Takes in what happened later; the last word about each parked event counts.
    mutating func follow(with newer: LaneCheckpoint) {
        position = newer.position
        beyond = newer.beyond
        counts = newer.counts
        expired = newer.expired
        sliceTime = newer.sliceTime
        deadLetters += newer.deadLetters
        if !newer.parked.isEmpty || !newer.released.isEmpty {
            let touched = Set(newer.parked.map(\.key)).union(newer.released)
            parked.removeAll { touched.contains($0.key) }
            released.removeAll { touched.contains($0) }
            parked += newer.parked
            released += newer.released
        }
    }
}
