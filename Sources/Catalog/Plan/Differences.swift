import EventModel

/// Says in a few words what about a thing becomes different.
///
/// Of a configuration only the names of its keys are said, because its values may be nobody else's business.
enum Differences {
    static func between(_ old: Destination, _ new: DeclaredDestination) -> [String] {
        var differences: [String] = []
        if old.connector != new.connector { differences.append("connector \(old.connector) → \(new.connector)") }
        if let keys = configKeys(old.config, new.config) { differences.append(keys) }
        differences += between(old.limits, new.limits)
        if old.enabled != new.enabled { differences.append(new.enabled ? "enabled" : "disabled") }
        return differences
    }

    static func between(_ old: DestinationLimits, _ new: DestinationLimits) -> [String] {
        var differences: [String] = []
        if old.concurrency != new.concurrency {
            differences.append("limits.concurrency \(old.concurrency) → \(new.concurrency)")
        }
        if old.timeout != new.timeout {
            let texts = [old, new].map { DurationText.text(milliseconds: $0.timeout.milliseconds) }
            differences.append("limits.timeout \(texts.joined(separator: " → "))")
        }
        if old.retries != new.retries { differences.append("limits.retries \(old.retries) → \(new.retries)") }
        return differences
    }

    static func between(_ old: Connection, _ new: DeclaredConnection) -> [String] {
        var differences: [String] = []
        let plugins = [old.transformations, new.transformations].map { steps in
            steps.isEmpty ? "none" : steps.map(\.plugin.description).joined(separator: ", ")
        }
        if old.transformations.map(\.plugin) != new.transformations.map(\.plugin) {
            differences.append("transformations \(plugins[0]) → \(plugins[1])")
        } else {
            for (number, steps) in zip(old.transformations, new.transformations).enumerated() {
                guard let keys = configKeys(steps.0.config, steps.1.config) else { continue }
                differences.append("transformations[\(number)].\(keys)")
            }
        }
        if old.lag != new.lag { differences.append("lag \(old.lag.rawValue) → \(new.lag.rawValue)") }
        if old.enabled != new.enabled { differences.append(new.enabled ? "enabled" : "disabled") }
        return differences
    }

    static func between(_ old: SourceLimits, _ new: SourceLimits) -> [String] {
        zip(old.members, new.members).filter { $0.value != $1.value }.map { old, new in
            let texts = [old, new].map { side in side.value.map { "\($0)" } ?? "none" }
            return "limits.\(old.key) \(texts.joined(separator: " → "))"
        }
    }

    /// The top-level keys whose values differ, as `config (a, b)`; nil when there are none.
    private static func configKeys(_ old: String, _ new: String) -> String? {
        guard old != new else { return nil }
        let sides = [old, new].map { text in
            let members = (try? Document.json(text))?.members ?? []
            return Dictionary(members.map { ($0.key, $0.value.canonicalJSON) }) { $1 }
        }
        let keys = Set(sides[0].keys).union(sides[1].keys).filter { sides[0][$0] != sides[1][$0] }
        return keys.isEmpty ? "config" : "config (\(keys.sorted().joined(separator: ", ")))"
    }
}
