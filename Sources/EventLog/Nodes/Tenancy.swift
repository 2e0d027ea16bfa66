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

    /// What comes next.
    enum Step: Equatable {
        case tick(Wishes)
        /// This life is over, and so are its lanes: the node enters again.
        case enter
        /// This life is over, and some of its lanes have not ended.
        case wait
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
    /// Whether no lane of a life that is over runs any more.
    private var isVacated = false
    /// Lanes ended here, and nobody else knows yet.
    private var giving: [PartitionID: Int64] = [:]
    /// What was claimed last and is not answered.
    private var asking: (claims: Set<PartitionID>, at: ContinuousClock.Instant)?
    /// Claims whose answer was lost, and when they were made last: they may have been granted, or still be.
    private var doubtful: [PartitionID: ContinuousClock.Instant] = [:]
    /// When the last sign of life that the database confirmed was sent.
    private var confirmed: ContinuousClock.Instant?
    private let leaseTime: Duration
    private var watch: NodeWatch

    /// A life that begins with what was sent to the database at `sent`.
    init(node: NodeID, identity: String, leaseTime: Duration, cancelTime: Duration, sent: ContinuousClock.Instant) {
        self.node = node
        self.identity = identity
        self.leaseTime = leaseTime
        confirmed = sent
        watch = NodeWatch(patience: leaseTime + cancelTime, longestBlink: leaseTime)
    }

    var isDraining: Bool { nodes.contains { $0.node == node && $0.isDraining } }

    /// Whether every node that lives is drained, so that no lane runs anywhere.
    var isStranded: Bool { !nodes.isEmpty && nodes.allSatisfy(\.isDraining) }

    var holding: Holding {
        var holding = Holding()
        holding.held = held
        holding.allotted = allotted
        holding.isEnded = isEnded
        holding.isDraining = isDraining
        holding.isStranded = isStranded
        return holding
    }

    // MARK: Sending

    /// When the leases run out unless another sign of life is confirmed; nil when they hold no more.
    var lapse: ContinuousClock.Instant? { isEnded ? nil : confirmed.map { $0 + leaseTime } }

    /// Whether no other node can have taken a lease of ours yet, by our own clock.
    func maySend(at now: ContinuousClock.Instant) -> Bool { lapse.map { now < $0 } ?? false }

    // MARK: Asking

    /// What to ask the database at `now`; the answer counts as lost if the next question comes before it.
    mutating func next(at now: ContinuousClock.Instant) -> Step {
        // Without lanes there is nothing to wait for.
        if isEnded { return isVacated || partitions == nil ? .enter : .wait }
        if let asking { for partition in asking.claims { doubtful[partition] = asking.at } }
        let wishes = wishes
        asking = (wishes.claims, now)
        return .tick(wishes)
    }

    private var wishes: Wishes {
        Wishes(
            serves: partitions != nil,
            silent: watch.silent,
            given: giving.map { Lease(partition: $0.key, epoch: $0.value) }.sorted { $0.partition < $1.partition },
            claims: allotted.union(doubtful.keys).subtracting(held.keys).subtracting(giving.keys)
        )
    }

    /// Whether there is something to ask that was not asked just now.
    func hasNews(since asked: Wishes) -> Bool {
        let wishes = wishes
        return wishes.serves != asked.serves || !wishes.claims.isSubset(of: asked.claims)
            || !Set(wishes.given).isSubset(of: asked.given)
            || !wishes.silent.allSatisfy { asked.silent[$0.key] == $0.value }
    }

    // MARK: Being told

    mutating func take(_ answer: Answer, asked: ContinuousClock.Instant, at now: ContinuousClock.Instant) {
        confirmed = asked
        for lease in answer.gave where giving[lease.partition] == lease.epoch { giving[lease.partition] = nil }
        for lease in answer.held where giving[lease.partition] == nil { held[lease.partition] = lease.epoch }
        asking = nil
        // A tick whose answer was lost may come through later than this one, but not after so long a time.
        if !doubtful.isEmpty { doubtful = doubtful.filter { $0.value.duration(to: asked) < leaseTime } }
        watch.look(at: answer.nodes, except: node, asked: asked, at: now)
        let isOther = !answer.nodes.elementsEqual(nodes) { $0.isDealtLike($1) }
        nodes = answer.nodes
        if isOther { allot() }
    }

    /// Another run has this node's place.
    mutating func replaced() { confirmed = nil }

    /// No lane of a life that is over runs any more.
    mutating func vacate() { if isEnded { isVacated = true } }

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
            asking = nil
            doubtful = [:]
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
    /// Whether the same follows for the allotment.
    fileprivate func isDealtLike(_ other: LivingNode) -> Bool {
        identity == other.identity && serves == other.serves && isDraining == other.isDraining
    }
}
