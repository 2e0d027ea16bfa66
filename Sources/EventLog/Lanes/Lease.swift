package import EventModel
import PostgreSQL
import Synchronization

/// The right of this node to run all lanes of a partition, until somebody takes it over with a higher epoch.
package struct Lease: Hashable, Sendable {
    package let partition: PartitionID
    package let epoch: Int64

    package init(partition: PartitionID, epoch: Int64) {
        self.partition = partition
        self.epoch = epoch
    }
}

extension EventLog {
    /// Enters this node under the identity of its data directory.
    ///
    /// An earlier run with the same identity ends here, so that a restart has its leases back at once.
    package func join(identity: String, address: String = "") async throws(EventLogError) -> NodeID {
        let sent = ContinuousClock.now
        let node = try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(
                Statement("join", "SELECT leat.join($1::text, $2::text)", isCancellable: false),
                [.text(identity), .text(address)]
            )
            return NodeID(rawValue: try rows[0].int8(0))
        }
        membership.withLock { $0 = Membership(node: node, lastBeat: sent, livingNodes: 1) }
        return node
    }

    /// This node's number, once it has joined.
    package var node: NodeID? { membership.withLock { $0.node } }

    /// How many nodes live, as of the last beat.
    package var livingNodes: Int { membership.withLock { $0.livingNodes } }

    /// Whether no other node can have taken a lease of ours yet, by our own clock; ask before each send.
    package var maySend: Bool {
        membership.withLock { membership in
            guard let beat = membership.lastBeat else { return false }
            return beat.duration(to: .now) < settings.leaseTime
        }
    }

    /// Says that this node lives.
    /// - Throws: `nodeReplaced` if it does not any more: its lanes must stop and it must join again.
    package func beat() async throws(EventLogError) {
        guard let node else { throw .nodeReplaced }
        let sent = ContinuousClock.now
        let rows = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(
                Statement("beat", "SELECT leat.beat($1, $2 * interval '1 microsecond')", isCancellable: false),
                [.int8(node.rawValue), .float8(Double(settings.leaseTime.microseconds))]
            )
        }
        guard let living = try? rows.first?.int(0) else {
            membership.withLock { $0.lastBeat = nil }
            throw .nodeReplaced
        }
        membership.withLock { membership in
            membership.lastBeat = sent
            membership.livingNodes = living
        }
    }

    /// Takes what nobody alive holds of these partitions, and names all of them that this node now holds.
    package func acquire(_ partitions: [PartitionID]) async throws(EventLogError) -> [Lease] {
        guard let node else { throw .nodeReplaced }
        let patience = settings.leaseTime + settings.requestTime
        return try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(
                Statement(
                    "acquire",
                    "SELECT partition_id, epoch FROM leat.acquire($1, $2, $3 * interval '1 microsecond')",
                    isCancellable: false
                ),
                [
                    .int8(node.rawValue), .int8Array(partitions.map(\.rawValue)),
                    .float8(Double(patience.microseconds)),
                ]
            )
            var leases: [Lease] = []
            for row in rows {
                leases.append(Lease(partition: PartitionID(rawValue: try row.int8(0)), epoch: try row.int8(1)))
            }
            return leases
        }
    }

    /// Gives leases back after the lanes' last checkpoint, so that others need not wait.
    package func release(_ partitions: [PartitionID]) async throws(EventLogError) {
        guard let node else { return }
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(
                Statement("release", "SELECT leat.release($1, $2)", isCancellable: false),
                [.int8(node.rawValue), .int8Array(partitions.map(\.rawValue))]
            )
        }
    }

    /// Leaves the nodes in order; all leases are free at once.
    package func leave() async throws(EventLogError) {
        guard let node else { return }
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(
                Statement("leave", "SELECT leat.leave($1)", isCancellable: false),
                [.int8(node.rawValue)]
            )
        }
        membership.withLock { $0 = Membership() }
    }
}
