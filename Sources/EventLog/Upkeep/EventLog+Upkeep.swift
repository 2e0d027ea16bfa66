import EventModel
import PostgreSQL

extension EventLog {
    private static let carryChunks = Statement(
        "carry_chunks",
        "SELECT leat.carry_chunks(to_timestamp($1))",
        isCancellable: false
    )
    private static let carryCheckpoints = Statement(
        "carry_checkpoints",
        "SELECT leat.carry_checkpoints(to_timestamp($1))",
        isCancellable: false
    )
    private static let endRemoved = Statement("end_removed", "SELECT leat.end_removed()", isCancellable: false)
    /// Whole events are read from the log again, so their slice must stay.
    private static let oldestParked = Statement(
        "oldest_parked",
        "SELECT min(slice_time) FROM leat.parked WHERE payload IS NULL AND consumer_id = ANY ($1)"
    )
    /// How long checkpoints are kept beyond the one that counts.
    private static let checkpointRetention = Duration.seconds(2 * 3600)

    /// Makes the next slices and drops those that have had their time, and puts generations away that are no more in use.
    ///
    /// A slice of the log stays for the sake of `lanes`; nil if nothing of the log is to be dropped.
    package func upkeep(holding lanes: [LaneID]?) async throws(EventLogError) {
        try await slices.makeAhead()
        _ = try await translated { () async throws(PostgreSQLError) in try await pool.query(Self.endRemoved) }
        let now = try await slices.time()
        if let lanes { try await dropChunks(before: now - settings.retention.components.seconds, lanes) }
        for slice in try await expired("checkpoint", now, Self.checkpointRetention) {
            try await carry(Self.carryCheckpoints, slice)
            try await slices.drop(slice)
        }
        for slice in try await expired("dead_letter", now, settings.deadLetterRetention) {
            try await slices.drop(slice)
        }
        try await cutRefused(now)
        try await cutTimings(now)
        try await retireGenerations()
    }

    /// Drops the slices of the log that end before `limit` and before everything that any lane still needs.
    private func dropChunks(before limit: Int64, _ lanes: [LaneID]) async throws(EventLogError) {
        let old = try await slices.existing("chunk").filter { $0.upper <= limit }
        guard !old.isEmpty else { return }
        var needed = try await neededTime(lanes)
        let parked = try await translated { () async throws(PostgreSQLError) in
            let consumers = Parameter.int8Array(Array(Set(lanes.map(\.consumer.rawValue))))
            return try await pool.query(Self.oldestParked, [consumers]).first?.timestampOrNull(0)
        }
        needed = min(needed, parked ?? .max)
        for slice in old where slice.upper * 1_000_000 <= needed {
            try await carry(Self.carryChunks, slice)
            try await slices.drop(slice)
        }
    }

    /// The time from which on some lane has not read; lanes at their end need nothing, however long ago that was.
    private func neededTime(_ lanes: [LaneID]) async throws(EventLogError) -> Int64 {
        let ends = try await accepted(Array(Set(lanes.map(\.partition))))
        return try await records(lanes).reduce(.max) { needed, record in
            record.position.offset < ends[record.lane.partition] ?? 0
                ? min(needed, record.position.sliceTime) : needed
        }
    }

    private func expired(_ table: String, _ now: Int64, _ keep: Duration) async throws(EventLogError) -> [Slice] {
        try await slices.existing(table).filter { $0.upper <= now - keep.components.seconds }
    }

    /// Writes what must outlive the slice into the present.
    private func carry(_ statement: Statement, _ slice: Slice) async throws(EventLogError) {
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(statement, [.float8(Double(slice.upper))])
        }
    }
}
