import ArgumentParser
import Catalog
import EventModel
import Foundation
import Sandbox

/// Everything about the secrets that requests to destinations carry.
struct Secrets: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secret",
        abstract: "Set, permit, list, remove and re-encrypt the secrets that requests carry.",
        discussion: """
            A destination's configuration refers to a secret as ${secret:NAME}, or names it where its connector asks for a \
            name. The server puts the value into requests; no plugin, list, log or export ever has it.
            """,
        subcommands: [Set.self, Permit.self, List.self, Remove.self, RotateKey.self]
    )

    /// Where a secret may go.
    struct ScopeOptions: ParsableArguments {
        @Option(help: "A destination that may have it; give it again for another.") var destination: [String] = []
        @Option(help: "A connector by id: every destination through it may have it.") var plugin: [String] = []
    }

    struct Set: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Set a secret; its value is asked for without being shown, or read from standard input.",
            discussion: """
                What is not said stays as it is, so setting the value of a secret that is there replaces the value alone; \
                requests carry the new one from their next try on. A line end behind the value is left out. A private key \
                for a transport's clientKey is given as PEM: leat secret set NAME --destination crm < key.pem
                """
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its name: a-z, 0-9 and -.") var name: String
        @OptionGroup var scope: ScopeOptions
        @Flag(name: .customLong("any"), help: "Every destination may have it.") var everywhere = false
        @Option(name: .customLong("as"), help: "raw, bearer, or basic for user:password.") var scheme: String?
        @Option(help: "The header it stands in instead of Authorization.") var header: String?
        @Flag(help: "Leave the value and change only where it may go.") var keepValue = false
        @Flag(help: "Also if a destination that refers to it loses it.") var force = false

        func run() async throws {
            try await server.withClient { client in
                var members: [(String, Document)] = []
                if !keepValue { members.append(("value", .text(try SecretInput.read(name)))) }
                if !scope.destination.isEmpty {
                    members.append(("destinations", .list(scope.destination.map { .text($0) })))
                }
                if !scope.plugin.isEmpty { members.append(("plugins", .list(scope.plugin.map { .text($0) }))) }
                if everywhere { members.append(("any", true)) }
                if let scheme { members.append(("as", .text(scheme))) }
                if let header { members.append(("header", .text(header))) }
                let path = "/secrets/\(AdminClient.encoded(name))"
                let query = force ? [("force", "true")] : []
                let secret = try await client.call(.put, path, query: query, body: .json(.object(members)))
                Terminal.line("The secret \(name) is set for \(Secrets.scope(of: secret)).")
                let used = secret.list("destinations").compactMap(\.string)
                let known = try await client.call(.get, "/destinations").list("destinations").map { $0.word("name") }
                for destination in used where !known.contains(destination) {
                    Terminal.line("There is no destination \(destination) yet.")
                }
            }
        }
    }

    struct Permit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Let more destinations or connectors have a secret.")
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its name.") var name: String
        @OptionGroup var scope: ScopeOptions

        func validate() throws {
            if scope.destination.isEmpty, scope.plugin.isEmpty {
                throw ValidationError("Say who may have it: --destination or --plugin.")
            }
        }

        func run() async throws {
            try await server.withClient { client in
                let path = "/secrets/\(AdminClient.encoded(name))"
                let secret = try await client.call(.get, path)
                guard secret["any"]?.truth != true else { return Terminal.line("Any destination may have it already.") }
                let destinations = secret.list("destinations") + scope.destination.map { .text($0) }
                let plugins = secret.list("plugins") + scope.plugin.map { .text($0) }
                let wish: Document = ["destinations": .list(destinations), "plugins": .list(plugins)]
                let now = try await client.call(.put, path, body: .json(wish))
                Terminal.line("The secret \(name) is for \(Secrets.scope(of: now)).")
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the secrets; never their values.")
        @OptionGroup var server: ServerOptions
        @Flag(help: "As JSON.") var json = false

        func run() async throws {
            try await server.withClient { client in
                let answer = try await client.call(.get, "/secrets")
                if json { return Terminal.line(answer.json) }
                var table = Table(
                    (head: "SECRET", side: .left),
                    (head: "FOR", side: .left),
                    (head: "AS", side: .left),
                    (head: "KEY", side: .left),
                    (head: "CREATED", side: .left),
                    (head: "ROTATED", side: .left),
                    (head: "BY", side: .left),
                    (head: "USED BY", side: .left),
                    (head: "STATE", side: .left)
                )
                for secret in answer.list("secrets") {
                    let users = secret.list("usedBy").compactMap(\.string).joined(separator: ", ")
                    table.add(
                        secret.word("name"),
                        Secrets.scope(of: secret),
                        "\(secret.word("as")) in \(secret.word("header"))",
                        secret.word("keyId"),
                        secret.word("createdAt"),
                        secret.word("rotatedAt"),
                        secret.word("changedBy"),
                        users.isEmpty ? "-" : users,
                        secret.word("state")
                    )
                }
                table.show(orSay: "There are no secrets.")
                for reason in answer.list("secrets").compactMap({ $0["reason"]?.string }) {
                    Terminal.line("Locked: \(reason).")
                }
            }
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Remove a secret.")
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its name.") var name: String
        @Flag(help: "Also while destinations refer to it; they wait until there is one of the name again.")
        var force = false

        func run() async throws {
            try await server.withClient { client in
                let query = force ? [("force", "true")] : []
                try await client.call(.delete, "/secrets/\(AdminClient.encoded(name))", query: query)
                Terminal.line("- secret \(name)")
            }
        }
    }

    struct RotateKey: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "rotate-key",
            abstract: "Encrypt every secret with the server's first key, so that older keys can go.",
            discussion: """
                Before: put the new key before the old one into the key file of every server, and restart them. \
                Afterwards the old key can be taken out of it.
                """
        )
        @OptionGroup var server: ServerOptions

        func run() async throws {
            try await server.withClient { client in
                let answer = try await client.call(.post, "/secrets/rewrap")
                Terminal.line(
                    "\(answer.count("rewrapped")) secrets encrypted anew with the key \(answer.word("keyId"))."
                )
            }
        }
    }

    fileprivate static func scope(of secret: Document) -> String {
        SecretScope(
            destinations: secret.list("destinations").compactMap(\.string),
            plugins: secret.list("plugins").compactMap(\.string)
        ).words
    }
}

/// Takes a secret's value from a person or a program, never from the command line, which others can see.
private enum SecretInput {
    static func read(_ name: String) throws -> String {
        let limit = SecretValue.lengths.upperBound
        if isatty(STDIN_FILENO) == 1 {
            Terminal.complain("Value of \(name), not shown: ")
            guard let line = HiddenInput.line(of: STDIN_FILENO, atMost: limit) else {
                throw RuntimeError("Nothing was set.")
            }
            return String(decoding: line, as: UTF8.self)
        }
        var bytes = Data()
        while bytes.count <= limit + 2, let piece = try FileHandle.standardInput.read(upToCount: limit + 3),
            !piece.isEmpty
        {
            bytes += piece
        }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw RuntimeError("The value is no UTF-8.") }
        return String(text.hasSuffix("\r\n") || text.hasSuffix("\n") ? text.dropLast() : Substring(text))
    }
}
