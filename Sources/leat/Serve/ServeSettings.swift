import Configuration
import EventLog
import Ingestion
import Logging

/// What `leat serve` runs with, read and checked whole before anything is started.
///
/// - Source: command line before environment before the standard of `Setting.all`.
struct ServeSettings: Sendable {
    let host: String
    let port: Int
    let dataDirectory: String?
    let runtimeDirectory: String?
    let databaseURL: String?
    let databaseConnections: Int
    let user: String
    let nodeName: String?
    let workerPath: String?
    let logLevel: Logger.Level
    let log: EventLogSettings
    let ingestion: IngestionSettings
    /// Every setting as it stands, secrets hidden.
    let shown: [(key: String, value: String)]

    /// - Throws: `SettingsProblem` with every mistake at once.
    init(options: [String: String], environment: [String: String]) throws(SettingsProblem) {
        let unknown = environment.keys.sorted().filter { name in
            name.hasPrefix("LEAT_") && !Setting.all.contains { $0.variable == name }
                && !Setting.clientVariables.contains(name)
        }
        var problems = unknown.map { "\($0) is not a setting; leat serve --print-settings lists them" }
        let config = Self.reader(options: options, environment: environment)
        var values: [String: String] = [:]
        for setting in Setting.all {
            let isSecret = if case .secret = setting.kind { true } else { false }
            guard let value = config.string(forKey: ConfigKey(setting.key), isSecret: isSecret), !value.isEmpty else {
                continue
            }
            if let problem = setting.problem(with: value) { problems.append(problem) }
            values[setting.key] = value
        }
        guard problems.isEmpty else { throw SettingsProblem(problems: problems) }

        host = values["http.host"] ?? ""
        port = values["http.port"].flatMap { Int($0) } ?? 0
        dataDirectory = values["data.directory"]
        runtimeDirectory = values["runtime.directory"]
        databaseURL = values["database.url"]
        databaseConnections = values["database.connections"].flatMap { Int($0) } ?? 0
        user = values["user"] ?? ""
        nodeName = values["node.name"]
        workerPath = values["worker.path"]
        logLevel = values["log.level"].flatMap { Logger.Level(rawValue: $0) } ?? .info
        var log = EventLogSettings()
        log.retention = .seconds((values["retention.log"].flatMap { Int($0) } ?? 0) * 3600)
        log.logBytes = values["retention.log_bytes"].flatMap { Int64($0) } ?? 0
        log.deadLetterRetention = Self.days(values["retention.dead_letters"])
        log.refusedRetention = Self.days(values["retention.refused"])
        log.timingRetention = Self.days(values["retention.timings"])
        self.log = log
        var ingestion = IngestionSettings()
        ingestion.trustsForwardedFor = values["http.forwarded"] == "trust"
        self.ingestion = ingestion
        shown = Setting.all.map { setting in
            if case .secret = setting.kind { return (setting.key, values[setting.key] == nil ? "" : "<hidden>") }
            return (setting.key, values[setting.key] ?? "")
        }
    }

    private static func days(_ value: String?) -> Duration { .seconds((value.flatMap { Int($0) } ?? 0) * 86_400) }

    private static func reader(options: [String: String], environment: [String: String]) -> ConfigReader {
        var given: [AbsoluteConfigKey: ConfigValue] = [:]
        var standard: [AbsoluteConfigKey: ConfigValue] = [:]
        var set: [AbsoluteConfigKey: ConfigValue] = [:]
        for setting in Setting.all {
            let key = AbsoluteConfigKey(ConfigKey(setting.key))
            let isSecret = if case .secret = setting.kind { true } else { false }
            given[key] = options[setting.key].map { ConfigValue(.string($0), isSecret: isSecret) }
            set[key] = environment[setting.variable].map { ConfigValue(.string($0), isSecret: isSecret) }
            standard[key] = setting.standard.map { ConfigValue(.string($0), isSecret: isSecret) }
        }
        return ConfigReader(providers: [
            InMemoryProvider(name: "command line", values: given),
            InMemoryProvider(name: "environment", values: set),
            InMemoryProvider(name: "standard", values: standard),
        ])
    }
}

extension Setting {
    /// Why `value` cannot be, in words that say what to do; nil when it can.
    fileprivate func problem(with value: String) -> String? {
        switch kind {
        case .text, .secret:
            return nil
        case .whole(let range):
            guard let number = Int(value), range.contains(number) else {
                let bounds = "\(range.lowerBound) to \(range.upperBound)"
                return "\(key) (\(variable)) takes a whole number from \(bounds), not '\(value)'"
            }
            return nil
        case .choice(let words):
            guard words.contains(value) else {
                return "\(key) (\(variable)) takes one of \(words.joined(separator: ", ")), not '\(value)'"
            }
            return nil
        }
    }
}

/// Every mistake in the settings, one a line.
struct SettingsProblem: Error, CustomStringConvertible {
    let problems: [String]
    var description: String { "The settings cannot be used:\n" + problems.map { "  - \($0)" }.joined(separator: "\n") }
}
