import Foundation

/// Everything that PostgreSQL was told, as its own log has it: each statement with the plans that it ran, those inside
/// functions included.
struct StatementLog {
    struct Sent {
        /// Of the statement, as `pg_stat_activity` shows it; nil for one that has none.
        let name: String?
        let text: String
        var plans: [[String: Any]] = []
    }

    private(set) var sent: [Sent] = []

    /// What a server must be started with so that it writes such a log below `folder`.
    static func parameters(_ folder: String) -> [String: String] {
        [
            "logging_collector": "on", "log_destination": "jsonlog", "log_directory": folder,
            "log_filename": "statements",
            "log_rotation_size": "0", "log_statement": "all", "log_min_duration_statement": "-1",
            "shared_preload_libraries": "auto_explain", "auto_explain.log_min_duration": "0",
            "auto_explain.log_nested_statements": "on", "auto_explain.log_format": "json", "log_min_messages": "log",
        ]
    }

    /// Reads the log of sessions that call themselves `leat`.
    init(_ folder: String) throws {
        let bytes = try Data(contentsOf: URL(filePath: folder + "/statements.json"))
        var last: [Int: Int] = [:]
        // Its last line may be just being written.
        for line in bytes[...(bytes.lastIndex(of: 0x0A) ?? 0)].split(separator: 0x0A) {
            guard let entry = try JSONSerialization.jsonObject(with: line) as? [String: Any],
                entry["application_name"] as? String == "leat", let process = entry["pid"] as? Int,
                let message = entry["message"] as? String
            else { continue }
            if let plan = message.firstRange(of: "plan:\n"), message.hasPrefix("duration:") {
                let json = try JSONSerialization.jsonObject(with: Data(message[plan.upperBound...].utf8))
                if let index = last[process], let plan = json as? [String: Any] { sent[index].plans.append(plan) }
            } else if let statement = Self.statement(message) {
                sent.append(statement)
                last[process] = sent.count - 1
            }
        }
    }

    /// `execute NAME_N: TEXT` for a prepared statement, `statement: /* NAME */ TEXT` for a script.
    private static func statement(_ message: String) -> Sent? {
        if let match = message.wholeMatch(of: /execute ([a-z_.]+)_\d+: ([\s\S]*)/) {
            return Sent(name: String(match.1), text: String(match.2))
        }
        if let match = message.wholeMatch(of: /statement: \/\* ([a-z_.]+) \*\/ ([\s\S]*)/) {
            return Sent(name: String(match.1), text: String(match.2))
        }
        guard message.hasPrefix("execute ") || message.hasPrefix("statement: ") else { return nil }
        return Sent(name: nil, text: message)
    }
}

extension StatementLog.Sent {
    /// The parts of its plans that read a data table otherwise than of one partition, which a condition of their own names.
    var unrestricted: [String] {
        plans.flatMap { plan -> [String] in
            guard let root = plan["Plan"] as? [String: Any] else { return [] }
            return Self.unrestricted(root).map { "\($0) in \(plan["Query Text"] ?? "")" }
        }
    }

    private static func unrestricted(_ node: [String: Any]) -> [String] {
        let conditions = ["Index Cond", "Recheck Cond", "Filter"].compactMap { node[$0] as? String }
        var found: [String] = []
        if let relation = node["Relation Name"] as? String, let type = node["Node Type"] as? String,
            type.contains("Scan"), isData(relation), !conditions.contains(where: namesOnePartition)
        {
            found.append("\(type) of \(relation)")
        }
        for child in node["Plans"] as? [[String: Any]] ?? [] { found += unrestricted(child) }
        return found
    }

    /// Whether a plan of it reads a table that is spread.
    var readsData: Bool { plans.contains { ($0["Plan"] as? [String: Any]).map(Self.readsData) == true } }

    private static func readsData(_ node: [String: Any]) -> Bool {
        (node["Relation Name"] as? String).map(isData) == true
            || (node["Plans"] as? [[String: Any]] ?? []).contains(where: readsData)
    }

    /// Whether the partition is a value that is known before the statement runs, and not what another table says: only
    /// such a statement goes to one machine.
    private static func namesOnePartition(_ condition: String) -> Bool {
        condition.contains(/partition_id = (\$\d+|'\d+'::bigint|\d+)[) ]/)
    }

    /// The tables that are spread over machines when the database is.
    static func isData(_ relation: String) -> Bool {
        relation.wholeMatch(of: /(chunk|checkpoint|dead_letter|trace)(_\d+_\d+)?|chain|lease|parked|partition/) != nil
    }
}
