import AdminAPI
import Catalog
import EventLog

extension NodeDesk {
    /// The nodes as the log keeps them.
    static func live(catalog: Catalog, log: EventLog) -> NodeDesk {
        NodeDesk(
            list: {
                let partitions = catalog.current.sources.reduce(0) { $0 + $1.allPartitionIDs.count }
                return (partitions, try await log.nodes().map(NodeReport.init))
            },
            drain: { node, wish, who in
                guard let known = try await log.nodes().first(where: { $0.identity == node.identity }) else {
                    return true
                }
                switch wish {
                case .drain(let isForced): return try await log.drain(known, isForced: isForced, by: who) != .refused
                case .undo: return try await log.undrain(known, by: who) != .refused
                }
            }
        )
    }
}

extension NodeReport {
    fileprivate init(_ node: NodeRecord) {
        self.init(
            identity: node.identity,
            name: node.name,
            address: node.address,
            version: node.version,
            since: node.since,
            lastSeen: node.lastSeen,
            state: node.state.rawValue,
            isDraining: node.isDraining,
            partitions: node.partitions
        )
    }
}
