/// What a source may still send today, as one of several nodes sees it.
///
/// The log says from time to time what all nodes have kept since midnight; until it is asked again, each node may use an
/// equal part of the rest.
struct DayQuota: Equatable {
    private(set) var limit: Int64
    private var nodes: Int
    /// What all nodes had kept when the log was asked; nil while nobody knows.
    private var used: Int64?
    /// What this node took since then.
    private var charged: Int64 = 0
    private var midnight: ContinuousClock.Instant?

    init(limit: Int64, nodes: Int) {
        self.limit = limit
        self.nodes = max(1, nodes)
    }

    mutating func set(limit: Int64, nodes: Int) {
        self.limit = limit
        self.nodes = max(1, nodes)
    }

    var isKnown: Bool { used != nil }

    /// Takes in what the log said; what was charged before it was asked is in its answer.
    mutating func learn(used: Int64, chargedBefore: Int64, midnight: ContinuousClock.Instant) {
        self.used = used
        charged = max(0, charged - chargedBefore)
        self.midnight = midnight
    }

    var chargedNow: Int64 { charged }

    mutating func take(_ bytes: Int) { charged += Int64(bytes) }

    /// A day that is over is over, also while the log cannot be asked.
    mutating func turn(_ now: ContinuousClock.Instant) {
        while let end = midnight, end <= now {
            (used, charged) = (0, 0)
            midnight = end + .seconds(86_400)
        }
    }

    /// What this node may still take before the log is asked again.
    var left: Int64 { max(0, (limit - (used ?? 0)) / Int64(nodes) - charged) }

    /// - Unit: whole seconds, at least 1.
    func secondsLeft(_ now: ContinuousClock.Instant) -> Int {
        max(1, midnight.map { Int(((($0 - now) / .seconds(1)) as Double).rounded(.up)) } ?? 1)
    }
}
