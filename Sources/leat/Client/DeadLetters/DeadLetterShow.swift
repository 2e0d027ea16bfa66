import ArgumentParser
import Catalog

extension DeadLetters {
    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show everything that is kept of one dead letter.",
            discussion: """
                The event as it was accepted, the part as it was when it failed, what a person made of it, and every \
                attempt that is kept, with what was sent and answered.
                """
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "Its name, as leat dead-letters shows it.") var id: String
        @Flag(help: "As JSON.") var json = false

        func run() async throws {
            try await server.withClient { client in
                let answer = try await client.call(.get, "/dead-letters/\(AdminClient.encoded(id))")
                if json { return Terminal.line(answer.json) }
                for line in Self.lines(answer) { Terminal.line(line) }
            }
        }

        static func lines(_ letter: Document) -> [String] {
            let isInLog = letter["inLog"]?.truth == true ? "in the log still" : "no longer in the log"
            let part = letter["part"]?.integer.map { ", part \($0)" } ?? ""
            let offset = letter["offset"]?.integer ?? 0
            let replay = letter["replay"]?.integer.map { ", of replay \($0)" } ?? ""
            var lines = [
                "id          \(letter.word("id"))", "connection  \(letter.word("connection"))\(replay)",
                "event       partition \(letter.word("partition")), offset \(offset)\(part), \(isInLog)",
                "accepted    \(letter.word("acceptedAt"))",
                "died        \(letter.word("at")) at the stage \(letter.word("stage")), after \(letter.count("attempts")) attempts",
                "reason      \(letter.word("code")): \(letter.word("message"))", "plugin      \(letter.word("plugin"))",
            ]
            if let edited = letter["edited"], edited.members != nil {
                lines.append("edited      \(edited.word("at")) by \(edited.word("by"))")
            }
            if let requeued = letter["requeued"], requeued.members != nil {
                lines.append("requeued    \(requeued.word("at")) by \(requeued.word("by"))")
                let again = letter.list("again").compactMap(\.string)
                for id in again { lines.append("died again  \(id)") }
            }
            for (title, key) in [("The event as accepted", "event"), ("As it was sent on", "transformed")] {
                lines += payload(title, letter[key]?.string)
            }
            lines += payload("As it was edited", letter["editedEvent"]?.string)
            let attempts = letter.list("history")
            if !attempts.isEmpty { lines += ["", "Attempts"] }
            for attempt in attempts { lines += attempt.pretty.map { "  " + $0 } }
            return lines
        }

        private static func payload(_ title: String, _ text: String?) -> [String] {
            guard let text else { return [] }
            return ["", title] + ((try? Document.json(text))?.pretty ?? [text]).map { "  " + $0 }
        }
    }
}

extension Document {
    /// The value as JSON over several lines, for people; numbers stay as they are written.
    var pretty: [String] {
        switch content {
        case .list(let elements) where !elements.isEmpty:
            return ["["] + Self.indented(elements.map(\.pretty)) + ["]"]
        case .object(let members) where !members.isEmpty:
            let entries = members.map { member in
                let lines = member.value.pretty
                return ["\(Document(.string(member.key)).json): \(lines[0])"] + lines.dropFirst()
            }
            return ["{"] + Self.indented(entries) + ["}"]
        default: return [json]
        }
    }

    private static func indented(_ entries: [[String]]) -> [String] {
        entries.enumerated().flatMap { index, lines in
            var lines = lines.map { "  " + $0 }
            if index < entries.count - 1 { lines[lines.count - 1] += "," }
            return lines
        }
    }
}
