import Catalog

/// What the admin interface can show of the nodes, and ask of them.
package struct NodeDesk: Sendable {
    /// How many partitions there are, and every node that is known.
    package let list: @Sendable () async throws -> (partitions: Int, nodes: [NodeReport])
    /// Drains a node, or undoes it; false where nobody else could run its lanes and nobody forces it.
    package let drain: @Sendable (_ node: NodeReport, _ wish: DrainWish, _ who: String) async throws -> Bool

    package init(
        list: @escaping @Sendable () async throws -> (partitions: Int, nodes: [NodeReport]),
        drain: @escaping @Sendable (_ node: NodeReport, _ wish: DrainWish, _ who: String) async throws -> Bool
    ) {
        self.list = list
        self.drain = drain
    }
}

/// What is asked of a node.
package enum DrainWish: Equatable, Sendable {
    case drain(isForced: Bool)
    case undo
}

/// One running server, or one that fell silent.
package struct NodeReport: Equatable, Sendable {
    package let identity: String
    package let name: String
    package let address: String
    package let version: String
    /// When it started.
    /// - Unit: microseconds since 1970, UTC; as the next.
    package let since: Int64
    package let lastSeen: Int64
    /// `alive`, `draining` or `silent`.
    package let state: String
    /// Whether it is to run no lanes, also while it is silent.
    package let isDraining: Bool
    /// How many partitions it holds.
    package let partitions: Int

    package init(
        identity: String,
        name: String,
        address: String,
        version: String,
        since: Int64,
        lastSeen: Int64,
        state: String,
        isDraining: Bool,
        partitions: Int
    ) {
        self.identity = identity
        self.name = name
        self.address = address
        self.version = version
        self.since = since
        self.lastSeen = lastSeen
        self.state = state
        self.isDraining = isDraining
        self.partitions = partitions
    }
}

extension NodeReport {
    var document: Document {
        [
            "identity": .text(identity),
            "name": .text(name),
            "address": .text(address),
            "version": .text(version),
            "since": Timestamp.document(since),
            "lastSeen": Timestamp.document(lastSeen),
            "state": .text(state),
            "draining": .truth(isDraining),
            "partitions": .integer(partitions),
        ]
    }
}
