import EventLog
import Foundation
import Glibc
import PostgreSQL

/// A private PostgreSQL server for one measurement: it commits to disk, and is gone afterwards.
enum BenchDatabase {
    /// Gives `body` sessions of a database with the whole schema; `parameters` are more settings of PostgreSQL.
    static func with<Result>(
        connections: Int = 8,
        parameters: [String: String] = [:],
        _ body: (ConnectionPool, EventLog) async throws -> Result
    ) async throws -> Result {
        let folder = try makeFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        var settings = ClusterSettings(
            directory: folder + "/data",
            socketDirectory: folder + "/socket",
            logFile: folder + "/log"
        )
        settings.parameters = parameters
        if geteuid() == 0, let entry = unsafe getpwnam("postgres") {
            unsafe settings.account = (entry.pointee.pw_uid, entry.pointee.pw_gid)
            // The server makes its folders beside each other here.
            unsafe chown(folder, entry.pointee.pw_uid, entry.pointee.pw_gid)
        }
        let cluster = Cluster(settings)
        try await cluster.start()
        let pool = ConnectionPool(cluster.connection, bounds: .init(connections: connections))
        do {
            try await Migrations.run(pool)
            let log = EventLog(pool)
            try await log.prepare()
            let result = try await body(pool, log)
            await pool.close()
            await cluster.stop()
            return result
        } catch {
            await pool.close()
            await cluster.stop()
            throw error
        }
    }

    /// A folder on a real disk with a path that is short enough for a socket.
    private static func makeFolder() throws -> String {
        var name = Array("/var/tmp/leat-bench-XXXXXX".utf8CString)
        guard unsafe mkdtemp(&name) != nil else { throw CocoaError(.fileWriteUnknown) }
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        unsafe chmod(path, 0o755)
        return path
    }
}
