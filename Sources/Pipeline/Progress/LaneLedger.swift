import Synchronization

/// Where a lane leaves what is to be committed, and the checkpointer takes it.
///
/// - Owner: the lane writes, the node's checkpointer takes.
final class LaneLedger: Sendable {
    private let settings: LaneSettings
    private let page = Mutex<LaneCheckpoint?>(nil)
    private let full = Atomic<Bool>(false)
    /// Whether the lane has something to publish that nobody has asked for yet.
    private let hasNews = Atomic<Bool>(false)
    /// Events that were handed to delivery since the lane began, and how many of them had an end by the last commit.
    private let handed = Atomic<Int>(0)
    private let settled = Atomic<Int>(0)
    /// Told when there is something to publish, or to commit.
    private let tell: @Sendable (News) -> Void

    /// What the checkpointer is told.
    enum News: Sendable {
        /// The lane has something to publish.
        case change
        /// Something lies here to be committed.
        case page
    }

    init(_ settings: LaneSettings, tell: @escaping @Sendable (News) -> Void = { _ in }) {
        self.settings = settings
        self.tell = tell
    }

    /// Notes that the lane has something to publish.
    func note() {
        if !hasNews.exchange(true, ordering: .relaxed) { tell(.change) }
    }

    /// Notes that the lane publishes all that it has.
    func clear() { hasNews.store(false, ordering: .relaxed) }

    func hand(_ events: Int) { handed.add(events, ordering: .relaxed) }

    /// Learns what was committed.
    func commit(_ checkpoint: LaneCheckpoint) { settled.store(checkpoint.ended, ordering: .relaxed) }

    /// Events that were handed to delivery and would be delivered again if the node ended now.
    var uncommitted: Int { max(0, handed.load(ordering: .relaxed) - settled.load(ordering: .relaxed)) }

    func publish(_ checkpoint: LaneCheckpoint) {
        defer { tell(.page) }
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
        reasons = newer.reasons
        expired = newer.expired
        ended = newer.ended
        sliceTime = newer.sliceTime
        deadLetters += newer.deadLetters.map { $0.following(pasts[$0.key]) }
        chains += newer.chains
        traces += newer.traces
        if !newer.parked.isEmpty || !newer.released.isEmpty {
            let touched = Set(newer.parked.map(\.key)).union(newer.released)
            parked.removeAll { touched.contains($0.key) }
            released.removeAll { touched.contains($0) }
            parked += newer.parked
            for key in newer.released { pasts[key] = nil }
            pasts.merge(newer.pasts) { $0.followed(by: $1) }
            released += newer.released
        }
    }
}
