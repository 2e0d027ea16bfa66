import Conditions
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
        differences += between(old.transport, new.transport)
        if old.enabled != new.enabled { differences.append(new.enabled ? "enabled" : "disabled") }
        return differences
    }

    static func between(_ old: DestinationLimits, _ new: DestinationLimits) -> [String] {
        zip(old.members, new.members).filter { $0.value != $1.value }.map { old, new in
            let texts = [old, new].map { side in side.value.map { $0.string ?? $0.canonicalJSON } ?? "none" }
            return "limits.\(old.key) \(texts.joined(separator: " → "))"
        }
    }

    /// A certificate is long and says little to people, so of that only the name is said.
    static func between(_ old: DestinationTransport, _ new: DestinationTransport) -> [String] {
        zip(old.members, new.members).filter { $0.value != $1.value }.map { old, new in
            let texts = [old, new].map { side in side.value.map { $0.string ?? $0.canonicalJSON } ?? "none" }
            guard texts.allSatisfy({ !$0.contains("\n") }) else { return "transport.\(old.key)" }
            return "transport.\(old.key) \(texts.joined(separator: " → "))"
        }
    }

    static func between(_ old: Connection, _ new: DeclaredConnection) -> [String] {
        var differences = between(old.transformations, new.transformations)
        differences += between(old.selection, new.selection)
        if old.lag != new.lag { differences.append("lag \(old.lag.rawValue) → \(new.lag.rawValue)") }
        if old.sample != new.sample { differences.append("trace.sample \(old.sample) → \(new.sample)") }
        if old.enabled != new.enabled { differences.append(new.enabled ? "enabled" : "disabled") }
        return differences
    }

    static func between(_ old: [Transformation], _ new: [Transformation]) -> [String] {
        guard old.map(\.plugin) == new.map(\.plugin) else {
            let plugins = [old, new].map { steps in
                steps.isEmpty ? "none" : steps.map(\.plugin.description).joined(separator: ", ")
            }
            return ["transformations \(plugins[0]) → \(plugins[1])"]
        }
        var differences: [String] = []
        for (number, steps) in zip(old, new).enumerated() {
            if let keys = configKeys(steps.0.config, steps.1.config) {
                differences.append("transformations[\(number)].\(keys)")
            }
            if steps.0.when != steps.1.when {
                let texts = [steps.0, steps.1].map { $0.when?.text ?? "always" }
                differences.append("transformations[\(number)].when \(texts.joined(separator: " → "))")
            }
        }
        return differences
    }

    static func between(_ old: Selection, _ new: Selection) -> [String] {
        var differences: [String] = []
        if old.filter != new.filter {
            differences.append("filter \(old.filter?.text ?? "none") → \(new.filter?.text ?? "none")")
        }
        if old.sample != new.sample {
            differences.append("sample \(old.sample?.description ?? "none") → \(new.sample?.description ?? "none")")
        }
        if old.consent != new.consent {
            differences.append("consent \(old.consent?.line ?? "none") → \(new.consent?.line ?? "none")")
        }
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
