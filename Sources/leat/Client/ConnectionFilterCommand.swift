import ArgumentParser
import Catalog

extension Connections {
    struct Filter: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say which events a connection wants; what is not named does not matter from then on.",
            discussion: """
                A condition such as: type == "track" && properties.total > 100. It acts on what is read next; see \
                docs/filters.md for the language.
                """
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "source/destination.") var name: String
        @Option(help: "The condition that must hold.") var when: String?
        @Option(help: "The share of users, such as 0.1.") var sample: String?
        @Option(parsing: .upToNextOption, help: "Categories that a user must have consented to.")
        var consent: [String] = []
        @Option(help: "all or any of them; the event decides unless told.") var match: String?
        @Option(help: "withhold or deliver what says nothing of consent.") var missing: String?
        @Flag(help: "Let it want everything.") var everything = false

        func validate() throws {
            let hasWish = when != nil || sample != nil || !consent.isEmpty
            guard hasWish != everything else {
                throw ValidationError("name --when, --sample or --consent, or --everything to take all of them away")
            }
            guard !consent.isEmpty || match == nil && missing == nil else {
                throw ValidationError("--match and --missing belong to --consent")
            }
        }

        func run() async throws {
            let path = try Changes.path(ofConnection: name)
            try await server.withClient { client in
                let connection = try await client.call(.get, path)
                var wish = Connections.wish(connection, without: ["filter", "sample", "consent"])
                if let when { wish = wish.adding("filter", .text(when)) }
                if let sample { wish = wish.adding("sample", (try? Document.json(sample)) ?? .text(sample)) }
                if !consent.isEmpty { wish = wish.adding("consent", rule) }
                Changes.show(try await client.call(.put, path, body: .json(wish)))
            }
        }

        private var rule: Document {
            var rule: Document = ["categories": .list(consent.map { .text($0) })]
            if let match { rule = rule.adding("match", .text(match)) }
            if let missing { rule = rule.adding("missing", .text(missing)) }
            return rule
        }

        /// What a connection wants, for a table.
        static func text(_ connection: Document) -> String {
            var words: [String] = []
            if let sample = connection["sample"] { words.append("sample \(sample.canonicalJSON)") }
            if let filter = connection["filter"]?.string { words.append("filter \(filter)") }
            if let consent = connection["consent"] {
                let categories = consent.list("categories").compactMap(\.string).joined(separator: ", ")
                words.append("consent to \(consent["match"]?.string.map { "\($0) of " } ?? "")\(categories)")
            }
            return words.isEmpty ? "everything" : words.joined(separator: "; ")
        }
    }
}
