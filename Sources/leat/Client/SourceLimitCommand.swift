import ArgumentParser
import Catalog

extension Sources {
    struct Limit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Limit what a source may send, over all nodes; what is not named has no limit from then on."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "The source's name.") var name: String
        @Option(help: "Events in a second.") var eventsPerSecond: Int?
        @Option(help: "Bytes of request bodies, once inflated, in a second.") var bytesPerSecond: Int?
        @Option(help: "Bytes of accepted events in a day in UTC.") var bytesPerDay: Int?
        @Flag(help: "Take every limit away.") var none = false

        func validate() throws {
            let hasLimit = eventsPerSecond != nil || bytesPerSecond != nil || bytesPerDay != nil
            guard hasLimit != none else {
                throw ValidationError("name at least one limit, or --none to take all of them away")
            }
        }

        func run() async throws {
            var limits: Document = [:]
            if let eventsPerSecond { limits = limits.adding("eventsPerSecond", .integer(eventsPerSecond)) }
            if let bytesPerSecond { limits = limits.adding("bytesPerSecond", .integer(bytesPerSecond)) }
            if let bytesPerDay { limits = limits.adding("bytesPerDay", .integer(bytesPerDay)) }
            let path = "/sources/\(AdminClient.encoded(name))"
            try await server.withClient { client in
                let source = try await client.call(.get, path)
                let wish: Document = ["enabled": source["enabled"] ?? .truth(true), "limits": limits]
                let changes = try await client.call(.put, path, body: .json(wish)).list("changes").compactMap(\.string)
                for change in changes { Terminal.line(change) }
                if changes.isEmpty { Terminal.line("These are the limits of \(name) already; nothing changes.") }
            }
        }

        /// The limits there are, for a table.
        static func text(_ limits: Document?) -> String {
            let parts = (limits?.members ?? []).map { "\($0.key) \($0.value.canonicalJSON)" }
            return parts.isEmpty ? "none" : parts.joined(separator: ", ")
        }
    }
}
