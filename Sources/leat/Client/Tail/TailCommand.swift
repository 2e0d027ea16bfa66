import ArgumentParser
import Catalog
import Foundation
import Synchronization
import UnixSignals

/// Watches events as they pass.
struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Watch events as they pass a stage, on all nodes.",
        discussion: """
            accepted: committed to the log. transformed: parts on their way to the connector, with the plugin versions that \
            made them, and what was filtered, dropped or failed before. delivered: how they ended, or that they wait, when \
            the answer came. What comes faster than it can be \
            shown is left out and counted. Ends with Ctrl-C, or with 1 when a node ends it.
            """
    )

    @OptionGroup var server: ServerOptions
    @Option(help: "Where to watch: accepted, transformed or delivered.") var stage = "accepted"
    @Option(help: "Only those of one source.") var source: String?
    @Option(help: "Only those on the way to one destination.") var destination: String?
    @Option(help: "Only those of one connection, as source/destination.") var connection: String?
    @Option(help: "Only those of one user: the userId, or the anonymousId where there is none.") var user: String?
    @Option(help: "Only those that ended so: delivered, parked, dead-lettered, dropped or filtered.")
    var outcome: String?
    @Option(name: .customLong("where"), help: "Only those for which a condition holds: 'event == \"Order Completed\"'.")
    var condition: String?
    @Option(help: "How many at most.") var limit: Int?
    @Flag(help: "Each as a line of JSON.") var json = false

    func run() async throws {
        if let limit, limit < 1 { throw ValidationError("--limit is a whole number from 1.") }
        let view = TailView(limit: limit, asJSON: json)
        try await server.withClient { client in
            let streams = try await TailStreams.open(client, query)
            defer { Terminal.complain(view.summary) }
            for line in streams.unreached { Terminal.complain(line + "\n") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await _ in await UnixSignalsSequence(trapping: [.sigint, .sigterm]) { return }
                }
                for stream in streams.open {
                    group.addTask { try await stream.follow { view.show($0, of: stream.node) } }
                }
                // Whoever comes to an end first ends all: a signal, the limit, or a node.
                try await group.next()
                group.cancelAll()
            }
        }
    }

    private var query: [(String, String)] {
        let pairs: [(String, String?)] = [
            ("stage", stage), ("source", source), ("destination", destination), ("connection", connection),
            ("user", user), ("outcome", outcome), ("where", condition), ("limit", limit.map(String.init)),
        ]
        return pairs.compactMap { name, value in value.map { (name, $0) } }
    }
}

/// What was shown until now.
///
/// - Owner: the command; the streams of all nodes show through it.
final class TailView: Sendable {
    private struct Count {
        var shown = 0
        var dropped = 0
    }

    private let limit: Int
    private let asJSON: Bool
    private let count = Mutex(Count())

    init(limit: Int?, asJSON: Bool) {
        self.limit = limit ?? .max
        self.asJSON = asJSON
    }

    var summary: String {
        let count = count.withLock { $0 }
        return "\(Units.count(Int64(count.shown))) shown, \(Units.count(Int64(count.dropped))) left out.\n"
    }

    /// Shows a message of a node; false when that was the last one wanted.
    func show(_ message: ServerSentEvent, of node: String) -> Bool {
        switch message.kind {
        case "accepted", "transformed", "delivered":
            let isLast = count.withLock { count -> Bool? in
                guard count.shown < limit else { return nil }
                count.shown += 1
                return count.shown == limit
            }
            guard let isLast else { return false }
            Terminal.line(asJSON ? message.data : Self.line(message.data))
            return !isLast
        case "dropped":
            let news = (try? Document.json(message.data))?["dropped"]?.integer ?? 0
            count.withLock { $0.dropped += Int(news) }
            Terminal.complain(
                "\(Units.count(news)) left out on \(node), since they came faster than they were shown.\n"
            )
        default: break
        }
        return true
    }

    /// One event for people.
    static func line(_ json: String) -> String {
        guard let item = try? Document.json(json) else { return json }
        var words = [item.word("at"), item["connection"]?.string ?? item.word("source")]
        if let replay = item["replay"]?.integer { words.append("replay \(replay)") }
        if let outcome = item["outcome"]?.string {
            let tries = item["attempts"]?.integer ?? 0
            let status = item["status"]?.integer.map { " \($0)" } ?? ""
            let code = item["code"]?.string.map { " \($0)" } ?? ""
            let time = item["seconds"]?.number.map { " in \(Units.duration(seconds: $0))" } ?? ""
            let reason = item["reason"]?.string.map { ": \($0)" } ?? ""
            words.append(outcome + (tries > 0 ? " (try \(tries)\(status)\(time)\(code))" : code) + reason)
        }
        let part = item["part"]?.integer.map { ".\($0)" } ?? ""
        words.append("\(item.word("partition")):\(item["offset"]?.integer ?? 0)\(part)")
        let plugins = item.list("plugins").compactMap(\.string)
        if !plugins.isEmpty { words.append(plugins.joined(separator: " → ")) }
        words.append((item["event"] ?? nil).json)
        return words.joined(separator: "  ")
    }
}
