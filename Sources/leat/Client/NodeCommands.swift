import ArgumentParser
import Catalog

/// The servers that share one database.
struct NodesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "nodes",
        abstract: "List the servers that share the database, and how many partitions each holds."
    )

    @OptionGroup var server: ServerOptions
    @Flag(help: "As JSON.") var json = false

    func run() async throws {
        try await server.withClient { client in
            let answer = try await client.call(.get, "/nodes")
            if json { return Terminal.line(answer.json) }
            Self.table(answer).show(orSay: "There are no nodes.")
            if let warning = Self.warning(answer) { Terminal.line(warning) }
        }
    }

    /// What there is to say if every server that lives is drained.
    static func warning(_ answer: Document) -> String? {
        let living = answer.list("nodes").filter { $0.word("state") != "silent" }
        guard !living.isEmpty, living.allSatisfy({ $0["draining"]?.truth == true }) else { return nil }
        return "Every server that lives is drained, so no lane runs anywhere: leat node drain NAME --undo"
    }

    static func table(_ answer: Document) -> Table {
        var table = Table(
            (head: "NODE", side: .left),
            (head: "STATE", side: .left),
            (head: "PARTITIONS", side: .right),
            (head: "ADDRESS", side: .left),
            (head: "VERSION", side: .left),
            (head: "SINCE", side: .left),
            (head: "LAST SEEN", side: .left),
            (head: "IDENTITY", side: .left)
        )
        for node in answer.list("nodes") {
            let isDrained = node["draining"]?.truth == true && node.word("state") == "silent"
            table.add(
                node.word("name"),
                node.word("state") + (isDrained ? ", draining" : ""),
                "\(node.count("partitions")) of \(answer.count("partitions"))",
                node.word("address"),
                node.word("version"),
                node.word("since"),
                node.word("lastSeen"),
                node.word("identity")
            )
        }
        return table
    }
}

/// What is done with one of them.
struct NodeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "node",
        abstract: "Drain a server, so that it can be stopped without anybody waiting.",
        subcommands: [Drain.self]
    )

    struct Drain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Let a server hand all its partitions over, and take none until that is undone.",
            discussion: """
                It goes on accepting events, and stays drained over restarts. leat nodes shows when it holds nothing any \
                more.
                """
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its name, or its identity where several have the name; see leat nodes.") var node: String
        @Flag(help: "Let it take partitions again.") var undo = false
        @Flag(help: "Also if no other server could run the lanes, so that events wait.") var force = false

        func run() async throws {
            try await server.withClient { client in
                let path = "/nodes/\(AdminClient.encoded(node))/drain"
                if undo {
                    try await client.call(.delete, path)
                    Terminal.line("\(node) takes partitions again.")
                } else {
                    try await client.call(.put, path, query: force ? [("force", "true")] : [])
                    Terminal.line("\(node) hands its partitions over.")
                }
            }
        }
    }
}
