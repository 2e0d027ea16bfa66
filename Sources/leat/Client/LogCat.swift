import ArgumentParser
import Catalog
import Foundation

/// Prints events of the log, whatever they are compressed with.
struct LogCat: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat",
        abstract: "Print events as JSON lines, as they were accepted.",
        discussion: """
            Each line says where the event stands, when it was accepted and received, and what it is; a line without an \
            event is one that cannot be read. The partitions of a source are told in the order of acceptance.
            """
    )

    @OptionGroup var server: ServerOptions
    @Argument(help: "A source, or one of its partitions, such as 1.0.3.") var place: String
    @Option(help: "The first offset, in every partition.") var from: Int64 = 0
    @Option(help: "Only what was accepted since: a time such as 2026-11-22T14:30:00Z, or as long ago as 15m.")
    var since: String?
    @Option(help: "How many events at most.") var limit = 100

    /// The most that one answer brings.
    private static let page = 100

    func run() async throws {
        guard from >= 0, limit > 0 else {
            throw ValidationError("--from and --limit are whole numbers from 0 and from 1.")
        }
        let time = try since.map { try Self.time($0, now: Date()) }
        try await server.withClient { client in
            var readers: [LogReader] = []
            for partition in try await partitions(client) {
                var reader = LogReader(partition: partition, from: from, since: time)
                try await reader.fill(client, Self.page)
                readers.append(reader)
            }
            for _ in 0..<limit {
                let heads = readers.indices.filter { readers[$0].head != nil }
                guard let next = heads.min(by: { readers[$0].isBefore(readers[$1]) }) else { return }
                if let line = readers[next].take() { Terminal.line(line) }
                try await readers[next].fill(client, Self.page)
            }
        }
    }

    private func partitions(_ client: AdminClient) async throws -> [String] {
        if place.wholeMatch(of: /\d+\.\d+\.\d+/) != nil { return [place] }
        return try await client.call(.get, "/log/partitions/\(AdminClient.encoded(place))").list("partitions")
            .map { $0.word("partition") }
    }

    /// A time as the server reads it, from one that a person wrote.
    static func time(_ text: String, now: Date) throws -> String {
        guard let milliseconds = DurationText.milliseconds(text) else {
            guard text.contains("T") else {
                throw ValidationError("--since takes a time such as 2026-11-22T14:30:00Z, or as long ago as 15m.")
            }
            return text
        }
        return now.addingTimeInterval(-Double(milliseconds) / 1000).ISO8601Format()
    }
}

/// Reads one partition page by page.
struct LogReader {
    let partition: String
    private var from: Int64
    private var since: String?
    private var isAtEnd = false
    /// Lines that wait to be printed, the last of them first.
    private var lines: [String] = []

    init(partition: String, from: Int64, since: String?) {
        self.partition = partition
        self.from = from
        self.since = since
    }

    /// When the next line's event was accepted; nil at the end.
    var head: String? { lines.last.flatMap(Self.acceptedAt) }

    /// By the time of acceptance; times of one form are ordered as their texts are.
    func isBefore(_ other: LogReader) -> Bool { (head ?? "~", partition) < (other.head ?? "~", other.partition) }

    mutating func take() -> String? { lines.popLast() }

    /// Fetches the next page if nothing is left of the one before.
    mutating func fill(_ client: AdminClient, _ limit: Int) async throws {
        guard lines.isEmpty, !isAtEnd else { return }
        var query = [("from", "\(from)"), ("limit", "\(limit)")]
        if let since { query.append(("since", since)) }
        let text = try await client.text(.get, "/log/events/\(partition)", query: query)
        lines = text.split(separator: "\n").reversed().map(String.init)
        guard let last = lines.first, let document = try? Document.json(last), let offset = document["offset"]?.integer
        else {
            isAtEnd = true
            return
        }
        from = offset + (document["count"]?.integer ?? 1)
        // So that the server need not look for the offset.
        since = Self.acceptedAt(last)
    }

    private static func acceptedAt(_ line: String) -> String? {
        (try? Document.json(line))?["acceptedAt"]?.string
    }
}
