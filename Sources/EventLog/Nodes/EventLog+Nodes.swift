import EventModel
import PostgreSQL

/// A node as people see it.
package struct NodeRecord: Equatable, Sendable {
    /// What it does for lanes.
    package enum State: String, Sendable { case alive, draining, silent }

    package let identity: String
    package let name: String
    package let address: String
    package let version: String
    /// - Unit: microseconds since 1970, as the next.
    package let since: Int64
    package let lastSeen: Int64
    package let state: State
    /// Whether it is to run no lanes, also while it is silent.
    package let isDraining: Bool
    package let partitions: Int
}

/// What became of a wish to drain a node, or to drain it no longer.
package enum DrainOutcome: Int64, Sendable {
    /// Nobody else could run its lanes.
    case refused
    case done
    /// It was so before.
    case unchanged
}

extension EventLog {
    private static let nodes = Statement(
        "nodes",
        """
        SELECT n.identity, n.name, n.address, n.version, n.started_at, n.beat_at, d.identity IS NOT NULL,
            n.ended_at IS NOT NULL OR n.beat_at < clock_timestamp() - $1 * interval '1 microsecond',
            coalesce(h.partitions, 0)
        FROM leat.node n LEFT JOIN leat.drain d ON d.identity = n.identity
        LEFT JOIN (SELECT l.node_id, count(*) AS partitions FROM leat.lease l GROUP BY l.node_id) AS h
            ON h.node_id = n.node_id
        ORDER BY n.name, n.identity
        """
    )

    /// All nodes that are known, by name.
    package func nodes() async throws(EventLogError) -> [NodeRecord] {
        try await translated { () async throws(PostgreSQLError) in
            let patience = Parameter.float8(Double(settings.leaseTime.microseconds))
            var records: [NodeRecord] = []
            for row in try await pool.query(Self.nodes, [patience]) {
                let (isDraining, isSilent) = (try row.bool(6), try row.bool(7))
                records.append(
                    NodeRecord(
                        identity: try row.text(0),
                        name: try row.text(1),
                        address: try row.text(2),
                        version: try row.text(3),
                        since: try row.timestamp(4),
                        lastSeen: try row.timestamp(5),
                        state: isSilent ? .silent : isDraining ? .draining : .alive,
                        isDraining: isDraining,
                        partitions: try row.int(8)
                    )
                )
            }
            return records
        }
    }

    private static let beginDrain = Statement(
        "drain_begin",
        "CALL leat.begin_drain($1::text, $2::text, $3::text, $4, 0)",
        isCancellable: false
    )
    private static let endDrain = Statement(
        "drain_end",
        "CALL leat.end_drain($1::text, $2::text, $3::text, 0)",
        isCancellable: false
    )

    /// Lets a node hand all its partitions over and take none, until it is undone; kept over its restarts.
    ///
    /// Unless `isForced`, it is refused where no other node could run the lanes.
    package func drain(_ node: NodeRecord, isForced: Bool, by who: String) async throws(EventLogError) -> DrainOutcome {
        let names = [node.identity, node.name, who].map { Parameter.text($0) }
        return try await outcome(Self.beginDrain, names + [.bool(isForced)])
    }

    /// Lets a node take partitions again.
    package func undrain(_ node: NodeRecord, by who: String) async throws(EventLogError) -> DrainOutcome {
        try await outcome(Self.endDrain, [node.identity, node.name, who].map { .text($0) })
    }

    private func outcome(
        _ statement: Statement,
        _ parameters: [Parameter]
    ) async throws(EventLogError) -> DrainOutcome {
        try await translated { () async throws(PostgreSQLError) in
            let outcome = try await pool.query(statement, parameters).first?.int8(0)
            return outcome.flatMap(DrainOutcome.init(rawValue:)) ?? .refused
        }
    }
}
