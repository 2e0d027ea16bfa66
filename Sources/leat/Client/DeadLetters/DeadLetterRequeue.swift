import ArgumentParser
import Catalog

extension DeadLetters {
    struct Requeue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take dead letters up again, each once.",
            discussion: """
                Say whose: a connection, destination, source or replay, or the name of one dead letter. Those of each \
                connection are sent by a replay of their own, as a person edited them or else as they were accepted. \
                --dry-run only counts them.
                """
        )
        @OptionGroup var server: ServerOptions
        @Argument(help: "The name of one, as leat dead-letters shows it.") var id: String?
        @OptionGroup var options: DeadLetterOptions
        @Flag(help: "Also those that were taken up before.") var again = false
        @Option(help: "Events a second of each connection, over all servers.") var rate = 500
        @Flag(help: "Only count them.") var dryRun = false
        @Flag(help: "As JSON.") var json = false

        func run() async throws {
            var query = try options.query()
            if let id { query.append(("id", id)) }
            query += [("again", "\(again)"), ("rate", "\(rate)"), ("dryRun", "\(dryRun)")]
            try await server.withClient { client in
                let answer = try await client.call(.post, "/dead-letters/requeue", query: query)
                if json { return Terminal.line(answer.json) }
                for line in Self.lines(answer) { Terminal.line(line) }
            }
        }

        static func lines(_ answer: Document) -> [String] {
            let requeues = answer.list("requeues")
            guard !requeues.isEmpty else { return ["There are no dead letters to be taken up."] }
            var lines = requeues.map { requeue in
                let what = "\(requeue.count("letters")) dead letters of \(requeue.count("events")) events of "
                let connection = requeue.word("connection")
                guard let id = requeue["replay"]?["id"]?.integer else {
                    return "\(what)\(connection) would be taken up."
                }
                return "\(what)\(connection) are taken up by replay \(id): leat replay show \(id)"
            }
            let isBegun = requeues.contains { $0["replay"]?.members != nil }
            if !isBegun { lines.append("Nothing was begun. Without --dry-run the same command takes them up.") }
            return lines
        }
    }
}
