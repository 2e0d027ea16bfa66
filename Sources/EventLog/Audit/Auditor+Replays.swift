import EventModel
import PostgreSQL

/// What died of replays that have ended, whose lanes are gone: as many dead letters as their rows say.
extension Auditor {
    private static let ended = Statement(
        "audit_ended",
        """
        SELECT r.replay_id, r.counts[10], r.counts[6], extract(epoch FROM r.created_at) >= o.at
        FROM leat.replay r, (
            SELECT coalesce(min(split_part(c.relname, '_', 3)::float8), 0) AS at FROM pg_inherits i
            JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'leat.dead_letter'::regclass
        ) AS o
        WHERE extract(epoch FROM r.ended_at) >= o.at AND r.source_id = coalesce($1::bigint, r.source_id)
        ORDER BY r.replay_id
        """
    )
    private static let kept = Statement(
        "audit_ended_letters",
        """
        SELECT consumer_id, count(*) FILTER (WHERE part >= 0), count(*) FILTER (WHERE part < 0)
        FROM leat.dead_letter WHERE consumer_id = ANY ($1) GROUP BY consumer_id
        """
    )

    mutating func checkEndedReplays(_ source: SourceID?) async throws {
        let auditor = self
        report = try await connection.transaction { connection in
            var auditor = auditor
            try await auditor.compareEndedReplays(source)
            return auditor.report
        }
    }

    /// The same inside a transaction that was just begun.
    private mutating func compareEndedReplays(_ source: SourceID?) async throws(PostgreSQLError) {
        try await connection.execute(Self.moment)
        let replays = try await connection.query(Self.ended, [source.map { .int8($0.rawValue) } ?? .null])
        var ids: [Int64] = []
        for row in replays { ids.append(try row.int8(0)) }
        guard !ids.isEmpty else { return }
        var kept: [Int64: (parts: Int64, events: Int64)] = [:]
        for row in try await connection.query(Self.kept, [.int8Array(ids)]) {
            kept[try row.int8(0)] = (try row.int8(1), try row.int8(2))
        }
        for row in replays {
            let id = try row.int8(0)
            let found = kept[id] ?? (0, 0)
            var lane = LaneAudit()
            (lane.counts.deadLettered, lane.counts.failed) = (try row.int8(1), try row.int8(2))
            (lane.deadParts, lane.deadEvents, lane.keepsDeadLetters) = (found.parts, found.events, try row.bool(3))
            report.look("dead letters", at: found.parts + found.events)
            for fault in lane.deadLetterFaults { report.add(fault.check, "replay \(id)", fault.sentence) }
        }
    }
}
