import EventModel
import PostgreSQL

/// Goes through the log partition by partition, on one session and each in a snapshot of its own: no rule is about two
/// partitions, and whoever drops slices waits for one snapshot at most.
struct Auditor: Sendable {
    let connection: Connection
    let isDeep: Bool
    let end: ContinuousClock.Instant
    var report: AuditReport

    /// What must be known before a partition is looked at.
    struct Scene: Sendable {
        /// Until when a connection had to be made so as to have a lane on the partition.
        /// - Unit: seconds since 1970.
        var openUntil: Double
        /// The connections of its source, and since when each is there.
        /// - Unit: seconds since 1970.
        var connections: [ConsumerID: Double] = [:]
        /// Until where the replays of its source read that have not ended and have a lane on the partition.
        var replays: [ConsumerID: Int64] = [:]
        /// Since when each of them is there.
        /// - Unit: seconds since 1970.
        var replaysSince: [ConsumerID: Double] = [:]
        /// Removed so lately that their lanes may be there still.
        var leaving: Set<ConsumerID> = []
        /// From when on every dead letter is kept.
        /// - Unit: seconds since 1970.
        var deadLettersSince = 0.0
    }

    static let checks = [
        AuditReport.Check(
            name: "chunks",
            rule: "offsets follow each other without gap or repetition, and times grow with them"
        ),
        AuditReport.Check(name: "directories", rule: "a chunk's row says what its head and its size say"),
        AuditReport.Check(name: "bodies", rule: "a chunk's directory and bodies fit its hashes (read with --deep)"),
        AuditReport.Check(
            name: "lanes",
            rule:
                "every connection has a lane on every partition of its source, a replay on those it reads, nobody else"
        ),
        AuditReport.Check(
            name: "counts",
            rule: "accepted = read + unread + expired; read and emitted are the sums of what became of them"
        ),
        AuditReport.Check(
            name: "parked",
            rule: "what waits is parked, and what is parked waits and is settled in its lane"
        ),
        AuditReport.Check(name: "dead letters", rule: "as many dead letters are kept as were counted"),
        AuditReport.Check(
            name: "retired",
            rule: "what is kept of retired generations adds up, and is all that came since the connection was made"
        ),
        AuditReport.Check(name: "checkpoints", rule: "numbers, positions and counts of a lane never go back"),
        AuditReport.Check(name: "leases", rule: "a lease names a known node, and no commit is of a later epoch"),
    ]

    init(_ connection: Connection, isDeep: Bool, end: ContinuousClock.Instant) {
        self.connection = connection
        self.isDeep = isDeep
        self.end = end
        report = AuditReport(checks: Self.checks.filter { isDeep || $0.name != "bodies" })
    }

    /// The lock before the first read, as a dump does: a slice that went meanwhile would take what the snapshot counts on.
    static let moment = Statement(
        "audit_moment",
        """
        SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
        SET LOCAL lock_timeout = '5s';
        LOCK TABLE leat.chunk, leat.checkpoint, leat.dead_letter IN ACCESS SHARE MODE
        """
    )
    private static let partitions = Statement(
        "audit_partitions",
        """
        SELECT partition_id FROM leat.partition
        WHERE $1::bigint IS NULL OR partition_id >= $1 << 24 AND partition_id < ($1 + 1) << 24
        ORDER BY partition_id
        """
    )
    private static let partition = Statement(
        "audit_partition",
        """
        SELECT coalesce(extract(epoch FROM p.closed_at), 'infinity')::float8, (
            SELECT coalesce(min(split_part(c.relname, '_', 3)::float8), 0) FROM pg_inherits i
            JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'leat.dead_letter'::regclass
        ) FROM leat.partition p WHERE p.partition_id = $1
        """
    )
    private static let connections = Statement(
        "audit_connections",
        """
        SELECT connection_id, extract(epoch FROM created_at)::float8, removed_at IS NULL
        FROM leat.connection
        WHERE source_id = $1 AND (removed_at IS NULL OR removed_at > clock_timestamp() - interval '10 minutes')
        """
    )

    /// Those that ended lately may have ended since the partition's snapshot was taken, so they are known all the same.
    private static let replays = Statement(
        "audit_replays",
        """
        SELECT r.replay_id, r.end_offsets[array_position(r.partition_ids, $1)], r.ended_at IS NULL,
            extract(epoch FROM r.created_at)::float8
        FROM leat.replay r
        WHERE r.partition_ids @> ARRAY[$1]
            AND (r.ended_at IS NULL OR r.ended_at > clock_timestamp() - interval '10 minutes')
        """
    )

    mutating func run(_ source: SourceID?) async throws {
        do {
            try await look(source)
        } catch PostgreSQLError.timedOut {
            // The time was up in the middle of a statement.
        }
    }

    private mutating func look(_ source: SourceID?) async throws {
        let rows = try await connection.query(Self.partitions, [source.map { .int8($0.rawValue) } ?? .null])
        let partitions = try rows.map { PartitionID(rawValue: try $0.int8(0)) }
        report.allPartitions = Int64(partitions.count)
        for partition in partitions {
            guard ContinuousClock.now < end else { return }
            if try await take(partition) {
                if isDeep { try await readAll(partition) }
                report.partitions += 1
            } else {
                // Its generation was put away since.
                report.allPartitions -= 1
            }
        }
        try await checkRetired(source)
        try await checkEndedReplays(source)
        report.isComplete = true
    }

    /// Looks at one partition as of one moment; false if it is there no more.
    mutating func take(_ partition: PartitionID) async throws -> Bool {
        let auditor = self
        let after = try await connection.transaction { connection -> Auditor? in
            var auditor = auditor
            return try await auditor.check(partition) ? auditor : nil
        }
        if let after { report = after.report }
        return after != nil
    }

    /// The same inside a transaction that was just begun.
    mutating func check(_ partition: PartitionID) async throws(PostgreSQLError) -> Bool {
        try await connection.execute(Self.moment)
        guard let scene = try await scene(partition) else { return false }
        try await checkChunks(partition)
        try await checkLanes(partition, scene)
        return true
    }

    private func scene(_ partition: PartitionID) async throws(PostgreSQLError) -> Scene? {
        let rows = try await connection.query(Self.partition, [.int8(partition.rawValue)])
        guard let row = rows.first else { return nil }
        var scene = Scene(openUntil: try row.float8(0))
        scene.deadLettersSince = try row.float8(1)
        for row in try await connection.query(Self.connections, [.int8(partition.source.rawValue)]) {
            let connection = ConsumerID(rawValue: try row.int8(0))
            if try row.bool(2) {
                scene.connections[connection] = try row.float8(1)
            } else {
                scene.leaving.insert(connection)
            }
        }
        for row in try await connection.query(Self.replays, [.int8(partition.rawValue)]) {
            let replay = ConsumerID(rawValue: try row.int8(0))
            if try row.bool(2) {
                scene.replays[replay] = try row.int8(1)
                scene.replaysSince[replay] = try row.float8(3)
            } else {
                scene.leaving.insert(replay)
            }
        }
        return scene
    }
}
