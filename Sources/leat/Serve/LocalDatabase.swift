import EventLog
import Foundation
import Logging
import PostgreSQL
import Sandbox

/// The database of a server, for a command on the same machine that needs no server.
///
/// Whoever may read the data folder, or knows `DATABASE_URL`, may use it; no token is asked for.
enum LocalDatabase {
    /// Calls `body` with the database of the server that these settings belong to; one that does not run is started for as
    /// long as that takes.
    ///
    /// - Throws: `RuntimeError` where there is no such database, or it is somebody else's.
    static func with<Result>(
        _ settings: ServeSettings,
        environment: [String: String],
        _ body: (ConnectionPool) async throws -> Result
    ) async throws -> Result {
        if let address = settings.databaseURL { return try await use(ConnectionSettings(address: address), body) }
        let account = geteuid() == 0 ? try Account(named: settings.user) : nil
        let standard = DataDirectory.standardPath(environment: environment, isRoot: account != nil)
        let path = URL(filePath: settings.dataDirectory ?? standard).standardizedFileURL.path
        try check(path)
        let logger = Logger(label: "leat") { _ in SwiftLogNoOpLogHandler() }
        guard let cluster = try Server.privateCluster(settings, path, account, environment, logger) else {
            throw RuntimeError("There is no private PostgreSQL.")
        }
        // With the server, or after one that was killed, it runs already.
        if let session = try? await Connection.open(cluster.connection) {
            await session.close()
            return try await use(cluster.connection, body)
        }
        let lock = try lock(path)
        do {
            try await cluster.start()
            let result = try await use(cluster.connection, body)
            await cluster.stop()
            return withExtendedLifetime(lock) { result }
        } catch {
            await cluster.stop()
            throw error
        }
    }

    private static func use<Result>(
        _ settings: ConnectionSettings,
        _ body: (ConnectionPool) async throws -> Result
    ) async throws -> Result {
        let pool = ConnectionPool(settings, bounds: .init(connections: 2))
        do {
            let found = try await Migrations.found(pool)
            guard found == Migrations.known else {
                throw RuntimeError(
                    found == 0
                        ? "No Leat server has served from this database yet; its first start shows a token."
                        : "The database is that of another version of Leat (schema \(found), not \(Migrations.known)); "
                            + "use the leat program that its server runs."
                )
            }
            let result = try await body(pool)
            await pool.close()
            return result
        } catch {
            await pool.close()
            throw error
        }
    }

    private static let help =
        "Name the server's folder with --data-directory, or set the DATABASE_URL that it runs with."

    /// Refuses what is no data folder, or is closed to us.
    private static func check(_ path: String) throws {
        let files = FileManager.default
        guard let found = try? files.attributesOfItem(atPath: path) else {
            throw RuntimeError("There is no data folder \(path). \(help)")
        }
        let owner = (found[.ownerAccountID] as? NSNumber)?.uint32Value
        guard geteuid() == 0 || owner == geteuid() else {
            let name = found[.ownerAccountName] as? String ?? "its owner"
            throw RuntimeError("The data folder \(path) belongs to \(name); run this as that user or as root.")
        }
        guard files.fileExists(atPath: path + "/postgresql/PG_VERSION") else {
            throw RuntimeError("No Leat server keeps its data in \(path). \(help)")
        }
    }

    private static func lock(_ path: String) throws -> FileLock {
        do {
            return try FileLock(path: path + "/leat.lock")
        } catch FileLockError.held(_, let holder) {
            throw RuntimeError(
                "The server on \(path)\(holder.map { " (process \($0))" } ?? "") starts or stops; try again in a moment."
            )
        } catch {
            throw RuntimeError("The data folder \(path) cannot be used: \(error)")
        }
    }
}
