package import EventModel

/// The whole configuration as it was in one revision.
///
/// Everybody who handles events holds one and asks it, so that no event meets half of a change and no event asks the
/// database. It is a class only so that holding it costs one count; nothing in it changes.
package final class CatalogSnapshot: Sendable {
    /// Grows by one with each committed change.
    package let revision: Int64
    /// By id, and so by age.
    package let sources: [Source]
    package let writeKeys: [WriteKey]
    package let destinations: [Destination]
    package let connections: [Connection]
    /// Those whose lanes have not been ended, by age.
    package let replays: [Replay]
    /// Every uploaded version, by id and then by time of upload.
    package let plugins: [PluginVersion]
    package let tokens: [Token]
    /// By name.
    package let secrets: [StoredSecret]
    /// Whose events people follow now.
    package let tracings: [Tracing]

    private let sourcesByID: [SourceID: Source]
    private let sourcesByKey: [SecretHash: Source]
    private let destinationsByID: [DestinationID: Destination]
    private let connectionsByID: [ConsumerID: Connection]
    private let connectionsBySource: [SourceID: [Connection]]
    private let versions: [PluginReference: PluginVersion]

    package init(
        revision: Int64,
        sources: [Source] = [],
        writeKeys: [WriteKey] = [],
        destinations: [Destination] = [],
        connections: [Connection] = [],
        replays: [Replay] = [],
        plugins: [PluginVersion] = [],
        tokens: [Token] = [],
        secrets: [StoredSecret] = [],
        tracings: [Tracing] = []
    ) {
        self.revision = revision
        self.sources = sources
        self.writeKeys = writeKeys
        self.destinations = destinations
        self.connections = connections
        self.replays = replays
        self.plugins = plugins
        self.tokens = tokens
        self.secrets = secrets
        self.tracings = tracings
        let sourcesByID = Dictionary(sources.map { ($0.id, $0) }) { $1 }
        self.sourcesByID = sourcesByID
        sourcesByKey = Dictionary(writeKeys.compactMap { key in sourcesByID[key.source].map { (key.hash, $0) } }) { $1 }
        destinationsByID = Dictionary(destinations.map { ($0.id, $0) }) { $1 }
        connectionsByID = Dictionary(connections.map { ($0.id, $0) }) { $1 }
        connectionsBySource = Dictionary(grouping: connections, by: \.source)
        var versions: [PluginReference: PluginVersion] = [:]
        for plugin in plugins {
            versions[plugin.reference] = plugin
            if plugin.active { versions[PluginReference(id: plugin.id)] = plugin }
        }
        self.versions = versions
    }

    /// The source that a write key belongs to, enabled or not; nil for a key that nobody was given.
    package func source(forWriteKey key: some StringProtocol) -> Source? { sourcesByKey[SecretHash(of: key)] }

    package func source(_ id: SourceID) -> Source? { sourcesByID[id] }
    package func source(named name: String) -> Source? { sources.first { $0.name == name } }
    package func destination(_ id: DestinationID) -> Destination? { destinationsByID[id] }
    package func destination(named name: String) -> Destination? { destinations.first { $0.name == name } }
    package func connection(_ id: ConsumerID) -> Connection? { connectionsByID[id] }

    /// The connections that read a source, enabled or not, by age.
    package func connections(of source: SourceID) -> [Connection] { connectionsBySource[source] ?? [] }

    /// The connection between two names.
    package func connection(from source: String, to destination: String) -> Connection? {
        guard let source = self.source(named: source), let destination = self.destination(named: destination) else {
            return nil
        }
        return connections(of: source.id).first { $0.destination == destination.id }
    }

    package func secret(named name: String) -> StoredSecret? { secrets.first { $0.name == name } }

    package func writeKeys(of source: SourceID) -> [WriteKey] { writeKeys.filter { $0.source == source } }

    /// The version that a reference means now: the pinned one, or else the active one.
    package func plugin(_ reference: PluginReference) -> PluginVersion? { versions[reference] }

    /// How people name a connection: `source/destination`.
    package func name(of connection: Connection) -> String {
        let source = self.source(connection.source)?.name ?? connection.source.description
        let destination = self.destination(connection.destination)?.name ?? connection.destination.description
        return "\(source)/\(destination)"
    }

    /// The name under which a token was made, or nil for a text that is no token.
    ///
    /// Every token is compared in full, so that the time tells nothing about any of them.
    package func tokenName(for text: some StringProtocol) -> String? {
        let hash = SecretHash(of: text)
        var name: String?
        for token in tokens where token.hash.matches(hash) { name = token.name }
        return name
    }
}

/// A bearer token of the admin interface as the catalog keeps it.
package struct Token: Equatable, Sendable {
    package let hash: SecretHash
    package let name: String
    /// - Unit: microseconds since 1970, UTC.
    package let createdAt: Int64

    package init(hash: SecretHash, name: String, createdAt: Int64) {
        self.hash = hash
        self.name = name
        self.createdAt = createdAt
    }
}
