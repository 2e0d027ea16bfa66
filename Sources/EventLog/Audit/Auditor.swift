import EventModel
import PostgreSQL

/// Goes through the log partition by partition, on one session and in one snapshot.
struct Auditor: Sendable {
    let connection: Connection
    let isDeep: Bool
    let end: ContinuousClock.Instant
    var report: AuditReport

    /// What must be known before any partition is looked at.
    struct Scene: Sendable {
        var partitions: [PartitionID] = []
        /// Until when a connection had to be made so as to have a lane on the partition.
        /// - Unit: seconds since 1970.
        var openUntil: [PartitionID: Double] = [:]
        /// The connections of each source, and since when each is there.
        /// - Unit: seconds since 1970.
        var connections: [SourceID: [ConsumerID: Double]] = [:]
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
            rule: "every connection has a lane on every partition of its source, and nobody else has one"
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
        AuditReport.Check(name: "checkpoints", rule: "numbers, positions and counts of a lane never go back"),
        AuditReport.Check(name: "leases", rule: "a lease names a known node, and no commit is of a later epoch"),
    ]

    init(_ connection: Connection, isDeep: Bool, end: ContinuousClock.Instant) {
        self.connection = connection
        self.isDeep = isDeep
        self.end = end
        report = AuditReport(checks: Self.checks.filter { isDeep || $0.name != "bodies" })
    }

    private static let moment = Statement(
        "audit_moment",
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
    )
    /// Before the first read, as a dump does: a slice that went meanwhile would take what the snapshot counts on.
    private static let hold = Statement(
        "audit_hold",
        """
        SET LOCAL lock_timeout = '5s';
        LOCK TABLE leat.chunk, leat.checkpoint, leat.dead_letter IN ACCESS SHARE MODE
        """
    )
    private static let partitions = Statement(
        "audit_partitions",
        """
        SELECT partition_id, coalesce(extract(epoch FROM closed_at), 'infinity')::float8 FROM leat.partition
        WHERE $1::bigint IS NULL OR partition_id >= $1 << 24 AND partition_id < ($1 + 1) << 24
        ORDER BY partition_id
        """
    )
    private static let connections = Statement(
        "audit_connections",
        """
        SELECT connection_id, source_id, extract(epoch FROM created_at)::float8, removed_at IS NULL
        FROM leat.connection
        WHERE removed_at IS NULL OR removed_at > clock_timestamp() - interval '10 minutes'
        """
    )
    private static let deadLettersSince = Statement(
        "audit_dead_letters_since",
        """
        SELECT coalesce(min(split_part(c.relname, '_', 3)::float8), 0) FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'leat.dead_letter'::regclass
        """
    )

    mutating func run(_ source: SourceID?) async throws(PostgreSQLError) {
        do throws(PostgreSQLError) {
            try await look(source)
        } catch {
            // The time was up in the middle of a statement.
            guard case .timedOut = error else { throw error }
        }
    }

    private mutating func look(_ source: SourceID?) async throws(PostgreSQLError) {
        try await connection.execute(Self.moment)
        try await connection.execute(Self.hold)
        let scene = try await scene(source)
        report.allPartitions = Int64(scene.partitions.count)
        for partition in scene.partitions {
            guard ContinuousClock.now < end else { return }
            try await checkChunks(partition)
            try await checkLanes(partition, scene)
            report.partitions += 1
        }
        report.isComplete = true
    }

    private func scene(_ source: SourceID?) async throws(PostgreSQLError) -> Scene {
        var scene = Scene()
        for row in try await connection.query(Self.partitions, [source.map { .int8($0.rawValue) } ?? .null]) {
            let partition = PartitionID(rawValue: try row.int8(0))
            scene.partitions.append(partition)
            scene.openUntil[partition] = try row.float8(1)
        }
        for row in try await connection.query(Self.connections) {
            let connection = ConsumerID(rawValue: try row.int8(0))
            if try row.bool(3) {
                scene.connections[SourceID(rawValue: try row.int8(1)), default: [:]][connection] = try row.float8(2)
            } else {
                scene.leaving.insert(connection)
            }
        }
        scene.deadLettersSince = try await connection.query(Self.deadLettersSince).first?.float8(0) ?? 0
        return scene
    }
}
