import EventModel
import PostgreSQL

/// How programs of two versions live on one database.
extension Migrations {
    /// The channel on which a program says that it changed the schema.
    static let channel = "leat_schema"

    static let tell = Statement("schema_tell", "SELECT pg_notify('leat_schema', '')")
    /// By the names of the columns that there are: the table may be older than this program.
    private static let nodes = Statement(
        "schema_nodes",
        """
        SELECT coalesce(nullif(j ->> 'name', ''), j ->> 'address'), coalesce((j ->> 'schema_version')::integer, 0),
            coalesce((j ->> 'routines_level')::integer, 0)
        FROM (SELECT to_jsonb(n) AS j FROM leat.node n) AS n
        WHERE j ->> 'ended_at' IS NULL AND j ->> 'identity' IS DISTINCT FROM $1
            AND (j ->> 'beat_at')::timestamptz > clock_timestamp() - interval '45 seconds'
        ORDER BY 1
        """
    )
    private static let hasNodes = Statement("schema_has_nodes", "SELECT to_regclass('leat.node') IS NOT NULL")
    private static let announce = Statement(
        "schema_announce",
        "UPDATE leat.node SET schema_version = $2, routines_level = $3 WHERE node_id = $1"
    )
    /// The newest step that this program does not know and cannot live with, and the level of the functions.
    private static let stranger = Statement(
        "schema_stranger",
        """
        SELECT coalesce((SELECT max(version) FROM leat.schema_version WHERE version > $1 AND NOT keeps_older), 0),
            coalesce((SELECT level FROM leat.schema_routines), 0)
        """
    )

    /// A server that was heard of lately.
    struct LivingNode {
        let name: String
        let schemaVersion: Int
        let routinesLevel: Int
    }

    /// The other nodes that live, as far as anybody knows.
    func livingNodes(_ connection: Connection) async throws(PostgreSQLError) -> [LivingNode] {
        guard try await connection.query(Self.hasNodes).first?.bool(0) == true else { return [] }
        var nodes: [LivingNode] = []
        for row in try await connection.query(Self.nodes, [identity.map { .text($0) } ?? .null]) {
            nodes.append(
                LivingNode(name: try row.text(0), schemaVersion: try row.int(1), routinesLevel: try row.int(2))
            )
        }
        return nodes
    }

    /// Says in the node's row what this program knows.
    ///
    /// It waits for a program that is changing the schema, which may not have seen the row.
    /// - Throws: `newerSchema` if that one has taken a step that this program cannot live with: it must stop.
    func announce(_ node: NodeID, _ pool: ConnectionPool) async throws(EventLogError) {
        try await named("announce", pool) { connection in
            _ = try await connection.query(Self.lock)
            try await check(try await connection.query(Self.stranger, [.int4(Int32(known))]))
            _ = try await connection.query(
                Self.announce,
                [.int8(node.rawValue), .int4(Int32(known)), .int4(Int32(routines.level))]
            )
        }
    }

    /// Whether this program can go on with the database as it is now.
    /// - Throws: `newerSchema`, `newerRoutines` if it must stop.
    func checkFit(_ pool: ConnectionPool) async throws(EventLogError) {
        let rows = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(Self.stranger, [.int4(Int32(known))])
        }
        try await check(rows)
    }

    private func check(_ rows: Rows) async throws(EventLogError) {
        let (version, level) = try await translated { () async throws(PostgreSQLError) in
            guard let row = rows.first else { return (0, 0) }
            return (try row.int(0), try row.int(1))
        }
        if version > known { throw .newerSchema(found: version, known: known) }
        if level > routines.level { throw .newerRoutines(found: level, known: routines.level) }
    }
}
