import ArgumentParser
import Catalog
import Foundation

/// Follows one event through everything.
struct EventCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "event",
        abstract: "Follow one event through everything: acceptance, plugins, requests, answers.",
        discussion: """
            With --user only that user's partitions are read. Without it every partition is looked through since a time, an \
            hour ago unless --since says otherwise. Each part says whether it was recorded when it happened, or recomputed \
            now with the recorded plugin versions and nothing sent.
            """
    )

    @OptionGroup var server: ServerOptions
    @Argument(help: "The event's messageId.") var message: String
    @Option(help: "Its user's key: userId if it had one, else anonymousId.") var user: String?
    @Option(help: "Accepted since: a time such as 2026-11-22T14:30:00Z, or as long ago as 15m.") var since: String?
    @Option(help: "Only events of one source.") var source: String?
    @Flag(help: "As JSON.") var json = false

    func run() async throws {
        var query: [(String, String)] = []
        if let user { query.append(("user", user)) }
        if let since { query.append(("since", try LogCat.time(since, now: Date()))) }
        if let source { query.append(("source", source)) }
        try await server.withClient { client in
            let answer = try await client.call(.get, "/events/\(AdminClient.encoded(message))", query: query)
            if json { return Terminal.line(answer.json) }
            var story = EventStory(isColoured: Terminal.isColoured)
            story.tell(answer)
            for line in story.lines { Terminal.line(line) }
            if answer.list("copies").isEmpty { throw ExitCode(1) }
        }
    }
}

/// An event's way as lines for a person.
struct EventStory {
    private let isColoured: Bool
    private(set) var lines: [String] = []

    init(isColoured: Bool) { self.isColoured = isColoured }

    mutating func tell(_ path: Document) {
        let copies = path.list("copies")
        guard !copies.isEmpty else {
            let since = path["since"]?.string.map { " since \($0)" } ?? ""
            let words =
                "No event \"\(path.word("messageId"))\" was found in \(path.count("partitions")) partitions\(since)."
            lines.append("\(words) Name its user with --user, or an earlier time with --since.")
            return
        }
        for (number, copy) in copies.enumerated() {
            if number > 0 { lines.append("") }
            tell(copy: copy, of: path.word("messageId"))
        }
    }

    private mutating func tell(copy: Document, of message: String) {
        let kind = copy["type"]?.string.map { "\($0) " } ?? ""
        lines.append("\(kind)\(message)  \(copy.word("source")) \(copy.word("partition")):\(copy.count("offset"))")
        lines.append("  received  \(copy.word("receivedAt"))")
        let chunk = copy["chunkEvents"]?.integer.map { ", in a chunk of \($0)" } ?? ""
        lines.append("  accepted  \(copy.word("acceptedAt"))\(chunk)")
        if let original = copy["duplicateOf"]?.integer { lines.append("  repeats   the event at offset \(original)") }
        if copy["inLog"]?.truth == false { lines.append("  It has left the log.") }
        for consumer in copy.list("consumers") {
            lines.append("")
            tell(consumer: consumer)
        }
    }

    private mutating func tell(consumer: Document) {
        let basis = consumer.word("outcomeBasis")
        let source = basis == "recorded" ? "" : " (\(basis))"
        lines.append(bold("→ \(consumer.word("connection"))  \(consumer.word("outcome"))\(source)"))
        let plugins = consumer.list("plugins").map { "\($0.word("plugin"))@\($0.word("version"))" }
        if !plugins.isEmpty { lines.append("  plugins   \(plugins.joined(separator: ", "))") }
        if let wanted = consumer.list("plugins").last?["rule"]?.string, !wanted.isEmpty {
            lines.append("  wanted    \(wanted)")
        }
        for pass in consumer.list("passes") { tell(pass: pass) }
        for letter in consumer.list("deadLetters") {
            lines.append(
                "  dead letter  \(letter.word("diedAt"))  \(letter.word("stage"))  \(letter.word("code")): \(letter.word("reason"))"
            )
        }
        for parked in consumer.list("parked") {
            let next = parked["nextAttemptAt"]?.string.map { "next try \($0)" } ?? "behind an earlier event of its user"
            lines.append("  parked    \(next), \(parked.count("attempts")) tries, \(parked.word("code"))")
        }
        if let note = consumer["note"]?.string { lines.append("  \(note)") }
    }

    private mutating func tell(pass: Document) {
        let basis = pass.word("basis")
        let at = pass["readAt"]?.string ?? pass["writtenAt"]?.string ?? "now"
        let cause = pass["cause"]?.string.map { ", as \($0)" } ?? ""
        let node = pass["node"]?.string.map { " on \($0)" } ?? ""
        lines.append("  \(at)  \(basis)\(cause)\(node)")
        for stage in pass.list("stages") { tell(stage: stage, in: basis) }
        for send in pass.list("sends") { tell(send: send) }
        for request in pass.list("requests") { tell(request: request, "    would send ") }
        let code = pass["code"]?.string.map { " \($0)" } ?? ""
        let reason = pass["reason"]?.string.map { ": \($0)" } ?? ""
        let next = pass["nextAttemptAt"]?.string.map { ", next try \($0)" } ?? ""
        lines.append("    \(pass.word("outcome"))\(code)\(reason)\(next)")
    }

    private mutating func tell(stage: Document, in basis: String) {
        let plugin = stage["plugin"] ?? nil
        let owner = plugin["ofSource"]?.truth == true ? " of the source" : ""
        var line =
            "    \(stage.word("stage"))  \(plugin.word("plugin"))@\(plugin.word("version"))\(owner)  \(stage.word("verdict"))"
        if let seconds = stage["seconds"]?.number {
            let events = stage["events"]?.integer ?? 1
            let together = events > 1 ? " for \(events) events together" : ""
            line += "  \(Units.duration(seconds: seconds))\(together)"
        }
        lines.append(line)
        if let asked = stage["asked"]?.integer, let rule = plugin["rule"]?.string {
            lines.append(
                "      when \(rule): \(asked == 0 ? "does not hold" : asked == 1 ? "holds" : "holds for \(asked) parts")"
            )
        }
        tellBasis(of: stage, in: basis)
        let parts = stage["partCount"]?.integer ?? 0
        let comparisons = stage.list("comparisons")
        for (number, places) in stage.list("differences").enumerated() {
            let comparison: Document = number < comparisons.count ? comparisons[number] : nil
            // Of one part that came in it goes without saying.
            let origin = stage["before"]?.members == nil ? comparison["from"]?.integer.map { " of part \($0)" } : nil
            if parts > 1 || origin != nil { lines.append("      part \(number)\(origin ?? "")") }
            for place in places.elements ?? [] { tell(difference: place) }
            if let more = comparison["more"]?.integer, more > 0 { lines.append("      and \(more) places more") }
            if let note = comparison["note"]?.string { lines.append("      \(note)") }
            if places.elements?.isEmpty == true { lines.append("      unchanged") }
        }
        let told = Int64(stage.list("parts").count)
        if parts > told, told > 0 { lines.append("      and \(parts - told) parts more, which are not kept") }
        if let note = stage["note"]?.string { lines.append("      \(note)") }
    }

    /// Says of what came in and out how it is known, where it is not known as the rest is.
    private mutating func tellBasis(of stage: Document, in basis: String) {
        for (key, what) in [("beforeBasis", "in"), ("partsBasis", "out")] {
            guard let own = stage[key]?.string, own != basis else { continue }
            lines.append("      what came \(what): \(own)")
        }
    }

    private mutating func tell(difference: Document) {
        lines += Self.lines(ofDifference: difference).map { "      \($0)" }.map { coloured($0) }
    }

    /// One place that differs, with a minus for what was and a plus for what is.
    static func lines(ofDifference difference: Document) -> [String] {
        let pointer = difference["pointer"]?.string ?? ""
        let place = pointer.isEmpty ? "" : "\(pointer)  "
        return [("-", "before"), ("+", "after")].compactMap { sign, key in
            difference[key]?.string.map { "\(sign) \(place)\(short($0))" }
        }
    }

    private mutating func tell(send: Document) {
        let carried = send["carried"]?.integer ?? 1
        let others = carried > 1 ? ", with \(carried - 1) others" : ""
        lines.append("    request \(send.word("ending"))\(others)")
        for attempt in send.list("attempts") {
            if let request = attempt["request"], request.members != nil { tell(request: request, "      ") }
            let took = Units.duration(seconds: attempt["seconds"]?.number)
            let first =
                attempt["firstByteSeconds"]?.number.map { ", first byte after \(Units.duration(seconds: $0))" } ?? ""
            lines.append(
                "      try \(attempt.count("number"))  \(attempt.word("at"))  \(attempt.word("code"))  \(took)\(first)"
            )
            for header in attempt.list("answerHeaders") {
                lines.append("        \(header.word("name")): \(header.word("value"))")
            }
            if let answer = attempt["answer"]?.string, !answer.isEmpty { lines.append("        \(Self.short(answer))") }
        }
    }

    private mutating func tell(request: Document, _ indent: String) {
        let size = Units.bytes(request["bodyBytes"]?.number)
        lines.append("\(indent)\(request.word("method")) \(request.word("url"))  \(size)")
        let blank = String(repeating: " ", count: indent.prefix { $0 == " " }.count + 2)
        for header in request.list("headers") {
            lines.append("\(blank)\(header.word("name")): \(header.word("value"))")
        }
        if let body = request["body"]?.string, !body.isEmpty { lines.append("\(blank)\(Self.short(body))") }
    }

    /// - Unit: characters of a text on one line.
    private static let longestText = 400

    /// The beginning of a text on one line.
    static func short(_ text: String) -> String {
        let line = String(text.prefix(longestText).map { $0.isNewline ? " " : $0 })
        return text.count > longestText ? line + " …" : line
    }

    private func bold(_ text: String) -> String { isColoured ? "\u{1B}[1m\(text)\u{1B}[0m" : text }

    private func coloured(_ line: String) -> String { isColoured ? Self.coloured(line) : line }

    /// What was is red, what is is green.
    static func coloured(_ line: String) -> String {
        let sign = line.drop { $0 == " " }.first
        guard sign == "-" || sign == "+" else { return line }
        return "\u{1B}[\(sign == "-" ? 31 : 32)m\(line)\u{1B}[0m"
    }
}
