/// A text of the form `${NAME}`: a secret that stands in the environment of whoever runs the client, not in the file.
package struct EnvironmentReference: Equatable, Sendable {
    package let name: String

    package init?(_ text: String) {
        guard let match = text.wholeMatch(of: /\$\{([A-Za-z_][A-Za-z0-9_]*)\}/) else { return nil }
        name = String(match.1)
    }
}

extension PluginReference {
    /// Reads `id` or `id@version`.
    package init?(_ text: String) {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard Slug.isPluginID(parts[0]) else { return nil }
        if parts.count == 2 {
            guard Slug.isVersion(parts[1]) else { return nil }
            self.init(id: parts[0], version: parts[1])
        } else {
            self.init(id: parts[0])
        }
    }
}
