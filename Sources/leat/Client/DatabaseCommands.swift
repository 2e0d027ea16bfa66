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
            abstract: "Say what spreads the database over a Citus cluster, and what is in the way of that.",
            discussion: """
                Works on the server's database itself, named by DATABASE_URL: the coordinator of a Citus cluster. Changes \
                nothing. With --print it shows the plan as SQL; without, it checks the cluster and ends with 1 while \
                anything is in the way. This version does not carry the plan out.
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
            let obstacles = try await LocalDatabase.with(settings, environment: environment) { pool in
                try await plan.obstacles(pool)
            }
            throw RuntimeError(
                "The database was not changed:\n" + obstacles.map { "  - \($0)" }.joined(separator: "\n")
            )
        }
    }
}
