import ArgumentParser
import Catalog
import Foundation
import Logging

/// Everything about the tokens of the admin interface.
struct Tokens: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "token",
        abstract: "List, create, revoke and reset tokens of the admin interface.",
        subcommands: [List.self, Create.self, Revoke.self, Reset.self]
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

    struct Reset: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a token anew on the server's own machine, without one; it is shown this once.",
            discussion: """
                For whoever knows no token any more. Works on the server's database itself, whether or not the server \
                runs: run it as the data folder's owner or as root, or with the server's DATABASE_URL. The token that \
                had the name is refused from then on.
                """
        )
        @Argument(help: "Its name.") var name: String = Catalog.firstTokenName
        @Option(help: "The server's data folder.") var dataDirectory: String?

        func run() async throws {
            guard Slug.isValid(name) else {
                throw ValidationError("A token's name is 1 to \(Slug.maximumLength) characters of a-z, 0-9 and -.")
            }
            let environment = ProcessInfo.processInfo.environment
            let options = dataDirectory.map { ["data.directory": $0] } ?? [:]
            let settings = try ServeSettings(options: options, environment: environment)
            // What the server would say of its configuration is not this command's to say.
            let quiet = Logger(label: "leat") { _ in SwiftLogNoOpLogHandler() }
            let token = try await LocalDatabase.with(settings, environment: environment) { pool in
                let catalog = try await Catalog.open(pool: pool, logger: quiet)
                return try await catalog.resetToken(named: name, by: "leat token reset")
            }
            Terminal.line("The token \(name), shown this once: \(token)")
        }
    }
}
