import EventModel

/// Decides which slices of the log go, and whom the log's size is to push back.
///
/// Slices go from the oldest on and none before an older one. One goes when its time has come and nobody who holds has
/// still to read it; and before its time when the log is larger than its bound and nobody holds it who may.
struct Retention: Equatable {
    /// What is known of one slice.
    struct Held: Equatable {
        let slice: Slice
        let bytes: Int64
    }

    /// The slices that go now, the oldest first.
    private(set) var drops: [Slice] = []
    /// How many stay though their time has come, because somebody has not read them.
    private(set) var held = 0
    /// What stays, in bytes.
    private(set) var bytes: Int64 = 0
    /// Whether that is more than the bound.
    private(set) var isFull = false
    /// Sources whose senders must wait until a consumer of theirs has read more.
    private(set) var pushedBack: Set<SourceID> = []

    /// Judges by PostgreSQL's time, in microseconds since 1970.
    init(_ slices: [Held], _ lags: [ConsumerLag], _ settings: EventLogSettings, at now: Int64) {
        let due = now - settings.retention.microseconds
        let bound = settings.logBytes
        let holding = lags.filter { $0.consumer.lag == .hold }
        let needed = holding.compactMap(\.oldest).min() ?? .max
        let insisted = holding.filter(\.consumer.isEnabled).compactMap(\.oldest).min() ?? .max
        bytes = slices.reduce(0) { $0 + $1.bytes }
        for one in slices {
            let end = one.slice.upper * 1_000_000
            let isDue = end <= due && end <= needed
            let isTooMuch = bound > 0 && bytes > bound && end <= insisted
            guard end <= now, isDue || isTooMuch else { break }
            drops.append(one.slice)
            bytes -= one.bytes
        }
        held = slices.dropFirst(drops.count).count { $0.slice.upper * 1_000_000 <= due }
        isFull = bound > 0 && bytes > bound
        guard isFull else { return }
        let causes = holding.filter { $0.consumer.isEnabled && $0.age(at: now) >= settings.pushBackPatience }
        pushedBack = Set(causes.flatMap { $0.consumer.partitions.map(\.source) })
    }
}

/// How much of what the log keeps for it a consumer has used up by lagging, and when to say so.
///
/// - Owner: upkeep.
struct LagWatch: Sendable {
    /// The shares at which a person is told.
    static let marks = [0.5, 0.8, 0.95]
    /// How far the share must fall below a mark before it is told again.
    private static let slack = 0.05

    /// How many of the marks each consumer has passed.
    private var passed: [ConsumerID: Int] = [:]

    /// The consumers that have passed a mark since the last time, with the mark.
    mutating func passes(_ shares: [(consumer: Consumer, share: Double)]) -> [(consumer: Consumer, mark: Double)] {
        var news: [(Consumer, Double)] = []
        var next: [ConsumerID: Int] = [:]
        for (consumer, share) in shares {
            let before = passed[consumer.id] ?? 0
            let now = Self.marks.count { share >= $0 }
            if now > before { news.append((consumer, Self.marks[now - 1])) }
            let kept = Self.marks.prefix(before).count { share >= $0 - Self.slack }
            next[consumer.id] = max(now, kept)
        }
        passed = next
        return news
    }
}
