import Catalog
import EventModel

extension CatalogSnapshot {
    /// Which part of each destination's limits belongs to a node that holds these partitions.
    ///
    /// It is the part that they are of all partitions of the sources connected to it, enabled or not and of every
    /// generation, so that all nodes count the same and together never come to more than the whole. What a node still holds
    /// while its lanes end counts, for their requests do.
    func shares(of held: Set<PartitionID>) -> [DestinationID: Double] {
        var sources: [DestinationID: Set<SourceID>] = [:]
        for connection in connections { sources[connection.destination, default: []].insert(connection.source) }
        return sources.compactMapValues { connected in
            let partitions = connected.compactMap { source($0) }.flatMap(\.allPartitionIDs)
            guard !partitions.isEmpty else { return nil }
            return Double(partitions.count { held.contains($0) }) / Double(partitions.count)
        }
    }
}
