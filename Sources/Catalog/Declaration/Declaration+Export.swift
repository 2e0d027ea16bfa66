import Conditions
import EventModel

extension Declaration {
    /// What a snapshot would be declared as, without any secret: applying it again changes nothing.
    package init(exporting snapshot: CatalogSnapshot) {
        self.init(
            plugins: snapshot.plugins.filter(\.active).map { DeclaredPlugin(id: $0.id, version: $0.version) },
            sources: snapshot.sources.map {
                DeclaredSource(
                    name: $0.name,
                    enabled: $0.enabled,
                    partitions: Int($0.partitions),
                    limits: $0.limits == .none ? nil : $0.limits,
                    transformations: $0.transformations.isEmpty ? nil : $0.transformations
                )
            },
            destinations: snapshot.destinations.map {
                DeclaredDestination(
                    name: $0.name,
                    connector: $0.connector,
                    config: $0.config,
                    limits: $0.limits,
                    transport: $0.transport,
                    enabled: $0.enabled
                )
            },
            connections: snapshot.connections.compactMap { connection in
                guard let source = snapshot.source(connection.source),
                    let destination = snapshot.destination(connection.destination)
                else { return nil }
                return DeclaredConnection(
                    source: source.name,
                    destination: destination.name,
                    transformations: connection.transformations,
                    selection: connection.selection,
                    lag: connection.lag,
                    enabled: connection.enabled,
                    sample: connection.sample
                )
            }
        )
    }

    /// The declaration as a document, with what is standard left out and write keys as they are given here.
    package var document: Document {
        var members: [Document.Member] = []
        members.add("plugins", plugins.map { $0.map(\.document) })
        members.add("sources", sources.map { $0.map(\.document) })
        members.add("destinations", destinations.map { $0.map(\.document) })
        members.add("connections", connections.map { $0.map(\.document) })
        return Document(.object(members))
    }
}

extension [Document.Member] {
    mutating func add(_ key: String, _ value: Document) {
        append(Document.Member(key: key, line: 0, value: value))
    }

    mutating func add(_ key: String, _ text: String?) {
        if let text { add(key, Document(.string(text))) }
    }

    fileprivate mutating func add(_ key: String, _ elements: [Document]?) {
        if let elements { add(key, Document(.list(elements))) }
    }

    /// A mapping that was stored as JSON; left out when it is empty.
    fileprivate mutating func add(config: String) {
        guard config != "{}", let document = try? Document.json(config) else { return }
        add("config", document)
    }

    fileprivate mutating func addUnlessEnabled(_ enabled: Bool) {
        if !enabled { add("enabled", Document(.bool(false))) }
    }
}

extension DeclaredPlugin {
    fileprivate var document: Document {
        var members: [Document.Member] = []
        members.add("id", id)
        members.add("version", version)
        members.add("kind", kind?.rawValue)
        members.add("sha256", sha256)
        members.add("library", library)
        members.add("manifest", manifest)
        return Document(.object(members))
    }
}

extension DeclaredSource {
    fileprivate var document: Document {
        var members: [Document.Member] = []
        members.add("name", name)
        members.addUnlessEnabled(enabled)
        if let partitions { members.add("partitions", Document(.number("\(partitions)"))) }
        members.add("writeKeys", writeKeys.map { $0.map { Document(.string($0)) } })
        if let limits { members.add("limits", limits.document) }
        if let transformations { members.add("transformations", transformations.map(\.document)) }
        return Document(.object(members))
    }
}

extension DeclaredDestination {
    fileprivate var document: Document {
        var members: [Document.Member] = []
        members.add("name", name)
        members.add("connector", connector.description)
        members.addUnlessEnabled(enabled)
        members.add(config: config)
        if limits != .standard { members.add("limits", limits.document) }
        if transport != .standard { members.add("transport", transport.document) }
        return Document(.object(members))
    }
}

extension SourceLimits {
    /// Those that there are.
    package var document: Document {
        var members: [Document.Member] = []
        for (key, value) in self.members {
            if let value { members.add(key, Document(.number("\(value)"))) }
        }
        return Document(.object(members))
    }
}

extension DestinationLimits {
    /// Every limit that there is, so that the file does not change its meaning when a standard does.
    package var document: Document {
        .object(members.compactMap { member in member.value.map { (member.key, $0) } })
    }
}

extension DeclaredConnection {
    fileprivate var document: Document {
        var members: [Document.Member] = []
        members.add("source", source)
        members.add("destination", destination)
        members.addUnlessEnabled(enabled)
        if lag != .hold { members.add("lag", lag.rawValue) }
        if sample != Connection.standardSample { members.add("trace", ["sample": .number(sample)]) }
        members += selection.members
        if !transformations.isEmpty { members.add("transformations", transformations.map(\.document)) }
        return Document(.object(members))
    }
}

extension Transformation {
    package var document: Document {
        var members: [Document.Member] = []
        members.add("plugin", plugin.description)
        members.add("when", when?.text)
        members.add(config: config)
        return Document(.object(members))
    }
}
