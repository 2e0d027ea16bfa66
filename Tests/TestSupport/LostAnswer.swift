import EventLog
package import PostgreSQL

/// A PostgreSQL server that commits and then loses the answer, on demand.
///
/// It waits after a commit for a second server that does not exist; the session is ended while it waits. The commit
/// stands by then, and whoever asked cannot know.
package struct LostAnswer {
    /// With the whole schema.
    package let pool: ConnectionPool
    private let cluster: Cluster

    /// Gives `body` such a server.
    package static func with<Result>(_ body: (LostAnswer) async throws -> Result) async throws -> Result {
        let parameters = ["synchronous_standby_names": "nobody", "synchronous_commit": "local"]
        return try await PrivateServer.running(parameters: parameters) { cluster in
            let schema = ConnectionPool(cluster.connection)
            try await Migrations.run(schema)
            try await EventLog(schema).prepare()
            await schema.close()
            let pool = ConnectionPool(cluster.connection)
            let result = try await body(LostAnswer(pool: pool, cluster: cluster))
            await pool.close()
            return result
        }
    }

    /// Loses the answer to the first commit of `body`.
    ///
    /// The pool must not have been used before, since sessions keep what they began with.
    package func during(_ body: @escaping @Sendable () async -> Void) async throws {
        let keeper = try await Connection.open(cluster.settings.connection(database: "postgres"))
        let database = cluster.settings.database
        try await keeper.execute("ALTER DATABASE \(database) SET synchronous_commit = 'on'")
        async let ended: Void = body()
        let end = Statement(
            "end_waiting",
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
        )
        while try await keeper.query(end).isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        try await keeper.execute("ALTER DATABASE \(database) RESET synchronous_commit")
        await ended
        await keeper.close()
    }
}
