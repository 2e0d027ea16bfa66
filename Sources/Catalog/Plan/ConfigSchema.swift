import EventJSON
import EventModel

/// What a plugin's manifest asks of the configuration that it is created with.
struct ConfigSchema {
    private let schema: JSONSchema

    /// Nil where the manifest asks nothing.
    init?(manifest: String) {
        var tape = JSONTape(limits: Self.limits)
        guard (try? tape.parse(Array(manifest.utf8))) != nil,
            let node = tape.member(of: tape.root, "config_schema")
        else { return nil }
        var problems: [JSONSchema.Problem] = []
        schema = JSONSchema(node, in: tape, &problems)
        // Refused at every upload; a version that is older than the refusal is left as it was.
        guard problems.isEmpty else { return nil }
    }

    private static let limits = JSONLimits(bytes: JSONLimits.tapeBytes, depth: Limits.nestingDepth)

    /// What is wrong with a configuration, each with its path in it.
    func problems(with config: String) -> [JSONSchema.Problem] {
        var tape = JSONTape(limits: Self.limits)
        // What stands for a secret is no part of it.
        let config = SecretReference.replace(in: config) { _ in SecretToken.specimen.text }
        guard (try? tape.parse(Array(config.utf8))) != nil else { return [.init("", "nests too deeply")] }
        return schema.problems(with: tape.root, in: tape)
    }
}

extension CatalogSnapshot {
    /// What would no longer be created if a version became the active one: those who follow it with a configuration that
    /// it does not take.
    ///
    /// Left out are the sources, destinations and connections of these names, which get another configuration with the same
    /// step.
    func misfits(
        activating id: String,
        manifest: String,
        exceptSources redeclared: Set<String> = [],
        exceptDestinations redone: Set<String> = [],
        exceptConnections rewired: Set<String> = []
    ) -> [String] {
        guard let schema = ConfigSchema(manifest: manifest) else { return [] }
        let reference = PluginReference(id: id)
        var users: [(name: String, config: String)] = []
        for source in sources where !redeclared.contains(source.name) {
            for step in source.transformations where step.plugin == reference {
                users.append(("source \"\(source.name)\"", step.config))
            }
        }
        for destination in destinations where destination.connector == reference && !redone.contains(destination.name) {
            users.append(("destination \"\(destination.name)\"", destination.config))
        }
        for connection in connections where !rewired.contains(name(of: connection)) {
            for step in connection.transformations where step.plugin == reference {
                users.append(("connection \"\(name(of: connection))\"", step.config))
            }
        }
        return users.flatMap { user in
            schema.problems(with: user.config).map { problem in
                let place = problem.path.isEmpty ? "config" : "config.\(problem.path)"
                return "does not take the configuration of \(user.name): \(place) \(problem.what)"
            }
        }
    }
}
