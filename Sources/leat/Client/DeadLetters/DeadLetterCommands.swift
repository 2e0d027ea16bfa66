import ArgumentParser
import AsyncHTTPClient
import Catalog
import Foundation
import NIOCore

/// Everything about events that are not tried again without a person.
struct DeadLetters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead-letters",
        abstract: "List, look at, edit, requeue and export events that are not tried again without a person.",
        subcommands: [List.self, Summary.self, Show.self, Edit.self, Requeue.self, Export.self],
        defaultSubcommand: List.self
    )
}

/// Which dead letters a command means.
struct DeadLetterOptions: ParsableArguments {
    @Option(help: "Only those on the way to one destination.") var destination: String?
    @Option(help: "Only those of one connection, as source/destination.") var connection: String?
    @Option(help: "Only those of one source.") var source: String?
    @Option(help: "Only those that one replay made, by its number.") var replay: Int?
    @Option(name: [.customLong("code"), .customLong("reason")], help: "Only those with this reason, such as http_400.")
    var code: String?
    @Option(help: "Only those that ended there: read, transform, connect or deliver.") var stage: String?
    @Option(help: "Only those of a plugin, by its id, or of one version, as id@version.") var plugin: String?
    @Option(
        name: [.customLong("from"), .customLong("since")],
        help: "Not those that died before: a time such as 2026-11-22T14:30:00Z, or as long ago as 15m."
    )
    var from: String?
    @Option(help: "Not those that died after, in the same form.") var until: String?
    @Option(help: "Only those of one user: the userId, or the anonymousId where there is none.") var user: String?
    @Option(help: "Only those of the event with this messageId.") var messageId: String?

    func query() throws -> [(String, String)] {
        let now = Date()
        let pairs: [(String, String?)] = [
            ("destination", destination), ("connection", connection), ("source", source),
            ("replay", replay.map { "\($0)" }), ("code", code), ("stage", stage), ("plugin", plugin),
            ("from", try from.map { try LogCat.time($0, now: now) }),
            ("until", try until.map { try LogCat.time($0, now: now) }), ("user", user), ("messageId", messageId),
        ]
        return pairs.compactMap { name, value in value.map { (name, $0) } }
    }
}

/// Which dead letters a command means that only looks at them.
struct DeadLetterChoice: ParsableArguments {
    @OptionGroup var kind: DeadLetterOptions
    @Flag(inversion: .prefixedNo, help: "Only those that were requeued, or were not.") var requeued: Bool?

    func query() throws -> [(String, String)] {
        try kind.query() + (requeued.map { [("requeued", "\($0)")] } ?? [])
    }
}

extension DeadLetters {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List dead letters, the newest first.")
        @OptionGroup var server: ServerOptions
        @OptionGroup var options: DeadLetterChoice
        @Option(help: "How many at most.") var limit = 20
        @Option(help: "Go on behind this place, which an answer named before.") var cursor: String?
        @Flag(help: "As JSON.") var json = false

        /// The most that one answer brings.
        private static let page = 1000

        func run() async throws {
            guard limit > 0 else { throw ValidationError("--limit is a whole number from 1.") }
            let query = try options.query()
            try await server.withClient { client in
                var letters: [Document] = []
                var next = cursor
                repeat {
                    var page = query + [("limit", "\(min(limit - letters.count, Self.page))")]
                    if let next { page.append(("cursor", next)) }
                    let answer = try await client.call(.get, "/dead-letters", query: page)
                    letters += answer.list("deadLetters")
                    next = answer["next"]?.string
                    Terminal.progress("\(letters.count) found")
                } while next != nil && letters.count < limit
                Terminal.progress("")
                let answer: Document = ["deadLetters": .list(letters), "next": .text(next)]
                if json { return Terminal.line(answer.json) }
                Self.table(answer).show(orSay: "There are no dead letters.")
                if let next { Terminal.complain("There are more: --cursor \(next)\n") }
            }
        }

        static func table(_ answer: Document) -> Table {
            var table = Table(
                (head: "AT", side: .left),
                (head: "CONNECTION", side: .left),
                (head: "REPLAY", side: .right),
                (head: "STAGE", side: .left),
                (head: "ATTEMPTS", side: .right),
                (head: "PLUGIN", side: .left),
                (head: "MARKS", side: .left),
                (head: "ID", side: .left),
                (head: "REASON", side: .left)
            )
            for letter in answer.list("deadLetters") {
                let marks = [("edited", letter["edited"]), ("requeued", letter["requeued"])]
                    .compactMap { $0.1?.members == nil ? nil : $0.0 }
                table.add(
                    letter.word("at"),
                    letter.word("connection"),
                    letter["replay"]?.integer.map(String.init) ?? "-",
                    letter.word("stage"),
                    letter.count("attempts"),
                    letter.word("plugin"),
                    marks.isEmpty ? "-" : marks.joined(separator: ","),
                    letter.word("id"),
                    "\(letter.word("code")): \(letter.word("message"))"
                )
            }
            return table
        }
    }

    struct Summary: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Count dead letters by connection, replay, stage, reason and plugin version."
        )
        @OptionGroup var server: ServerOptions
        @Option(help: "Only those on the way to one destination.") var destination: String?
        @Option(help: "Only those of one connection, as source/destination.") var connection: String?
        @Option(help: "Only those of one source.") var source: String?
        @Option(help: "Only those that one replay made, by its number.") var replay: Int?
        @Option(help: "Not those that died before: a time such as 2026-11-22T14:30:00Z, or as long ago as 15m.")
        var from: String?
        @Option(help: "Not those that died after, in the same form.") var until: String?
        @Flag(help: "As JSON.") var json = false

        func run() async throws {
            let now = Date()
            let pairs: [(String, String?)] = [
                ("destination", destination), ("connection", connection), ("source", source),
                ("replay", replay.map { "\($0)" }),
                ("from", try from.map { try LogCat.time($0, now: now) }),
                ("until", try until.map { try LogCat.time($0, now: now) }),
            ]
            let query = pairs.compactMap { name, value in value.map { (name, $0) } }
            try await server.withClient { client in
                let answer = try await client.call(.get, "/dead-letters/summary", query: query)
                if json { return Terminal.line(answer.json) }
                Self.table(answer).show(orSay: "There are no dead letters.")
                for line in Self.notes(answer) { Terminal.line(line) }
            }
        }

        static func table(_ answer: Document) -> Table {
            var table = Table(
                (head: "LETTERS", side: .right),
                (head: "CONNECTION", side: .left),
                (head: "REPLAY", side: .right),
                (head: "STAGE", side: .left),
                (head: "REASON", side: .left),
                (head: "PLUGIN", side: .left),
                (head: "FIRST", side: .left),
                (head: "LAST", side: .left)
            )
            for group in answer.list("groups") {
                table.add(
                    group.count("letters"),
                    group.word("connection"),
                    group["replay"]?.integer.map(String.init) ?? "-",
                    group.word("stage"),
                    group.word("code"),
                    group.word("plugin"),
                    group.word("first"),
                    group.word("last")
                )
            }
            return table
        }

        /// What is not in the table.
        static func notes(_ answer: Document) -> [String] {
            var notes = answer.list("expired").map {
                "\($0.count("letters")) of \($0.word("connection")) had their time and are gone."
            }
            if let since = answer["countedSince"]?.string { notes.append("Counted from \(since) on; there are more.") }
            if let left = answer["uncountedConnections"]?.integer, left > 0 {
                notes.append(
                    "\(Units.count(left)) connections and replays were not looked at for want of time; name one."
                )
            }
            return notes
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print dead letters whole, one JSON text a line, as many as there are.",
            discussion: "Each line is what leat dead-letters show --json prints of one."
        )
        @OptionGroup var server: ServerOptions
        @OptionGroup var options: DeadLetterChoice
        @Option(help: "The form: jsonl.") var format = "jsonl"

        func run() async throws {
            guard format == "jsonl" else { throw ValidationError("--format is jsonl.") }
            let query = try options.query()
            try await server.withClient { client in
                var count: Int64 = 0
                for try await part in try await client.stream("/dead-letters/export", query: query) {
                    let bytes = part.readableBytesView
                    count += bytes.reduce(0) { $1 == UInt8(ascii: "\n") ? $0 + 1 : $0 }
                    Terminal.write(String(decoding: bytes, as: UTF8.self))
                    Terminal.progress("\(Units.count(count)) dead letters")
                }
                Terminal.progress("")
                Terminal.complain("\(Units.count(count)) dead letters.\n")
            }
        }
    }
}
