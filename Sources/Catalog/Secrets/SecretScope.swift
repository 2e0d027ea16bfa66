/// Where a secret may go.
package struct SecretScope: Equatable, Sendable {
    /// By name, sorted; they need not exist yet.
    package let destinations: [String]
    /// Connectors by id, sorted: every destination that speaks through one of them.
    package let plugins: [String]

    package init(destinations: [String] = [], plugins: [String] = []) {
        self.destinations = Set(destinations).sorted()
        self.plugins = Set(plugins).sorted()
    }

    /// Every destination.
    package static let any = SecretScope()

    package var isAny: Bool { destinations.isEmpty && plugins.isEmpty }

    /// The most destinations, and the most plugins, that one secret names.
    package static let maximumNames = 100

    /// Either is enough.
    package func admits(destination: String, connector: String) -> Bool {
        isAny || destinations.contains(destination) || plugins.contains(connector)
    }

    /// For people: `destinations crm, mail; plugins leat.webhook`.
    package var words: String {
        let parts = [("destination", destinations), ("plugin", plugins)].filter { !$0.1.isEmpty }
        let words = parts.map { "\($0.0)\($0.1.count > 1 ? "s" : "") \($0.1.joined(separator: ", "))" }
        return isAny ? "any destination" : words.joined(separator: "; ")
    }
}
