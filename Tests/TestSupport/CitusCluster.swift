import Foundation
package import PostgreSQL
package import Testing

/// A Citus cluster on this machine: a coordinator and two workers, which find each other by their Unix sockets.
package struct CitusCluster: Sendable {
    /// The coordinator first.
    package let nodes: [Cluster]
    private let folders: [TemporaryFolder]

    package var coordinator: Cluster { nodes[0] }

    /// Said of tests that are left out where ``isInstalled`` is false.
    package static let missing: Comment = "the PostgreSQL installed here has no extension citus"

    /// Whether the highest version of PostgreSQL that Debian's packages have put here has the extension.
    package static let isInstalled: Bool = {
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        guard let highest = versions.compactMap({ Int($0) }).max() else { return false }
        return FileManager.default.fileExists(atPath: "/usr/share/postgresql/\(highest)/extension/citus.control")
    }()

    /// Gives `body` a cluster without any database of ours, and stops it afterwards.
    package static func running<Result>(_ body: (CitusCluster) async throws -> Result) async throws -> Result {
        let cluster = try await start()
        do {
            let result = try await body(cluster)
            await cluster.stop()
            return result
        } catch {
            await cluster.stop()
            throw error
        }
    }

    /// Starts a cluster; who does so stops it.
    package static func start() async throws -> CitusCluster {
        var (nodes, folders): ([Cluster], [TemporaryFolder]) = ([], [])
        for _ in 0..<3 {
            let folder = TemporaryFolder()
            var settings = PrivateServer.settings(in: folder, isDurable: false)
            settings.parameters["shared_preload_libraries"] = "citus"
            settings.parameters["citus.node_conninfo"] = "sslmode=prefer"
            settings.parameters["citus.local_hostname"] = settings.socketDirectory
            settings.parameters["citus.enable_statistics_collection"] = "off"
            let node = Cluster(settings)
            nodes.append(node)
            folders.append(folder)
            do {
                try await node.start()
            } catch {
                await CitusCluster(nodes: nodes, folders: folders).stop()
                throw error
            }
        }
        return CitusCluster(nodes: nodes, folders: folders)
    }

    package func stop() async { for node in nodes { await node.stop() } }

    /// Makes a database on every machine, whose coordinator knows the workers; how to connect to it.
    package func make(database: String) async throws -> ConnectionSettings {
        for node in nodes {
            let keeper = try await Connection.open(node.settings.connection(database: "postgres"))
            let found = try await keeper.query("SELECT FROM pg_database WHERE datname = $1", [.text(database)])
            // Every cluster makes the application's by itself.
            if found.isEmpty { try await keeper.execute("CREATE DATABASE \(database)") }
            await keeper.close()
            let session = try await Connection.open(node.settings.connection(database: database))
            try await session.execute("CREATE EXTENSION citus")
            await session.close()
        }
        let settings = coordinator.settings.connection(database: database)
        let session = try await Connection.open(settings)
        for (index, node) in nodes.enumerated() {
            let call = index == 0 ? "citus_set_coordinator_host" : "citus_add_node"
            _ = try await session.query("SELECT \(call)($1::text, 5432)", [.text(node.settings.socketDirectory)])
        }
        await session.close()
        return settings
    }

    /// Drops a database on every machine.
    package func drop(database: String) async throws {
        for node in nodes {
            let keeper = try await Connection.open(node.settings.connection(database: "postgres"))
            try await keeper.execute("DROP DATABASE \(database) WITH (FORCE)")
            await keeper.close()
        }
    }
}
