import ArgumentParser

/// Everything about the tokens of the admin interface.
struct Tokens: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "List, create and revoke tokens of the admin interface.",
        subcommands: [List.self, Create.self, Revoke.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the tokens' names.")
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.withClient { client in
                var table = Table((head: "TOKEN", side: .left), (head: "CREATED", side: .left))
                for token in try await client.call(.get, "/tokens").list("tokens") {
                    table.add(token.word("name"), token.word("createdAt"))
                }
                table.show(orSay: "There are no tokens.")
            }
        }
    }

    struct Create: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Make a token, which is shown this once.")
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its name: a-z, 0-9 and -.") var name: String

        func run() async throws {
            try await server.withClient { client in
                let answer = try await client.call(.put, "/tokens/\(AdminClient.encoded(name))")
                Terminal.line("The token \(name), shown this once: \(answer.word("token"))")
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Revoke a token.")
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its name.") var name: String

        func run() async throws {
            try await server.withClient { client in
                try await client.call(.delete, "/tokens/\(AdminClient.encoded(name))")
                Terminal.line("- token \(name)")
            }
        }
    }
}
