import EventModel
import PostgreSQL

/// A lane of a closed partition that has not come to its end.
package struct UnfinishedLane: Equatable, Sendable {
    package var lane: LaneID
    /// Whether every event is settled, so that at most parked ones are left.
    package var isDrained: Bool
    /// Whose events are parked.
    package var users: Set<UInt64>
    /// Where the log goes on, or where the partition ends, if the events that are next have left the log.
    package var rest: Int64?

    package init(lane: LaneID, isDrained: Bool, users: Set<UInt64>, rest: Int64? = nil) {
        self.lane = lane
        self.isDrained = isDrained
        self.users = users
        self.rest = rest
    }
}

extension EventLog {
    private static let unfinished = Statement(
        "lanes_unfinished",
        "SELECT partition_id, consumer_id, is_drained, users, rest FROM leat.unfinished_lanes($1, $2)"
    )
    private static let ancestry = Statement("ancestry", "SELECT generation, partitions FROM leat.ancestry($1, $2)")
    private static let retire = Statement(
        "retire_generations",
        "CALL leat.retire_generations()",
        isCancellable: false
    )

    /// Those of these lanes of closed partitions that have something left to do, as committed at one moment.
    ///
    /// A lane that is not among them, or that has nothing but parked events, stays so: a closed partition never grows.
    package func unfinished(_ lanes: [LaneID]) async throws(EventLogError) -> [UnfinishedLane] {
        guard !lanes.isEmpty else { return [] }
        return try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(
                Self.unfinished,
                [.int8Array(lanes.map(\.partition.rawValue)), .int8Array(lanes.map(\.consumer.rawValue))]
            )
            var found: [UnfinishedLane] = []
            for row in rows {
                found.append(
                    UnfinishedLane(
                        lane: try Self.lane(row),
                        isDrained: try row.bool(2),
                        users: Set(try row.int8Array(3).map { UInt64(bitPattern: $0) }),
                        rest: row.isNull(4) ? nil : try row.int8(4)
                    )
                )
            }
            return found
        }
    }

    /// The earlier generations that had events at or after a time, the latest first, and the partition's own.
    ///
    /// Nil for a partition that belongs to no source.
    func ancestry(
        of partition: PartitionID,
        since time: Int64
    ) async throws(EventLogError) -> (own: Generation, older: [Generation])? {
        guard partition.generation > 0 else { return nil }
        return try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(Self.ancestry, [.int8(partition.rawValue), .timestamp(time)])
            var generations: [Generation] = []
            for row in rows {
                generations.append(
                    Generation(
                        source: partition.source,
                        number: UInt16(truncatingIfNeeded: try row.int(0)),
                        partitions: UInt8(truncatingIfNeeded: try row.int(1))
                    )
                )
            }
            guard let own = generations.first, own.number == partition.generation else { return nil }
            return (own, Array(generations.dropFirst()))
        }
    }

    /// Puts away the generations whose events have left the log and whose lanes have come to their end.
    func retireGenerations() async throws(EventLogError) {
        _ = try await translated { () async throws(PostgreSQLError) in try await pool.query(Self.retire) }
    }
}
