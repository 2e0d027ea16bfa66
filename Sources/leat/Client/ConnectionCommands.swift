import ArgumentParser
import Catalog

/// Everything about connections.
struct Connections: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "connection",
        abstract: "List connections, say what they want and what happens when they lag; leat apply creates them.",
        subcommands: [List.self, Filter.self, Lag.self]
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
                (head: "TRANSFORMATIONS", side: .left),
                (head: "WANTS", side: .left)
            )
            for connection in answer.list("connections") {
                let steps = connection.list("transformations").map { step in
                    step["when"]?.string.map { "\(step.word("plugin")) when \($0)" } ?? step.word("plugin")
                }
                table.add(
                    connection.word("name"),
                    connection["enabled"]?.truth == true ? "yes" : "no",
                    connection.word("lag"),
                    steps.isEmpty ? "none" : steps.joined(separator: ", "),
                    Filter.text(connection)
                )
            }
            return table
        }
    }

    /// What is to be asked for so that a connection stays as it is but for some members.
    static func wish(_ connection: Document, without members: Set<String>) -> Document {
        let own: Set<String> = ["name", "id", "source", "destination"]
        return (connection.members ?? []).reduce(into: [:]) { wish, member in
            if own.union(members).contains(member.key) { return }
            wish = wish.adding(member.key, member.value)
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
                let wish = Connections.wish(connection, without: ["lag"]).adding("lag", .text(policy))
                let changes = try await client.call(.put, path, body: .json(wish)).list("changes").compactMap(\.string)
                for change in changes { Terminal.line(change) }
                if changes.isEmpty { Terminal.line("\(name) does so already; nothing changes.") }
            }
        }
    }
}
