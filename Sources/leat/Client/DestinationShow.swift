import ArgumentParser
import Catalog

extension Destinations {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show how delivery to a destination stands: its state, its limits, and what waits for what."
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "The destination's name.") var name: String
        @Flag(help: "As JSON.") var json = false

        func run() async throws {
            try await server.withClient { client in
                let status = try await client.call(.get, "/destinations/\(AdminClient.encoded(name))/status")
                if json { return Terminal.line(status.json) }
                for line in Self.lines(status) { Terminal.line(line) }
                let table = Self.table(status)
                Terminal.line("")
                table.show(orSay: "No server delivers to it now.")
            }
        }

        /// One fact a line.
        static func lines(_ status: Document) -> [String] {
            var lines = ["\(status.word("destination")): \(state(status))", "limits: \(limits(status))"]
            let counts = ["inFlight", "waiting", "parked", "unread"].map { status.count($0) }
            lines.append(
                "\(counts[0]) requests in flight, \(counts[1]) waiting; \(counts[2]) parked, \(counts[3]) events unread"
                    + (status["oldestSeconds"]?.number.map { ", the oldest \(Units.age(seconds: $0)) old" } ?? "")
            )
            if let next = status["nextRetry"]?.string { lines.append("next try: \(next)") }
            for wait in status.list("waits") {
                let node = wait["node"]?.string.map { " (\($0))" } ?? ""
                let until = wait["until"]?.string.map { ", until \($0)" } ?? ""
                lines.append("waits: \(wait.word("words"))\(until)\(node)")
            }
            return lines
        }

        private static func state(_ status: Document) -> String {
            let state = status.word("state")
            guard let at = status["pausedAt"]?.string, let who = status["pausedBy"]?.string else { return state }
            let reason = status["pauseReason"]?.string ?? ""
            let left = state == "draining" ? ", \(status.count("left")) left" : ""
            return "\(state)\(left) since \(at), by \(who)" + (reason.isEmpty ? "" : ": \(reason)")
        }

        private static func limits(_ status: Document) -> String {
            (status["limits"]?.members ?? []).map { "\($0.key) \($0.value.string ?? $0.value.canonicalJSON)" }
                .joined(separator: ", ")
        }

        static func table(_ status: Document) -> Table {
            var table = Table(
                (head: "NODE", side: .left),
                (head: "LANES", side: .right),
                (head: "REQUESTS/S", side: .right),
                (head: "EVENTS/S", side: .right),
                (head: "AFTER 429", side: .right),
                (head: "CONCURRENCY", side: .right),
                (head: "IN FLIGHT", side: .right),
                (head: "WAITING", side: .right),
                (head: "CIRCUIT", side: .left),
                (head: "SAID", side: .right)
            )
            for node in status.list("nodes") {
                table.add(
                    node.word("node"),
                    node.count("lanes"),
                    rate(node["requestsPerSecond"]),
                    rate(node["eventsPerSecond"]),
                    rate(node["adaptiveRate"]),
                    node.count("concurrency"),
                    node.count("inFlight"),
                    node.count("waiting"),
                    node.word("circuit"),
                    "\(Units.age(seconds: node["ageSeconds"]?.number)) ago"
                )
            }
            return table
        }

        private static func rate(_ value: Document?) -> String {
            guard let value, value.content != .null else { return "-" }
            return value.canonicalJSON
        }
    }
}
