import ArgumentParser
import Catalog

/// Follows users and messages for a while.
struct TraceCommands: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "trace",
        abstract: "Follow all events of a user, or a message, for a while.",
        discussion: "The whole way of each of their events is written down, for leat event to show.",
        subcommands: [TraceFollow.self, TraceList.self, TraceEnd.self],
        defaultSubcommand: TraceFollow.self
    )
}

struct TraceFollow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "follow",
        abstract: "Follow a user's events, or a message."
    )

    @OptionGroup var server: ServerOptions
    @Argument(help: "A user's key (userId, or anonymousId without one), or a messageId.") var subject: String
    @Option(name: .customLong("for"), help: "For how long, at most 1d.") var duration = "15m"
    @Flag(help: "As JSON.") var json = false

    func run() async throws {
        try await server.withClient { client in
            let path = "/traces/\(AdminClient.encoded(subject))"
            let answer = try await client.call(.put, path, query: [("for", duration)])
            Terminal.line(json ? answer.json : "Follows \(subject) until \(answer.word("until")).")
        }
    }
}

struct TraceList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the users and messages that are followed now."
    )

    @OptionGroup var server: ServerOptions
    @Flag(help: "As JSON.") var json = false

    func run() async throws {
        try await server.withClient { client in
            let answer = try await client.call(.get, "/traces")
            if json { return Terminal.line(answer.json) }
            var table = Table(
                (head: "USER OR MESSAGE", side: .left),
                (head: "UNTIL", side: .left),
                (head: "WANTED BY", side: .left)
            )
            for trace in answer.list("traces") {
                table.add(trace.word("subject"), trace.word("until"), trace.word("who"))
            }
            table.show(orSay: "Nobody is followed.")
        }
    }
}

struct TraceEnd: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "end",
        abstract: "Follow a user or a message no more; what was written down stays for its time."
    )

    @OptionGroup var server: ServerOptions
    @Argument(help: "What was followed.") var subject: String

    func run() async throws {
        try await server.withClient { client in
            try await client.call(.delete, "/traces/\(AdminClient.encoded(subject))")
            Terminal.line("Follows \(subject) no more.")
        }
    }
}
