import EventLog
import Glibc
package import PostgreSQL
import Synchronization

/// Databases for tests: one private server per test run, one database per test.
package enum Database {
    private static let server = TestServer()
    private static let spreadServer = SpreadTestServer()
    private static let number = Atomic<Int>(0)

    /// Gives `body` a database of its own with the whole schema, and drops it afterwards.
    package static func temporary<Result>(
        connections: Int = 8,
        _ body: (ConnectionPool) async throws -> Result
    ) async throws -> Result {
        if isSpread { return try await withSpreadDatabase(connections: connections, body) }
        return try await withDatabase(template: TestServer.template, connections: connections, body)
    }

    /// Whether databases with the whole schema are spread over a Citus cluster.
    package static let isSpread = unsafe getenv("LEAT_TEST_CITUS") != nil

    private static func withSpreadDatabase<Result>(
        connections: Int,
        _ body: (ConnectionPool) async throws -> Result
    ) async throws -> Result {
        let cluster = try await spreadServer.ready()
        let name = "test_\(number.add(1, ordering: .relaxed).newValue)"
        var bounds = ConnectionPool.Bounds(connections: connections)
        bounds.patience = .seconds(110)
        let settings = try await cluster.make(database: name)
        let maker = ConnectionPool(settings)
        try await Migrations.run(maker)
        try await EventLog(maker).prepare()
        try await Distribution(shards: 4).carryOut(maker) { _ in }
        await maker.close()
        let pool = ConnectionPool(settings, bounds: bounds)
        do {
            let result = try await body(pool)
            await pool.close()
            try await cluster.drop(database: name)
            return result
        } catch {
            await pool.close()
            try? await cluster.drop(database: name)
            throw error
        }
    }

    /// Gives `body` a database of its own without any schema, and drops it afterwards.
    package static func empty<Result>(
        connections: Int = 8,
        _ body: (ConnectionPool) async throws -> Result
    ) async throws -> Result {
        try await withDatabase(template: "template0", connections: connections, body)
    }

    private static func withDatabase<Result>(
        template: String,
        connections: Int,
        _ body: (ConnectionPool) async throws -> Result
    ) async throws -> Result {
        let cluster = try await server.ready()
        let name = "test_\(number.add(1, ordering: .relaxed).newValue)"
        let keeper = try await Connection.open(cluster.settings.connection(database: "postgres"))
        try await keeper.execute("CREATE DATABASE \(name) TEMPLATE \(template)")
        // Hundreds of tests share a few cores.
        var bounds = ConnectionPool.Bounds(connections: connections)
        bounds.patience = .seconds(110)
        let pool = ConnectionPool(
            cluster.settings.connection(database: name),
            bounds: bounds
        )
        do {
            let result = try await body(pool)
            await pool.close()
            try await keeper.execute("DROP DATABASE \(name) WITH (FORCE)")
            await keeper.close()
            return result
        } catch {
            await pool.close()
            _ = try? await keeper.execute("DROP DATABASE \(name) WITH (FORCE)")
            await keeper.close()
            throw error
        }
    }
}

/// The one server of a test run, started by the first test that needs it.
private actor TestServer {
    static let template = "leat_template"
    private var starting: Task<Cluster, any Error>?
    private let folder = TemporaryFolder()

    func ready() async throws -> Cluster {
        if let starting { return try await starting.value }
        let settings = PrivateServer.settings(in: folder, isDurable: false)
        let task = Task { () throws -> Cluster in
            let cluster = Cluster(settings)
            try await cluster.start()
            let keeper = try await Connection.open(settings.connection(database: "postgres"))
            try await keeper.execute("CREATE DATABASE \(Self.template)")
            await keeper.close()
            let pool = ConnectionPool(settings.connection(database: Self.template))
            try await Migrations.run(pool)
            try await EventLog(pool).prepare()
            // A template must have no sessions.
            await pool.close()
            return cluster
        }
        starting = task
        return try await task.value
    }
}

/// The one cluster of a test run, started by the first test that needs it.
private actor SpreadTestServer {
    private var starting: Task<CitusCluster, any Error>?

    func ready() async throws -> CitusCluster {
        if let starting { return try await starting.value }
        let task = Task { () throws -> CitusCluster in try await CitusCluster.start() }
        starting = task
        return try await task.value
    }
}

/// A PostgreSQL server for one test that wants to hurt it.
package enum PrivateServer {
    /// Settings for a server in `folder`, as the user `postgres` when we are root.
    package static func settings(in folder: TemporaryFolder, isDurable: Bool) -> ClusterSettings {
        var settings = ClusterSettings(
            directory: folder.path + "/data",
            socketDirectory: folder.path + "/socket",
            logFile: folder.path + "/log"
        )
        settings.isDurable = isDurable
        settings.parameters = ["max_connections": "600", "shared_buffers": "64MB"]
        settings.startTimeout = .seconds(60)
        if geteuid() == 0, let entry = unsafe getpwnam("postgres") {
            unsafe settings.account = (entry.pointee.pw_uid, entry.pointee.pw_gid)
            // The server's programs make folders beside each other here.
            unsafe chown(folder.path, entry.pointee.pw_uid, entry.pointee.pw_gid)
        }
        return settings
    }

    /// Gives `body` a server of its own that commits to disk, and stops it afterwards.
    package static func running<Result>(
        parameters: [String: String] = [:],
        _ body: (Cluster) async throws -> Result
    ) async throws -> Result {
        let folder = TemporaryFolder()
        var settings = settings(in: folder, isDurable: true)
        settings.parameters.merge(parameters) { $1 }
        let cluster = Cluster(settings)
        try await cluster.start()
        do {
            let result = try await body(cluster)
            await cluster.stop()
            return withExtendedLifetime(folder) { result }
        } catch {
            await cluster.stop()
            throw error
        }
    }
}
