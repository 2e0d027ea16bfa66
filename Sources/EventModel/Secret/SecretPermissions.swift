/// Which secrets a plugin may ask for, by its manifest: names, which may end with `*` for whatever follows.
package struct SecretPermissions: Equatable, Sendable {
    private let patterns: [String]

    package init(patterns: [String] = []) { self.patterns = patterns }

    package func permit(_ name: String) -> Bool {
        patterns.contains { $0.hasSuffix("*") ? name.hasPrefix($0.dropLast()) : name == $0 }
    }

    /// Why a plugin may not ask for a secret.
    package static func refusal(_ name: String, to plugin: String) -> String {
        "the plugin \(plugin) may not ask for the secret \"\(name)\": its manifest does not name it under permissions.secrets"
    }
}
