import ArgumentParser
import Catalog

/// Everything about destinations.
struct Destinations: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destination",
        abstract: "List destinations; leat apply creates and changes them.",
        subcommands: [List.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the destinations.")
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.withClient { client in
                let answer = try await client.call(.get, "/destinations")
                Self.table(answer).show(orSay: "There are no destinations yet.")
            }
        }

        static func table(_ answer: Document) -> Table {
            var table = Table(
                (head: "DESTINATION", side: .left),
                (head: "CONNECTOR", side: .left),
                (head: "ENABLED", side: .left),
                (head: "CONCURRENCY", side: .right),
                (head: "TIMEOUT", side: .right),
                (head: "RETRIES", side: .right)
            )
            for destination in answer.list("destinations") {
                table.add(
                    destination.word("name"),
                    destination.word("connector"),
                    destination["enabled"]?.truth == true ? "yes" : "no",
                    destination["limits"]?.count("concurrency") ?? "-",
                    destination["limits"]?.word("timeout") ?? "-",
                    destination["limits"]?.count("retries") ?? "-"
                )
            }
            return table
        }
    }
}

/// Everything about connections.
struct Connections: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connection",
        abstract: "List connections and say what happens when they lag; leat apply creates and changes them.",
        subcommands: [List.self, Lag.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the connections.")
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.withClient { client in
                let answer = try await client.call(.get, "/connections")
                Self.table(answer).show(orSay: "There are no connections yet.")
            }
        }

        static func table(_ answer: Document) -> Table {
            var table = Table(
                (head: "CONNECTION", side: .left),
                (head: "ENABLED", side: .left),
                (head: "LAG", side: .left),
                (head: "TRANSFORMATIONS", side: .left)
            )
            for connection in answer.list("connections") {
                let steps = connection.list("transformations").map { $0.word("plugin") }
                table.add(
                    connection.word("name"),
                    connection["enabled"]?.truth == true ? "yes" : "no",
                    connection.word("lag"),
                    steps.isEmpty ? "none" : steps.joined(separator: ", ")
                )
            }
            return table
        }
    }

    struct Lag: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say whether the log waits for a connection that lags (hold), or not (expire)."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "source/destination.") var name: String
        @Argument(help: "hold or expire.") var policy: String

        func validate() throws {
            guard name.split(separator: "/").count == 2 else {
                throw ValidationError("a connection is named source/destination")
            }
        }

        func run() async throws {
            let ends = name.split(separator: "/").map { AdminClient.encoded(String($0)) }
            let path = "/connections/" + ends.joined(separator: "/")
            try await server.withClient { client in
                let connection = try await client.call(.get, path)
                let wish: Document = [
                    "enabled": connection["enabled"] ?? .truth(true), "lag": .text(policy),
                    "transformations": .list(connection.list("transformations")),
                ]
                let changes = try await client.call(.put, path, body: .json(wish)).list("changes").compactMap(\.string)
                for change in changes { Terminal.line(change) }
                if changes.isEmpty { Terminal.line("\(name) does so already; nothing changes.") }
            }
        }
    }
}
