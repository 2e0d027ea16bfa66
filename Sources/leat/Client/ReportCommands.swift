import ArgumentParser
import Catalog

/// The exact counts of every stage.
struct CountsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "counts",
        abstract: "Show how many events are at, and came out of, every stage.",
        discussion: """
            Exact, as of one committed state: read = duplicates + filtered + dropped + failed + transformed, and \
            emitted = delivered + dead + waiting.
            """
    )

    @OptionGroup var server: ServerOptions
    @Flag(help: "As JSON.") var json = false

    func run() async throws {
        try await server.withClient { client in
            let answer = try await client.call(.get, "/counts")
            if json { return Terminal.line(answer.json) }
            Self.sources(answer).show(orSay: "There are no sources yet.")
            Terminal.line("")
            Self.connections(answer).show(orSay: "There are no connections yet.")
            let reasons = Self.reasons(answer)
            guard !reasons.isEmpty else { return }
            Terminal.line("")
            reasons.show(orSay: "")
        }
    }

    /// Why events were filtered or dropped.
    static func reasons(_ answer: Document) -> Table {
        var table = Table(
            (head: "CONNECTION", side: .left),
            (head: "FILTERED OR DROPPED BECAUSE OF", side: .left),
            (head: "EVENTS", side: .right)
        )
        for connection in answer.list("connections") {
            for reason in connection["reasons"]?.members ?? [] {
                let events = reason.value.integer.map(Units.count) ?? "-"
                table.add(connection.word("connection"), reason.key, events)
            }
        }
        return table
    }

    static func sources(_ answer: Document) -> Table {
        var table = Table(
            (head: "SOURCE", side: .left),
            (head: "ACCEPTED", side: .right),
            (head: "REFUSED", side: .right)
        )
        for source in answer.list("sources") {
            table.add(source.word("source"), source.count("accepted"), source.count("refused"))
        }
        return table
    }

    static func connections(_ answer: Document) -> Table {
        var table = Table(
            (head: "CONNECTION", side: .left),
            (head: "READ", side: .right),
            (head: "UNREAD", side: .right),
            (head: "EXPIRED", side: .right),
            (head: "DUPLICATES", side: .right),
            (head: "FILTERED", side: .right),
            (head: "DROPPED", side: .right),
            (head: "FAILED", side: .right),
            (head: "TRANSFORMED", side: .right),
            (head: "EMITTED", side: .right),
            (head: "DELIVERED", side: .right),
            (head: "DEAD", side: .right),
            (head: "WAITING", side: .right)
        )
        for connection in answer.list("connections") {
            table.add(
                connection.word("connection"),
                connection.count("read"),
                connection.count("unread"),
                connection.count("expired"),
                connection.count("duplicates"),
                connection.count("filtered"),
                connection.count("dropped"),
                connection.count("failed"),
                connection.count("transformed"),
                connection.count("emitted"),
                connection.count("delivered"),
                connection.count("deadLettered"),
                connection.count("waiting")
            )
        }
        return table
    }
}

/// A sample of what was sent and refused.
struct RefusedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "refused",
        abstract: "List a sample of the events that were sent and refused, the newest first."
    )

    @OptionGroup var server: ServerOptions
    @Option(help: "Only those of one source.") var source: String?
    @Option(help: "How many at most, 1 to 1000.") var limit = 20
    @Flag(help: "As JSON, with the events.") var json = false

    func run() async throws {
        var query = [("limit", "\(limit)")]
        if let source { query.append(("source", source)) }
        try await server.withClient { client in
            let answer = try await client.call(.get, "/refused", query: query)
            if json { return Terminal.line(answer.json) }
            Self.table(answer).show(orSay: "Nothing was refused.")
        }
    }

    static func table(_ answer: Document) -> Table {
        var table = Table((head: "AT", side: .left), (head: "SOURCE", side: .left), (head: "REASON", side: .left))
        for refused in answer.list("refused") {
            table.add(
                refused.word("at"),
                refused.word("source"),
                "\(refused.word("code")): \(refused.word("message"))"
            )
        }
        return table
    }
}
