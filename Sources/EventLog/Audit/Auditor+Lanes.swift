import EventModel
import PostgreSQL

/// The lanes of one partition.
extension Auditor {
    private static let lanes = Statement(
        "audit_lanes",
        """
        SELECT u.consumer, coalesce(t.next_offset, 0), l.epoch, k.epoch, k.start_offset, k.next_offset, k.settled,
            k.expired, k.read, k.duplicates, k.filtered, k.dropped, k.failed, k.transformed, k.emitted, k.delivered,
            k.dead_lettered, k.waiting, w.events, w.parts, w.outside, w.unsettled, x.parts, x.events
        FROM unnest($2::bigint[]) AS u (consumer)
        LEFT JOIN LATERAL (
            SELECT c.first_offset + c.event_count AS next_offset FROM leat.chunk c WHERE c.partition_id = $1
            ORDER BY c.slice_time DESC LIMIT 1
        ) AS t ON true
        LEFT JOIN leat.lease l ON l.partition_id = $1
        LEFT JOIN LATERAL (
            SELECT * FROM leat.checkpoint k WHERE k.partition_id = $1 AND k.consumer_id = u.consumer
            ORDER BY k.written_at DESC LIMIT 1
        ) AS k ON true
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE p.part < 0) AS events, count(*) FILTER (WHERE p.part >= 0) AS parts,
                count(*) FILTER (
                    WHERE p.event_offset < k.start_offset OR p.event_offset >= coalesce(t.next_offset, 0)
                ) AS outside,
                count(*) FILTER (
                    WHERE p.event_offset >= k.next_offset AND CASE
                        WHEN p.event_offset - k.next_offset >= 8 * length(k.settled) THEN true
                        ELSE get_bit(k.settled, p.event_offset - k.next_offset) = 0
                    END
                ) AS unsettled
            FROM leat.parked p WHERE p.partition_id = $1 AND p.consumer_id = u.consumer
        ) AS w
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE d.part >= 0) AS parts, count(*) FILTER (WHERE d.part < 0) AS events
            FROM leat.dead_letter d WHERE d.partition_id = $1 AND d.consumer_id = u.consumer
        ) AS x
        """
    )
    /// Who has checkpoints or parked rows; from one to the next, since each has very many.
    private static let consumers = Statement(
        "audit_consumers",
        """
        SELECT leat.lanes_of($1)
        UNION SELECT p.consumer_id FROM leat.parked p WHERE p.partition_id = $1
        """
    )
    private static let history = Statement(
        "audit_history",
        """
        SELECT u.consumer, h.rows, h.faults, h.first FROM unnest($2::bigint[]) AS u (consumer), LATERAL (
            SELECT count(*) AS rows, count(fault) AS faults, min(fault) AS first FROM (
                SELECT CASE
                    WHEN next_offset < lag(next_offset) OVER w THEN 'the position'
                    WHEN start_offset <> lag(start_offset) OVER w THEN 'the beginning'
                    WHEN commit_number < lag(commit_number) OVER w THEN 'the commit number'
                    WHEN epoch < lag(epoch) OVER w THEN 'the epoch'
                    WHEN read < lag(read) OVER w THEN 'the count of events read'
                    WHEN expired < lag(expired) OVER w THEN 'the count of expired events'
                    WHEN parts < lag(parts) OVER w THEN 'the count of parts emitted or dropped'
                    WHEN delivered < lag(delivered) OVER w THEN 'the count of parts delivered'
                    WHEN dead_lettered < lag(dead_lettered) OVER w THEN 'the count of dead letters'
                    WHEN failed < lag(failed) OVER w THEN 'the count of failed events'
                    WHEN duplicates < lag(duplicates) OVER w THEN 'the count of duplicates'
                    WHEN filtered < lag(filtered) OVER w THEN 'the count of filtered events'
                    WHEN dropped < lag(dropped) OVER w THEN 'the count of dropped events'
                    WHEN transformed < lag(transformed) OVER w THEN 'the count of transformed events'
                END || ' changes backwards in the checkpoint of ' || written_at AS fault
                FROM (
                    SELECT *, emitted + coalesce(
                        (
                            SELECT sum(j.value::bigint) FROM jsonb_each_text(k.reasons) AS j (key, value)
                            WHERE starts_with(j.key, '\(ReasonCounts.part)')
                        ), 0
                    ) AS parts FROM leat.checkpoint k
                    WHERE k.partition_id = $1 AND k.consumer_id = u.consumer ORDER BY k.written_at DESC LIMIT $3
                ) AS k WINDOW w AS (ORDER BY written_at)
            ) AS k
        ) AS h
        """
    )
    /// How many of a lane's newest checkpoints are looked at.
    private static let historyLimit: Int64 = 500
    private static let deepHistoryLimit: Int64 = 100_000
    /// How long a change of the configuration may take from its beginning to its commit.
    /// - Unit: seconds.
    private static let closingTime = 60.0

    mutating func checkLanes(_ partition: PartitionID, _ scene: Scene) async throws(PostgreSQLError) {
        let connections = scene.connections
        let place = "partition \(partition)"
        for row in try await connection.query(Self.consumers, [.int8(partition.rawValue)]) {
            let consumer = ConsumerID(rawValue: try row.int8(0))
            guard connections[consumer] == nil, scene.replays[consumer] == nil, !scene.leaving.contains(consumer)
            else { continue }
            report.add("lanes", place, "connection \(consumer) was removed or never was, but has a lane here")
        }
        let consumers = Array(connections.keys) + scene.replays.keys
        guard !consumers.isEmpty else { return }
        let ids = Parameter.int8Array(consumers.sorted().map(\.rawValue))
        for row in try await connection.query(Self.lanes, [.int8(partition.rawValue), ids]) {
            let consumer = ConsumerID(rawValue: try row.int8(0))
            if !row.isNull(5) { report.look("lanes") }
            if row.isNull(5) {
                // Whoever was made when the partition was closed, or while it was, has no lane on it.
                let made = connections[consumer].map { $0 + Self.closingTime } ?? 0
                guard made < scene.openUntil else { continue }
                report.add("lanes", place, "connection \(consumer) has no checkpoint here")
                continue
            }
            var lane = try Self.lane(row)
            // A replay reads no further.
            if let end = scene.replays[consumer] { lane.end = min(lane.end, end) }
            let made = connections[consumer] ?? scene.replaysSince[consumer] ?? 0
            lane.keepsDeadLetters = made >= scene.deadLettersSince
            for check in ["counts", "leases"] { report.look(check) }
            report.look("parked", at: lane.parkedEvents + lane.parkedParts)
            report.look("dead letters", at: lane.deadEvents + lane.deadParts)
            for fault in lane.faults { report.add(fault.check, "\(place), connection \(consumer)", fault.sentence) }
        }
        let limit = isDeep ? Self.deepHistoryLimit : Self.historyLimit
        for row in try await connection.query(Self.history, [.int8(partition.rawValue), ids, .int8(limit)]) {
            report.look("checkpoints", at: try row.int8(1))
            for _ in 0..<(try row.int8(2)) {
                let fault = try row.textOrNull(3) ?? ""
                report.add("checkpoints", "\(place), connection \(try row.int8(0))", fault)
            }
        }
    }

    private static func lane(_ row: Row) throws(PostgreSQLError) -> LaneAudit {
        var lane = LaneAudit()
        lane.end = try row.int8(1)
        lane.leaseEpoch = try row.int8OrNull(2)
        lane.epoch = try row.int8(3)
        lane.start = try row.int8(4)
        lane.next = try row.int8(5)
        lane.settled = try row.bytes(6)
        lane.expired = try row.int8(7)
        lane.counts.read = try row.int8(8)
        lane.counts.duplicates = try row.int8(9)
        lane.counts.filtered = try row.int8(10)
        lane.counts.dropped = try row.int8(11)
        lane.counts.failed = try row.int8(12)
        lane.counts.transformed = try row.int8(13)
        lane.counts.emitted = try row.int8(14)
        lane.counts.delivered = try row.int8(15)
        lane.counts.deadLettered = try row.int8(16)
        lane.counts.waiting = try row.int8(17)
        lane.parkedEvents = try row.int8(18)
        lane.parkedParts = try row.int8(19)
        lane.parkedOutside = try row.int8(20)
        lane.parkedUnsettled = try row.int8(21)
        lane.deadParts = try row.int8(22)
        lane.deadEvents = try row.int8(23)
        return lane
    }
}
