import EventModel

@testable import EventLog

/// The rows of nodes, leases and drains, and what `leat.tick` and its neighbours do with them.
///
/// A tick goes through three steps: it counts as a sign of life and sees what is free; it takes what is free still and
/// nobody has locked; it is committed. It waits for nothing but its own node's row.
struct ClusterNodeTable {
    struct NodeRow {
        let node: NodeID
        let identity: String
        var beats: Int64 = 0
        var serves = false
        var isEnded = false
    }

    struct LeaseRow {
        let partition: PartitionID
        var epoch: Int64 = 0
        var node: NodeID?
    }

    /// A tick that has begun.
    struct Tick {
        let me: NodeID
        let wishes: Tenancy.Wishes
        /// Other nodes that it ends.
        var ended: [NodeID] = []
        var given: [Lease] = []
        var free: [Lease] = []
        var taken: [Lease] = []
    }

    var nodes: [NodeRow] = []
    var leases: [LeaseRow] = []
    var drains: Set<String> = []
    private var last: Int64 = 0

    // MARK: Looking

    func place(of partition: PartitionID) -> Int? { leases.firstIndex { $0.partition == partition } }

    func row(of node: NodeID) -> NodeRow? { nodes.first { $0.node == node } }

    func isAlive(_ node: NodeID) -> Bool { row(of: node)?.isEnded == false }

    /// Whether a node has a lease, and nobody has held it for silent.
    func holds(_ node: NodeID, _ lease: Lease) -> Bool {
        guard let place = place(of: lease.partition), isAlive(node) else { return false }
        return leases[place].node == node && leases[place].epoch == lease.epoch
    }

    /// Whether everybody who may run lanes holds an equal part of all partitions, and nobody else holds any.
    var isEven: Bool {
        let able = nodes.filter { !$0.isEnded && $0.serves && !drains.contains($0.identity) }
        guard !able.isEmpty else { return false }
        let loads = able.map { node in leases.count { $0.node == node.node } }
        let (least, most) = (loads.min() ?? 0, loads.max() ?? 0)
        return most - least <= 1 && loads.reduce(0, +) == leases.count
    }

    // MARK: Entering and leaving

    /// Enters a node; nil if another run of it has its place.
    mutating func join(_ identity: String, after earlier: NodeID?) -> NodeID? {
        if let earlier, row(of: earlier) == nil { return nil }
        nodes.removeAll { $0.identity == identity }
        last += 1
        nodes.append(NodeRow(node: NodeID(rawValue: last), identity: identity))
        return NodeID(rawValue: last)
    }

    mutating func leave(_ node: NodeID) {
        for place in leases.indices where leases[place].node == node { leases[place].node = nil }
        nodes.removeAll { $0.node == node }
    }

    /// Drains a node, unless nobody else could run the lanes.
    mutating func drain(_ identity: String) -> Bool {
        let isOther = nodes.contains {
            $0.identity != identity && !$0.isEnded && $0.serves && !drains.contains($0.identity)
        }
        return isOther && drains.insert(identity).inserted
    }

    // MARK: Ticks

    /// The first step of a tick; `isLocked` says which rows somebody else has.
    func begin(_ tick: inout Tick, _ flaw: ClusterFlaw?, isLocked: (ClusterDatabase.Lock) -> Bool) {
        let (me, wishes) = (tick.me, tick.wishes)
        for (node, beats) in wishes.silent {
            guard let row = row(of: node), !row.isEnded, !isLocked(.node(node)) else { continue }
            if row.beats == beats || flaw == .endsByOldCount { tick.ended.append(node) }
        }
        for lease in wishes.given where !isLocked(.lease(lease.partition)) {
            guard let place = place(of: lease.partition), leases[place].node == me else { continue }
            if leases[place].epoch == lease.epoch { tick.given.append(lease) }
        }
        for row in leases where wishes.claims.contains(row.partition) {
            let isFree = row.node.map { tick.ended.contains($0) || !isAlive($0) } ?? true
            if isFree || flaw == .takesBeforeGiven && row.node != me {
                tick.free.append(Lease(partition: row.partition, epoch: row.epoch))
            }
        }
    }

    /// The second step.
    func take(_ tick: inout Tick, isLocked: (ClusterDatabase.Lock) -> Bool) {
        for lease in tick.free where !isLocked(.lease(lease.partition)) {
            guard let place = place(of: lease.partition), leases[place].epoch == lease.epoch else { continue }
            tick.taken.append(Lease(partition: lease.partition, epoch: lease.epoch + 1))
        }
    }

    /// What a tick answers, of what it sees and does itself.
    func answer(_ tick: Tick) -> Tenancy.Answer {
        var answer = Tenancy.Answer()
        for lease in tick.wishes.given {
            let isMine = place(of: lease.partition).map {
                leases[$0].node == tick.me && leases[$0].epoch == lease.epoch
            }
            if isMine != true || tick.given.contains(lease) { answer.gave.append(lease) }
        }
        for row in leases where row.node == tick.me && tick.wishes.claims.contains(row.partition) {
            answer.held.append(Lease(partition: row.partition, epoch: row.epoch))
        }
        answer.held += tick.taken
        for row in nodes where !row.isEnded && !tick.ended.contains(row.node) {
            let isMe = row.node == tick.me
            answer.nodes.append(
                LivingNode(
                    node: row.node,
                    identity: row.identity,
                    name: "",
                    beats: isMe ? row.beats + 1 : row.beats,
                    serves: isMe ? tick.wishes.serves : row.serves,
                    isDraining: !drains.isEmpty && drains.contains(row.identity)
                )
            )
        }
        return answer
    }

    /// The commit; whether there is something that others want to hear of.
    mutating func commit(_ tick: Tick) -> Bool {
        var isNews = !tick.ended.isEmpty || !tick.given.isEmpty
        for place in nodes.indices {
            if nodes[place].node == tick.me {
                isNews = isNews || nodes[place].serves != tick.wishes.serves
                nodes[place].beats += 1
                nodes[place].serves = tick.wishes.serves
            } else if tick.ended.contains(nodes[place].node) {
                nodes[place].isEnded = true
            }
        }
        for lease in tick.given {
            if let place = place(of: lease.partition) { leases[place].node = nil }
        }
        for lease in tick.taken {
            guard let place = place(of: lease.partition) else { continue }
            (leases[place].epoch, leases[place].node) = (lease.epoch, tick.me)
        }
        return isNews
    }
}
