import Configuration
import EventLog
import EventModel
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
    let secretKeyFile: String?
    let secretKey: String?
    let user: String
    let shutdownTimeout: Duration
    let nodeName: String?
    let workerPath: String?
    let logLevel: Logger.Level
    let log: EventLogSettings
    /// Where requests may go though it is not public.
    let allowedTargets: [AddressRange]
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
        if values["secret.key"] != nil, values["secret.key_file"] != nil {
            problems.append("LEAT_SECRET_KEY and LEAT_SECRET_KEY_FILE, or --secret-key-file, are both given; give one")
        }
        guard problems.isEmpty else { throw SettingsProblem(problems: problems) }

        host = values["http.host"] ?? ""
        port = values["http.port"].flatMap { Int($0) } ?? 0
        dataDirectory = values["data.directory"]
        runtimeDirectory = values["runtime.directory"]
        databaseURL = values["database.url"]
        databaseConnections = values["database.connections"].flatMap { Int($0) } ?? 0
        secretKeyFile = values["secret.key_file"]
        secretKey = values["secret.key"]
        user = values["user"] ?? ""
        shutdownTimeout = .seconds(values["shutdown.timeout"].flatMap { Int($0) } ?? 0)
        nodeName = values["node.name"]
        workerPath = values["worker.path"]
        logLevel = values["log.level"].flatMap { Logger.Level(rawValue: $0) } ?? .info
        var log = EventLogSettings()
        log.retention = .seconds((values["retention.log"].flatMap { Int($0) } ?? 0) * 3600)
        log.logBytes = values["retention.log_bytes"].flatMap { Int64($0) } ?? 0
        log.deadLetterRetention = Self.days(values["retention.dead_letters"])
        log.traceRetention = Self.days(values["retention.traces"])
        log.refusedRetention = Self.days(values["retention.refused"])
        log.timingRetention = Self.days(values["retention.timings"])
        self.log = log
        var ingestion = IngestionSettings()
        ingestion.trustsForwardedFor = values["http.forwarded"] == "trust"
        self.ingestion = ingestion
        allowedTargets = (try? AddressRange.list(values["delivery.allow"] ?? "").get()) ?? []
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
        case .ranges:
            guard case .failure(let wrong) = AddressRange.list(value) else { return nil }
            return "\(key) (\(variable)) takes addresses and ranges such as 10.0.0.0/8,fd00::/8, not '\(wrong.text)'"
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
