import ArgumentParser
import Catalog

/// Everything about sources and their write keys.
struct Sources: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "source",
        abstract: "List and create sources and their write keys.",
        subcommands: [List.self, Create.self, Partitions.self, Limit.self, Remove.self, Keys.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the sources.")
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.withClient { client in
                Self.table(try await client.call(.get, "/sources")).show(orSay: "There are no sources yet.")
            }
        }

        static func table(_ answer: Document) -> Table {
            var table = Table(
                (head: "SOURCE", side: .left),
                (head: "ENABLED", side: .left),
                (head: "PARTITIONS", side: .right),
                (head: "LIMITS", side: .left),
                (head: "TRANSFORMATIONS", side: .left),
                (head: "WRITE KEYS (ID …HINT)", side: .left)
            )
            for source in answer.list("sources") {
                let keys = source.list("writeKeys").map { "\($0.word("id")) …\($0.word("hint"))" }
                let steps = source.list("transformations").map { $0.word("plugin") }
                table.add(
                    source.word("name"),
                    source["enabled"]?.truth == true ? "yes" : "no",
                    source.count("partitions"),
                    Limit.text(source["limits"]),
                    steps.isEmpty ? "none" : steps.joined(separator: ", "),
                    keys.isEmpty ? "none" : keys.joined(separator: ", ")
                )
            }
            return table
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Create a source with a write key, which is shown this once."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its name: a-z, 0-9 and -.") var name: String
        @Option(help: "How many partitions.") var partitions: Int?

        func run() async throws {
            var wish: Document = [:]
            if let partitions { wish = wish.adding("partitions", .integer(partitions)) }
            try await server.withClient { client in
                let applied = try await client.call(.put, "/sources/\(AdminClient.encoded(name))", body: .json(wish))
                let changes = applied.list("changes").compactMap(\.string)
                for change in changes { Terminal.line(change) }
                if changes.isEmpty { Terminal.line("The source \(name) is there already; nothing changes.") }
                Keys.show(applied)
            }
        }
    }

    struct Partitions: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Give a source another number of partitions; what was accepted before is delivered first."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its name.") var name: String
        @Argument(help: "How many, 1 to 64.") var partitions: Int

        func run() async throws {
            try await server.withClient { client in
                let path = "/sources/\(AdminClient.encoded(name))"
                let source = try await client.call(.get, path)
                let wish: Document = [
                    "enabled": .truth(source["enabled"]?.truth == true), "partitions": .integer(partitions),
                ]
                let applied = try await client.call(.put, path, body: .json(wish))
                let changes = applied.list("changes").compactMap(\.string)
                for change in changes { Terminal.line(change) }
                if changes.isEmpty { Terminal.line("The source \(name) has \(partitions) already; nothing changes.") }
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a source that has no connections.")
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its name.") var name: String

        func run() async throws {
            try await server.withClient { client in
                try await client.call(.delete, "/sources/\(AdminClient.encoded(name))")
                Terminal.line("- source \(name)")
            }
        }
    }

    struct Keys: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "key",
            abstract: "Create and revoke write keys.",
            subcommands: [CreateKey.self, RevokeKey.self]
        )

        static func show(_ applied: Document) {
            for key in applied.list("writeKeys") {
                Terminal.line("The write key of source \(key.word("source")), shown this once: \(key.word("key"))")
            }
        }
    }

    struct CreateKey: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Make another write key for a source, shown this once."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "The source's name.") var source: String

        func run() async throws {
            try await server.withClient { client in
                Keys.show(try await client.call(.post, "/sources/\(AdminClient.encoded(source))/write-keys"))
            }
        }
    }

    struct RevokeKey: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "Revoke a write key; whoever sends with it is refused from then on."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "The source's name.") var source: String
        @Argument(help: "The key's id, as leat source list shows it.") var key: String

        func run() async throws {
            try await server.withClient { client in
                let path = "/sources/\(AdminClient.encoded(source))/write-keys/\(AdminClient.encoded(key))"
                try await client.call(.delete, path)
                Terminal.line("- write key \(key) of source \(source)")
            }
        }
    }
}
