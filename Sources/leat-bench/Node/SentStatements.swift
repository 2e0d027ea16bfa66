import Foundation

/// How often each statement of the product was sent to a PostgreSQL of ours, as its own log has it.
struct SentStatements {
    private var counts: [String: Int] = [:]

    /// What PostgreSQL must be started with so that it writes each statement down.
    static let parameters = ["log_statement": "all", "log_min_messages": "log", "log_line_prefix": "%a "]

    /// Reads the log beside the data of the server whose first process this is.
    init(of postmaster: Int32) throws {
        let data = URL(filePath: "/proc/\(postmaster)/cwd").resolvingSymlinksInPath()
        let text = try String(contentsOf: data.deletingLastPathComponent().appending(path: "log"), encoding: .utf8)
        // A prepared statement is `NAME_N`, and a script has its name in a comment.
        for match in text.matches(of: /leat LOG:  (?:execute ([a-z_.]+)_[0-9]+:|statement: \/\* ([a-z_.]+) \*\/)/) {
            guard let name = match.1 ?? match.2, name != "bench" else { continue }
            counts[String(name), default: 0] += 1
        }
    }

    /// What came since an earlier look, by name and in all.
    func since(_ before: SentStatements) -> [(name: String, count: Int)] {
        let news = counts.map { (name: $0.key, count: $0.value - before.counts[$0.key, default: 0]) }
            .filter { $0.count > 0 }.sorted { ($1.count, $0.name) < ($0.count, $1.name) }
        return [("all", news.reduce(0) { $0 + $1.count })] + news
    }
}
