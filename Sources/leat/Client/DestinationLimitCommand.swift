import ArgumentParser
import Catalog

extension Destinations {
    struct Limit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Change single limits of a destination; what is not named stays.",
            discussion: "The word none gives a limit its standard; rates, the size of requests and lingering have none."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "The destination's name.") var name: String
        @Option(help: "Requests in a second over all servers, such as 50 or 0.5.") var requestsPerSecond: String?
        @Option(help: "Events in a second over all servers.") var eventsPerSecond: String?
        @Option(help: "Requests in flight at once on each server.") var concurrency: String?
        @Option(help: "The most events of one request.") var batchEvents: String?
        @Option(help: "How long to wait for more events while there are fewer, such as 2s.") var linger: String?
        @Option(help: "How long one request may take, such as 30s.") var timeout: String?
        @Option(help: "Tries again of an event that fails alone.") var retries: String?
        @Option(help: "How long such an event waits for its tries, such as 72h.") var retryFor: String?
        @Option(help: "Whether events of a user wait for each other: true or false.") var ordered: String?

        private var named: [(String, String)] {
            [
                ("requestsPerSecond", requestsPerSecond), ("eventsPerSecond", eventsPerSecond),
                ("concurrency", concurrency), ("batchEvents", batchEvents), ("linger", linger), ("timeout", timeout),
                ("retries", retries), ("retryFor", retryFor), ("ordered", ordered),
            ].compactMap { key, text in text.map { (key, $0) } }
        }

        func validate() throws {
            if named.isEmpty { throw ValidationError("name at least one limit") }
        }

        func run() async throws {
            let wish = Document.object(named.map { ($0, Self.value($1)) })
            let path = "/destinations/\(AdminClient.encoded(name))/limits"
            try await server.withClient { client in
                let answer = try await client.call(.patch, path, body: .json(wish))
                Destinations.tell(answer, orSay: "These are the limits of \(name) already; nothing changes.")
            }
        }

        /// A word of the command line as a document would have it.
        private static func value(_ word: String) -> Document {
            switch word {
            case "none": nil
            case "true", "false": .truth(word == "true")
            case _ where Double(word) != nil: (try? Document.json(word)) ?? .text(word)
            default: .text(word)
            }
        }
    }
}
