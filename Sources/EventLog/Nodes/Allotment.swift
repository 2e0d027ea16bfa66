package import EventModel

/// Which node shall run which partitions: the same answer wherever the same nodes and partitions are known.
///
/// Every partition asks the nodes in the order of their scores for it, which is another order for each partition, and
/// goes to the first that has room. Everybody has room for an equal part, rounded down, and as many as the division
/// leaves over for one more. When a node comes or goes, few partitions move beside those that must.
/// - Source: rendezvous hashing (Thaler, Ravishankar 1998) with bounded loads (Mirrokni, Thorup, Zadimoghaddam 2016).
package struct Allotment: Equatable, Sendable {
    package private(set) var owners: [PartitionID: String] = [:]

    /// Deals partitions out to nodes, which are named by their identities.
    package init(of partitions: some Collection<PartitionID>, to identities: some Collection<String>) {
        let nodes = Set(identities).sorted().map { (identity: $0, hash: EventHash.key($0)) }
        guard !nodes.isEmpty else { return }
        let share = partitions.count / nodes.count
        var extras = partitions.count % nodes.count
        var loads = [Int](repeating: 0, count: nodes.count)
        // Whose turn comes first must not follow from the order in which sources were made.
        let turns = partitions.map { (partition: $0, hash: Self.mixed(UInt64(bitPattern: $0.rawValue))) }
        for turn in turns.sorted(by: { ($0.hash, $0.partition) < ($1.hash, $1.partition) }) {
            let scores = nodes.indices.map { (score: Self.mixed(nodes[$0].hash ^ turn.hash), node: $0) }
            for (_, node) in scores.sorted(by: { $0 > $1 })
            where loads[node] < share || loads[node] == share && extras > 0 {
                if loads[node] == share { extras -= 1 }
                loads[node] += 1
                owners[turn.partition] = nodes[node].identity
                break
            }
        }
    }

    /// What one node shall run.
    package func partitions(of identity: String) -> Set<PartitionID> {
        Set(owners.lazy.filter { $0.value == identity }.map(\.key))
    }

    /// - Source: the finalizer of SplitMix64.
    private static func mixed(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9E37_79B9_7F4A_7C15
        mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
        return mixed ^ mixed >> 31
    }
}
