import ArgumentParser
import Catalog

/// Everything about destinations.
struct Destinations: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "destination",
        abstract: "List destinations, change their limits, and stop and resume delivery; leat apply creates them.",
        subcommands: [List.self, Show.self, Limit.self, Pause.self, Drain.self, Resume.self]
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the destinations with their limits.")
        @OptionGroup var server: ServerOptions
        @Flag(help: "As JSON.") var json = false

        func run() async throws {
            try await server.withClient { client in
                let answer = try await client.call(.get, "/destinations")
                if json { return Terminal.line(answer.json) }
                Self.table(answer).show(orSay: "There are no destinations yet.")
            }
        }

        static func table(_ answer: Document) -> Table {
            var table = Table(
                (head: "DESTINATION", side: .left),
                (head: "CONNECTOR", side: .left),
                (head: "ENABLED", side: .left),
                (head: "STATE", side: .left),
                (head: "CONCURRENCY", side: .right),
                (head: "TIMEOUT", side: .right),
                (head: "RETRIES", side: .right),
                (head: "OTHER LIMITS", side: .left)
            )
            for destination in answer.list("destinations") {
                table.add(
                    destination.word("name"),
                    destination.word("connector"),
                    destination["enabled"]?.truth == true ? "yes" : "no",
                    destination.word("state"),
                    destination["limits"]?.count("concurrency") ?? "-",
                    destination["limits"]?.word("timeout") ?? "-",
                    destination["limits"]?.count("retries") ?? "-",
                    other(destination["limits"])
                )
            }
            return table
        }

        /// The limits that have no column and are not as they are for everybody.
        private static func other(_ limits: Document?) -> String {
            let columns = ["concurrency", "timeout", "retries"]
            let standard = Dictionary(DestinationLimits.standard.members.map { ($0.key, $0.value) }) { $1 }
            let parts = (limits?.members ?? []).filter { member in
                !columns.contains(member.key) && standard[member.key]??.withoutLines != member.value.withoutLines
            }
            let texts = parts.map { "\($0.key) \($0.value.string ?? $0.value.canonicalJSON)" }
            return texts.isEmpty ? "-" : texts.joined(separator: ", ")
        }
    }

    struct Pause: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send nothing to a destination until it is resumed; nothing is lost."
        )
        @OptionGroup var halt: Halt
        func run() async throws { try await halt.carryOut("pause") }
    }

    struct Drain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Deliver what was accepted until now, and nothing that comes later until it is resumed."
        )
        @OptionGroup var halt: Halt
        func run() async throws { try await halt.carryOut("drain") }
    }

    struct Resume: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a pause or a drain.")
        @OptionGroup var server: ServerOptions
        @Argument(help: "The destination's name.") var name: String

        func run() async throws {
            try await server.withClient { client in
                let path = "/destinations/\(AdminClient.encoded(name))/resume"
                try await Destinations.tell(client.call(.post, path), orSay: "\(name) is neither paused nor drained.")
            }
        }
    }

    /// What pausing and draining are asked with.
    struct Halt: ParsableArguments {
        @OptionGroup var server: ServerOptions
        @Argument(help: "The destination's name.") var name: String
        @Option(help: "Why, for whoever finds it so.") var reason: String?

        func carryOut(_ verb: String) async throws {
            try await server.withClient { client in
                let wish = reason.map { AdminClient.Body.json(["reason": .text($0)]) }
                let answer = try await client.call(
                    .post,
                    "/destinations/\(AdminClient.encoded(name))/\(verb)",
                    body: wish
                )
                Destinations.tell(answer, orSay: "\(name) is so already; nothing changes.")
            }
        }
    }

    /// Shows what has changed.
    static func tell(_ answer: Document, orSay otherwise: String) {
        let changes = answer.list("changes").compactMap(\.string)
        for change in changes { Terminal.line(change) }
        if changes.isEmpty { Terminal.line(otherwise) }
    }
}
