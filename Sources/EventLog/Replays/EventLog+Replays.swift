package import EventModel
import PostgreSQL

/// The part of one partition that lies between two times.
package struct ReplayStretch: Equatable, Sendable {
    package let partition: PartitionID
    package let start: LogPosition
    /// The first offset that does not belong to it.
    package let end: Int64
}

extension EventLog {
    private static let lanes = Statement(
        "replay_lanes",
        """
        SELECT replay_id, partition_id, start_offset, end_offset, next_offset, beyond, parked, counts
        FROM leat.replay_lanes($1)
        """
    )
    private static let range = Statement(
        "replay_range",
        "SELECT partition_id, start_offset, start_time, end_offset FROM leat.replay_range($1, $2, $3)",
        timeout: peopleTimeout
    )

    /// The lanes of replays that have not ended, by replay and partition.
    package func replayLanes(_ replays: [ConsumerID]) async throws(EventLogError) -> [ReplayLane] {
        try await translated { () async throws(PostgreSQLError) in
            var found: [ReplayLane] = []
            for row in try await pool.query(Self.lanes, [.int8Array(replays.map(\.rawValue))]) {
                let sums = try row.int8Array(7)
                found.append(
                    ReplayLane(
                        replay: ConsumerID(rawValue: try row.int8(0)),
                        partition: PartitionID(rawValue: try row.int8(1)),
                        start: try row.int8(2),
                        end: try row.int8(3),
                        next: try row.int8(4),
                        beyond: try row.int8(5),
                        parked: try row.int8(6),
                        expired: sums.first ?? 0,
                        counts: Counts(columns: Array(sums.dropFirst()))
                    )
                )
            }
            return found
        }
    }

    /// What a replay of a source between two times would read, by partitions.
    package func replayRange(
        of source: SourceID,
        from: Int64,
        until: Int64
    ) async throws(EventLogError) -> [ReplayStretch] {
        try await translated { () async throws(PostgreSQLError) in
            var stretches: [ReplayStretch] = []
            let parameters: [Parameter] = [.int8(source.rawValue), .timestamp(from), .timestamp(until)]
            for row in try await pool.query(Self.range, parameters) {
                let start = LogPosition(offset: try row.int8(1), sliceTime: try row.timestamp(2))
                stretches.append(
                    ReplayStretch(
                        partition: PartitionID(rawValue: try row.int8(0)),
                        start: start,
                        end: try row.int8(3)
                    )
                )
            }
            return stretches
        }
    }
}

extension Counts {
    /// From the columns of a checkpoint, in their order; what is missing is 0.
    init(columns: [Int64]) {
        self.init()
        guard columns.count == 10 else { return }
        read = columns[0]
        duplicates = columns[1]
        filtered = columns[2]
        dropped = columns[3]
        failed = columns[4]
        transformed = columns[5]
        emitted = columns[6]
        delivered = columns[7]
        deadLettered = columns[8]
        waiting = columns[9]
    }
}
