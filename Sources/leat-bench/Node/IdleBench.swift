import ArgumentParser
import Catalog
import EventLog
import Foundation
import Glibc
import PostgreSQL

/// What a server costs that has much to watch and nothing to do.
struct IdleBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "idle",
        abstract: "CPU and transactions of a real server at rest, with many sources and connections."
    )

    @OptionGroup var plugins: BenchPlugins

    @Option(help: "How many sources there are.")
    var sources = 200

    @Option(help: "How many connections each source has.")
    var connections = 5

    @Option(help: "For how many seconds it is watched.")
    var seconds = 60

    /// How long it may come to rest after its start: until PostgreSQL has looked once at all that was written, too.
    private static let settling = Duration.seconds(80)

    func run() async throws {
        try await BenchDatabase.with(parameters: SentStatements.parameters) { pool, _ in
            let catalog = try await Catalog.open(pool: pool, logger: .silent)
            try await plugins.set(try declaration, in: catalog)
            let folder = FileManager.default.temporaryDirectory.appending(path: "leat-bench-\(getpid())").path
            defer { try? FileManager.default.removeItem(atPath: folder) }
            let node = try await ServedNode.start(pool.settings, folder: folder)
            try await Task.sleep(for: Self.settling)
            let postmaster = try await pool.postmaster()
            let before = try await Reading(node, pool, postmaster)
            try await Task.sleep(for: .seconds(seconds))
            let after = try await Reading(node, pool, postmaster)
            try await node.stop()
            let minutes = (after.at - before.at) / .seconds(60)
            for (name, spent) in [
                ("server", after.server - before.server), ("workers", after.workers - before.workers),
                ("postgresql", after.database - before.database),
            ] { BenchLine(bench: "idle.\(name)", unit: "CPU s/minute", values: [spent / minutes]).emit() }
            // Our own first look is among them.
            let rate = Double(after.transactions - before.transactions - 1) / (minutes * 60)
            BenchLine(bench: "idle.transactions", unit: "1/s", values: [rate]).emit()
            // Of these the server's own; the others are PostgreSQL's housekeeping.
            for (name, count) in after.sent.since(before.sent) {
                let rate = Double(count) / (minutes * 60)
                BenchLine(bench: "idle.statements.\(name)", unit: "1/s", values: [rate]).emit()
            }
        }
    }

    private var declaration: String {
        get throws {
            let connector = try plugins.connectorID
            let destinations = (1...connections).map {
                "{name: d\($0), connector: \(connector), config: {url: \"http://127.0.0.1:9/\($0)\"}}"
            }
            let names = (1...sources).map { "{name: s\($0), writeKeys: [\"idle-key-of-source-\($0)-long\"]}" }
            let all = (1...sources).flatMap { source in
                (1...connections).map { "{source: s\(source), destination: d\($0)}" }
            }
            return """
                sources: [\(names.joined(separator: ", "))]
                destinations: [\(destinations.joined(separator: ", "))]
                connections: [\(all.joined(separator: ", "))]
                """
        }
    }

    /// What was spent until one moment.
    private struct Reading {
        let at = ContinuousClock.now
        let server: Double
        let workers: Double
        let database: Double
        let transactions: Int64
        let sent: SentStatements

        /// A simple message, which is one transaction.
        private static let question = Statement(
            "bench",
            """
            SELECT xact_commit + xact_rollback FROM (SELECT pg_stat_clear_snapshot()) AS clear, pg_stat_database
            WHERE datname = current_database()
            """
        )

        init(_ node: ServedNode, _ pool: ConnectionPool, _ postmaster: Int32) async throws {
            transactions = Int64(try await pool.execute(Self.question).first?.text(0) ?? "") ?? 0
            sent = try SentStatements(of: postmaster)
            let tree = ProcessTree()
            server = tree.cpu(of: [node.pid]) { $0.hasSuffix("leat") }
            workers = tree.cpu(of: [node.pid]) { !$0.hasSuffix("leat") }
            database = tree.cpu(of: [postmaster])
        }
    }
}
