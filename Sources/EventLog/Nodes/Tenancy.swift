import EventModel

/// What this node holds and should hold, and what it asks at the next tick.
///
/// A value without clock or database: what was asked and answered goes in, what to ask comes out.
struct Tenancy: Sendable {
    /// What one tick asks.
    struct Wishes: Equatable {
        var serves: Bool
        var silent: [NodeID: Int64]
        /// Leases to be given back.
        var given: [Lease]
        var claims: Set<PartitionID>
    }

    /// What it was told.
    struct Answer: Equatable {
        var nodes: [LivingNode] = []
        /// Leases that are not this node's any more.
        var gave: [Lease] = []
        /// Of the partitions that were claimed, those that this node now holds.
        var held: [Lease] = []
    }

    let node: NodeID
    let identity: String
    /// The partitions that the catalog knows; nil while this node runs no lanes.
    private(set) var partitions: Set<PartitionID>?
    /// The epochs of the leases that lanes may run under.
    private(set) var held: [PartitionID: Int64] = [:]
    /// The partitions that are to be run here as far as this node knows.
    private(set) var allotted: Set<PartitionID> = []
    private(set) var nodes: [LivingNode] = []
    /// Others held this node for silent, so it holds nothing and must enter again.
    private(set) var isEnded = false
    /// Lanes ended here, and nobody else knows yet.
    private var giving: [PartitionID: Int64] = [:]
    private var watch: NodeWatch

    init(node: NodeID, identity: String, patience: Duration, longestBlink: Duration) {
        self.node = node
        self.identity = identity
        watch = NodeWatch(patience: patience, longestBlink: longestBlink)
    }

    var isDraining: Bool { nodes.contains { $0.node == node && $0.isDraining } }

    /// Whether every node that lives is drained, so that no lane runs anywhere.
    var isStranded: Bool { !nodes.isEmpty && nodes.allSatisfy(\.isDraining) }

    var wishes: Wishes {
        Wishes(
            serves: partitions != nil,
            silent: watch.silent,
            given: giving.map { Lease(partition: $0.key, epoch: $0.value) }.sorted { $0.partition < $1.partition },
            claims: allotted.subtracting(held.keys).subtracting(giving.keys)
        )
    }

    /// Whether there is something to ask that was not asked just now.
    func hasNews(since asked: Wishes) -> Bool {
        let wishes = wishes
        return wishes.serves != asked.serves || !wishes.claims.isSubset(of: asked.claims)
            || !Set(wishes.given).isSubset(of: asked.given)
            || !wishes.silent.allSatisfy { asked.silent[$0.key] == $0.value }
    }

    mutating func take(_ answer: Answer, asked: ContinuousClock.Instant, at now: ContinuousClock.Instant) {
        for lease in answer.gave where giving[lease.partition] == lease.epoch { giving[lease.partition] = nil }
        for lease in answer.held where giving[lease.partition] == nil { held[lease.partition] = lease.epoch }
        watch.look(at: answer.nodes, except: node, asked: asked, at: now)
        let isOther = answer.nodes.map(\.standing) != nodes.map(\.standing)
        nodes = answer.nodes
        if isOther { allot() }
    }

    /// Runs lanes of these partitions, as far as they are allotted to this node; nil for none at all.
    mutating func want(_ partitions: Set<PartitionID>?) {
        guard self.partitions != partitions else { return }
        self.partitions = partitions
        allot()
    }

    /// Lets others have a lease whose lanes have ended here.
    mutating func giveBack(_ partition: PartitionID) {
        if let epoch = held.removeValue(forKey: partition) { giving[partition] = epoch }
    }

    /// A lease turned out to be gone; false if that was known.
    mutating func lose(_ lease: Lease) -> Bool {
        guard held[lease.partition] == lease.epoch else { return false }
        held[lease.partition] = nil
        return true
    }

    /// Others held this node for silent.
    ///
    /// - Returns: how many leases went with that.
    mutating func end() -> Int {
        defer {
            isEnded = true
            held = [:]
            giving = [:]
        }
        return held.count
    }

    private mutating func allot() {
        guard let partitions else {
            allotted = []
            return
        }
        let able = nodes.filter { ($0.serves || $0.node == node) && !$0.isDraining }
        allotted = Allotment(of: partitions, to: able.map(\.identity)).partitions(of: identity)
    }
}

extension LivingNode {
    /// What the allotment follows from.
    fileprivate var standing: [String] { [identity, "\(serves)", "\(isDraining)"] }
}
