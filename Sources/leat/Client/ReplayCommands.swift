import ArgumentParser
import Catalog

/// Sending a part of the log once more.
struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Send a part of a source's log once more to one connection, through today's plugins.",
        discussion: """
            leat replay plan says what would be sent and delivers nothing; leat replay start sends it. A replay has counts \
            of its own, keeps the order of each user, and gives way to what comes in meanwhile.
            """,
        subcommands: [
            Plan.self, Start.self, List.self, Show.self, Rate.self, Pause.self, Resume.self, Stop.self,
        ]
    )

    /// What is to be replayed.
    struct Wish: ParsableArguments {
        @Option(help: "To which connection, as source/destination.") var connection: String
        @Option(help: "From when on: a time such as 2026-11-22T14:30:00Z, or how long ago, such as 24h.")
        var from: String
        @Option(help: "Until when, in the same form; until now if it is left out.") var until: String?
        @Option(help: "Only track events of this name; may be given several times.") var event: [String] = []
        @Option(help: "Only events of this type, such as identify; may be given several times.")
        var type: [String] = []
        @Option(help: "Only one user: the user id, or the anonymous id of one who has none.") var user: String?

        @Option(name: .customLong("where"), help: "Only events of which this holds, such as 'properties.total > 100'.")
        var condition: String?

        var document: Document {
            var filter: Document = [:]
            if !event.isEmpty { filter = filter.adding("events", .list(event.map { .text($0) })) }
            if !type.isEmpty { filter = filter.adding("types", .list(type.map { .text($0) })) }
            if let user { filter = filter.adding("user", .text(user)) }
            if let condition { filter = filter.adding("where", .text(condition)) }
            let wish: Document = [
                "connection": .text(connection), "from": .text(from), "filter": filter,
            ]
            return until.map { wish.adding("until", .text($0)) } ?? wish
        }
    }

    struct Plan: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Count what a replay would send, and compare a sample with what was sent before.",
            discussion: """
                Some of the events go through the transformations that are in force now, and nothing is sent. What comes \
                out is held against what the connection was sent of them before, as it was recorded, or else worked out \
                again with the versions that were recorded then.
                """
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var wish: Wish
        @Flag(help: "As JSON, with the sample as it came, was sent and would be.") var json = false

        func run() async throws {
            try await server.withClient { client in
                let answer = try await client.plan(wish)
                if json { return Terminal.line(answer.json) }
                for line in PlanStory(answer).lines { Terminal.line(line) }
            }
        }
    }

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Begin a replay, after a look at what it would send."
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var wish: Wish
        @Option(help: "Events a second, over all servers.") var rate = 500
        @Flag(help: "Begin without a further question.") var yes = false
        @Flag(help: "As JSON.") var json = false

        func run() async throws {
            try await server.withClient { client in
                if !yes {
                    let plan = try await client.plan(wish)
                    for line in PlanStory(plan).lines { Terminal.line(line) }
                    Terminal.line("Nothing was begun. Give --yes to send them.")
                    return
                }
                let body = wish.document.adding("rate", .integer(rate))
                let answer = try await client.call(.post, "/replays", body: .json(body))
                if json { return Terminal.line(answer.json) }
                Terminal.line("Replay \(answer.count("id")) runs: leat replay show \(answer.count("id"))")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the replays, the newest first.")
        @OptionGroup var server: ServerOptions
        @Option(help: "Only those to one connection, as source/destination.") var connection: String?
        @Option(help: "How many at most, 1 to 1000.") var limit = 20
        @Flag(help: "As JSON.") var json = false

        func run() async throws {
            var query = [("limit", "\(limit)")]
            if let connection { query.append(("connection", connection)) }
            try await server.withClient { client in
                let answer = try await client.call(.get, "/replays", query: query)
                if json { return Terminal.line(answer.json) }
                ReplayCommand.table(answer.list("replays")).show(orSay: "There are no replays.")
            }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show how far a replay is, and what it counted.")
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its number.") var id: Int
        @Flag(help: "As JSON.") var json = false

        func run() async throws {
            try await server.withClient { client in
                let answer = try await client.call(.get, "/replays/\(id)")
                if json { return Terminal.line(answer.json) }
                ReplayCommand.table([answer]).show(orSay: "")
                for line in ReplayCommand.lines(of: answer) { Terminal.line(line) }
                let partitions = answer.list("partitions")
                if !partitions.isEmpty { ReplayCommand.partitions(partitions).show(orSay: "") }
            }
        }
    }

    struct Rate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a replay send faster or slower from now on."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its number.") var id: Int
        @Argument(help: "Events a second, over all servers.") var rate: Int

        func run() async throws {
            try await server.withClient { client in
                let answer = try await client.call(.put, "/replays/\(id)/rate", query: [("rate", "\(rate)")])
                Terminal.line("Replay \(id) sends at most \(answer.count("rate")) events/s.")
            }
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a replay stand still; leat replay resume lets it go on where it stood."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its number.") var id: Int

        func run() async throws { try await ReplayCommand.move(id, "pause", server) }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let a replay go on that was paused.")
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its number.") var id: Int

        func run() async throws { try await ReplayCommand.move(id, "resume", server) }
    }

    struct Stop: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "End a replay; what it has not read is not replayed, and its counts stay."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its number.") var id: Int

        func run() async throws { try await ReplayCommand.move(id, "stop", server) }
    }

    private static func move(_ id: Int, _ word: String, _ server: ServerOptions) async throws {
        try await server.withClient { client in
            let answer = try await client.call(.post, "/replays/\(id)/\(word)")
            Terminal.line("Replay \(id) is \(answer.word("state")).")
        }
    }
}

/// How replays look on a terminal.
extension ReplayCommand {
    static func table(_ replays: [Document]) -> Table {
        var table = Table(
            (head: "REPLAY", side: .right),
            (head: "CONNECTION", side: .left),
            (head: "STATE", side: .left),
            (head: "EVENTS", side: .right),
            (head: "REMAINING", side: .right),
            (head: "DELIVERED", side: .right),
            (head: "DEAD", side: .right),
            (head: "WAITING", side: .right),
            (head: "RATE", side: .right),
            (head: "LEFT", side: .right),
            (head: "BEGUN", side: .left),
            (head: "BY", side: .left)
        )
        for replay in replays {
            let counts = replay["counts"]
            table.add(
                "\(replay["id"]?.integer ?? 0)",
                replay.word("connection"),
                replay.word("state"),
                replay.count("events"),
                replay.count("remaining"),
                counts?.count("delivered") ?? "-",
                counts?.count("deadLettered") ?? "-",
                counts?.count("waiting") ?? "-",
                "\(replay.count("rate"))/s",
                LaneQuery.age(replay["secondsLeft"]),
                replay.word("createdAt"),
                replay.word("who")
            )
        }
        return table
    }

    static func lines(of replay: Document) -> [String] {
        let counts = replay["counts"] ?? nil
        let words = ["read", "duplicates", "filtered", "dropped", "failed", "transformed", "emitted"]
        var lines = [
            words.map { "\($0) \(counts.count($0))" }.joined(separator: ", ")
                + ", expired \(replay.count("expired"))",
            "from \(replay.word("from")) until \(replay.word("until"))",
        ]
        if let reason = replay["reason"]?.string, !reason.isEmpty { lines.append("because \(reason)") }
        if let until = replay["holdsLogUntil"]?.string { lines.append("the log is kept for it until \(until)") }
        return lines
    }

    static func partitions(_ partitions: [Document]) -> Table {
        var table = Table(
            (head: "PARTITION", side: .left),
            (head: "POSITION", side: .right),
            (head: "END", side: .right),
            (head: "REMAINING", side: .right),
            (head: "PARKED", side: .right),
            (head: "DELIVERED", side: .right)
        )
        for partition in partitions {
            table.add(
                partition.word("partition"),
                partition.count("position"),
                partition.count("end"),
                partition.count("remaining"),
                partition.count("parked"),
                partition["counts"]?.count("delivered") ?? "-"
            )
        }
        return table
    }
}

extension AdminClient {
    /// What a replay would send: counting, running the samples and finding out what was sent before all take their time.
    fileprivate func plan(_ wish: ReplayCommand.Wish) async throws -> Document {
        try await call(.post, "/replays/plan", body: .json(wish.document), timeout: AdminClient.planTimeout)
    }
}
