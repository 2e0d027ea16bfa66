import Synchronization

/// Where a lane leaves what is to be committed, and the checkpointer takes it.
///
/// - Owner: the lane writes, the node's checkpointer takes.
final class LaneLedger: Sendable {
    private let settings: LaneSettings
    private let page = Mutex<LaneCheckpoint?>(nil)
    private let full = Atomic<Bool>(false)
    /// Whether the lane has something to publish that nobody has asked for yet.
    let hasNews = Atomic<Bool>(false)

    init(_ settings: LaneSettings) { self.settings = settings }

    func publish(_ checkpoint: LaneCheckpoint) {
        page.withLock { page in
            var whole = checkpoint
            if var earlier = page.take() {
                earlier.follow(with: checkpoint)
                whole = earlier
            }
            full.store(isFilled(by: whole), ordering: .relaxed)
            page = whole
        }
    }

    /// Whether the lane waits until this is taken.
    func isFilled(by checkpoint: LaneCheckpoint) -> Bool {
        checkpoint.deadLetters.count >= settings.deadLetters || checkpoint.bytes >= settings.uncommittedBytes
    }

    func take() -> LaneCheckpoint? {
        page.withLock { page in
            full.store(false, ordering: .relaxed)
            return page.take()
        }
    }

    /// Whether so much waits to be committed that the lane must make no more.
    var isFull: Bool { full.load(ordering: .relaxed) }

    var isEmpty: Bool { page.withLock { $0 == nil } }
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
