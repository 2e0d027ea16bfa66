import EventModel

/// How many events the next batch takes, so that a batch costs at most so much plugin time.
///
/// A value: it knows no clock.
struct BatchSizer {
    private let most: Int
    /// Plugin time for one batch, in nanoseconds.
    private let goal: Int64
    /// What an event costs, in nanoseconds: quick to rise and slow to fall.
    private var eventCost: Int64?

    /// The first batch of a plugin that was never measured.
    static let first = 32

    init(most: Int, goal: Duration) {
        self.most = most
        self.goal = goal.nanoseconds
    }

    var size: Int {
        guard let eventCost else { return min(most, Self.first) }
        return Int(max(1, min(Int64(most), goal / max(1, eventCost))))
    }

    /// Takes the time that a batch took, answered or not.
    mutating func measured(events: Int, nanoseconds: Int64) {
        guard events > 0 else { return }
        let cost = nanoseconds / Int64(events)
        guard let before = eventCost else {
            eventCost = cost
            return
        }
        eventCost = cost > before ? cost : (before * 7 + cost) / 8
    }
}
