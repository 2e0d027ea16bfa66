package import PostgreSQL

/// How the database is spread over the machines of a Citus cluster: the data tables by `partition_id`, all shards of one
/// partition on one machine, and everything else where it is.
///
/// - Source: Citus documentation, "Citus Utility Functions" and "SQL Support and Workarounds".
package struct Distribution: Sendable {
    /// One step: what it does, and the SQL that does it or does nothing where it was done.
    package struct Step: Equatable, Sendable {
        package let title: String
        /// Whose rows it moves, if it moves any.
        package let table: String?
        package let sql: String
    }

    /// Spread by `partition_id`; the first is the one that the others lie beside.
    static let spread = ["partition", "lease", "chunk", "checkpoint", "parked", "dead_letter", "chain", "trace"]
    /// Stay on the coordinator: small, and changed by hand or by the minute.
    static let kept = [
        "audit", "catalog_revision", "connection", "connection_transformation", "dead_letter_expired", "destination",
        "destination_report", "drain", "generation", "node", "plugin", "plugin_file", "plugin_version", "refused",
        "refused_count", "replay", "retired_lanes", "schema_routines", "schema_version", "secret", "slice",
        "slice_source", "source", "source_transformation", "timing", "token", "tracing", "write_key",
    ]
    /// The oldest version of Citus whose rules the plan keeps to.
    static let oldestCitus = 12

    /// Into how many shards each table is cut; the most machines that it can be spread over.
    package let shards: Int

    package init(shards: Int) { self.shards = shards }

    /// What is done, in this order; each does nothing where it was done before.
    package var steps: [Step] {
        Self.spread.enumerated().map { index, table in
            let beside = index == 0 ? "none" : "leat.\(Self.spread[0])"
            let count = index == 0 ? ", shard_count => \(shards)" : ""
            return Step(
                title: "spread leat.\(table) by partition_id",
                table: table,
                sql: """
                    SELECT create_distributed_table('leat.\(table)', 'partition_id', colocate_with => '\(beside)'\(count))
                    WHERE NOT EXISTS (
                        SELECT FROM pg_dist_partition WHERE logicalrelid = 'leat.\(table)'::regclass
                    );
                    """
            )
        }
            + Self.spread.map { table in
                Step(
                    title: "empty the coordinator's own copy of leat.\(table)",
                    table: nil,
                    sql: "SELECT truncate_local_data_after_distributing_table('leat.\(table)');"
                )
            }
    }

    /// The whole plan as one script for people to read.
    package var script: String {
        steps.map { "-- \($0.title)\n\($0.sql)\n" }.joined(separator: "\n")
            + "\n-- make leat's functions and views anew, so that every machine has them\n"
    }
}

/// What must be so before a step is taken.
extension Distribution {
    private static let extensions = Statement(
        "distribute_extension",
        """
        SELECT (SELECT extversion FROM pg_extension WHERE extname = 'citus'),
            EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citus')
        """
    )
    private static let cluster = Statement(
        "distribute_cluster",
        """
        SELECT citus_is_coordinator(),
            (SELECT count(*) FROM pg_dist_node WHERE noderole = 'primary' AND isactive AND shouldhaveshards)
        """
    )
    private static let sessions = Statement(
        "distribute_sessions",
        """
        SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'leat' AND pid <> pg_backend_pid()
        """
    )

    /// Everything that is in the way, each with what to do; none if the plan can be carried out.
    package func obstacles(_ pool: ConnectionPool) async throws(EventLogError) -> [String] {
        let found = try await Migrations.found(pool)
        return try await translated { () async throws(PostgreSQLError) in
            var obstacles: [String] = []
            if found != Migrations.known {
                obstacles.append(
                    "The database has schema version \(found) and not \(Migrations.known): start this version's server once."
                )
            }
            let sessions = try await pool.query(Self.sessions).first?.int(0) ?? 0
            if sessions > 0 {
                obstacles.append("\(sessions) sessions of leat servers are open: stop every server first.")
            }
            guard let row = try await pool.query(Self.extensions).first, let version = try row.textOrNull(0) else {
                let isThere = try await pool.query(Self.extensions).first?.bool(1) ?? false
                obstacles.append(isThere ? Self.notCreated : Self.notInstalled)
                return obstacles
            }
            if Int(version.prefix { $0.isNumber }) ?? 0 < Self.oldestCitus {
                obstacles.append("Citus \(version) is too old: upgrade it to \(Self.oldestCitus) or newer.")
            }
            if let row = try await pool.query(Self.cluster).first {
                if try !row.bool(0) {
                    obstacles.append("This is no coordinator: name the coordinator in DATABASE_URL.")
                }
                if try row.int(1) < 1 { obstacles.append("There are no workers: add them with citus_add_node.") }
            }
            return obstacles
        }
    }

    private static let notCreated =
        "The extension citus is not in this database: run CREATE EXTENSION citus on every machine."
    private static let notInstalled = """
        This PostgreSQL has no Citus: install Citus \(oldestCitus) or newer on the coordinator and on every worker, put \
        citus into shared_preload_libraries first, and run CREATE EXTENSION citus there.
        """
}
