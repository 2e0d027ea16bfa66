import Foundation
import Synchronization
import TestSupport

@testable import PostgreSQL

/// A PostgreSQL server on a host of its own, which listens there for whoever has the password.
final class HostDatabase: Sendable {
    private let host: Host
    private let settings: ClusterSettings
    private let program: String
    private let password = String(UInt64.random(in: .min ... .max), radix: 36)
    private let running = Mutex<ChildProcess?>(nil)

    /// How the test itself looks into it: by the socket, which no network cuts.
    var local: ConnectionSettings { settings.connection(database: settings.database) }

    /// What the servers are told.
    var address: String {
        "host=\(host.address) port=5432 user=leat password=\(password) dbname=\(settings.database)"
    }

    /// Makes a data directory and starts the server.
    static func start(on host: Host, in folder: TemporaryFolder) async throws -> HostDatabase {
        let settings = PrivateServer.settings(in: folder, isDurable: true)
        let cluster = Cluster(settings)
        try await cluster.start()
        let pid = await cluster.processID ?? 0
        let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
        await cluster.stop()
        guard let program else { throw Network.Failed(words: "PostgreSQL's program is not found") }
        let database = try HostDatabase(host, settings, folder, program)
        try await database.start()
        let session = try await Connection.open(database.local)
        try await session.execute("ALTER ROLE leat PASSWORD '\(database.password)'")
        await session.close()
        return database
    }

    private init(_ host: Host, _ settings: ClusterSettings, _ folder: TemporaryFolder, _ program: String) throws {
        let rules = folder.path + "/hba.conf"
        try "local all all trust\nhost all leat samenet scram-sha-256\n"
            .write(toFile: rules, atomically: true, encoding: .utf8)
        unsafe chmod(rules, 0o644)
        self.host = host
        self.program = program
        var settings = settings
        settings.parameters.merge(["listen_addresses": host.address, "hba_file": rules]) { $1 }
        self.settings = settings
    }

    /// Starts the server, again after a crash, and waits until it answers.
    func start() async throws {
        var entry = host.entry
        if let account = settings.account { entry += ["--setgid=\(account.group)", "--setuid=\(account.user)"] }
        // What it says is kept for people: a crashed server's children may keep it from starting for a moment.
        let output = ["sh", "-c", #"exec "$@" >>"$0" 2>&1"#, settings.logFile]
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end {
            let process = try ChildProcess(
                entry + output + [program, "-D", settings.directory] + settings.arguments,
                environment: ["PATH": "/usr/bin:/bin", "LANG": "C", "TZ": "UTC"],
                in: "/"
            )
            running.withLock { $0 = process }
            while process.isRunning, ContinuousClock.now < end {
                if let session = try? await Connection.open(local) { return await session.close() }
                try await Task.sleep(for: .milliseconds(50))
            }
        }
        throw Network.Failed(words: "PostgreSQL does not start; see \(settings.logFile)")
    }

    /// Ends the server without a chance to do anything.
    func kill() async {
        let process = running.withLock { $0 }
        process?.signal(SIGKILL)
        _ = await process?.ended()
    }

    func stop() async {
        guard let process = running.withLock({ $0 }) else { return }
        process.signal(SIGINT)
        let end = ContinuousClock.now + .seconds(60)
        while process.isRunning, ContinuousClock.now < end { try? await Task.sleep(for: .milliseconds(20)) }
        await kill()
    }

    /// How many sessions it has with a host.
    func sessions(with host: Host) async throws -> Int {
        let session = try await Connection.open(local)
        let rows = try await session.query(
            "SELECT count(*) FROM pg_stat_activity WHERE client_addr = $1::text::inet",
            [.text(host.address)]
        )
        await session.close()
        return try rows[0].int(0)
    }
}
