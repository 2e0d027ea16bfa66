import ArgumentParser
import EventLog
import Foundation

/// What is done to the server's database as a whole.
struct DatabaseCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "db",
        abstract: "Look after the server's database as a whole.",
        subcommands: [Distribute.self]
    )

    struct Distribute: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Spread the database over a Citus cluster.",
            discussion: """
                Works on the server's database itself, named by DATABASE_URL: the coordinator of a Citus cluster. Every \
                server must be stopped. The data tables are moved one after the other, each whole or not at all, and their \
                rows are counted before and after; the configuration stays on the coordinator. Interrupted, it is started \
                again and goes on. With --print it shows the plan as SQL and changes nothing.
                """
        )
        @Flag(help: "Show the plan as SQL and end.") var print = false
        @Option(help: "Into how many shards each table is cut, 1 to 1024.") var shards = 32
        @Option(help: "The server's data folder, if it has a private database.") var dataDirectory: String?

        func run() async throws {
            guard (1...1024).contains(shards) else {
                throw ValidationError("--shards is a whole number from 1 to 1024.")
            }
            let plan = Distribution(shards: shards)
            if print { return Terminal.line(plan.script) }
            let environment = ProcessInfo.processInfo.environment
            let options = dataDirectory.map { ["data.directory": $0] } ?? [:]
            let settings = try ServeSettings(options: options, environment: environment)
            try await LocalDatabase.with(settings, environment: environment) { pool in
                let obstacles = try await plan.obstacles(pool)
                guard obstacles.isEmpty else {
                    throw RuntimeError(
                        "The database was not changed:\n" + obstacles.map { "  - \($0)" }.joined(separator: "\n")
                    )
                }
                do {
                    try await plan.carryOut(pool) { Terminal.line($0) }
                } catch let failure as Distribution.Failure {
                    throw RuntimeError(failure.description)
                }
            }
            Terminal.line("The database is spread; start the servers.")
        }
    }
}
