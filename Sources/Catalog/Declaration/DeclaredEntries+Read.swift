import Conditions
import EventModel

extension DeclaredPlugin {
    package init?(reading document: Document, at path: String, _ problems: inout [Problem]) {
        guard var reader = DeclarationReader(document, at: path, problems: &problems) else { return nil }
        let before = problems.count
        place = reader.place
        id = reader.string("id", &problems)
        version = reader.string("version", &problems)
        library = reader.string("library", &problems)
        manifest = reader.string("manifest", &problems)
        if let word = reader.string("kind", &problems) {
            kind = PluginKind(rawValue: word)
            if kind == nil {
                let known = PluginKind.allCases.map(\.rawValue).joined(separator: ", ")
                problems.append(Problem(reader.place(of: "kind"), "is no kind of plugin; known: \(known)"))
            }
        }
        sha256 = reader.string("sha256", &problems)
        reader.refuseOtherKeys(&problems)
        if let id, !Slug.isPluginID(id) {
            problems.append(Problem(reader.place(of: "id"), "must be 3 to 100 characters of a-z, 0-9, \".\" and \"-\""))
        }
        if let version, !Slug.isVersion(version) {
            problems.append(Problem(reader.place(of: "version"), "must be a version such as 1.4.0"))
        }
        if problems.count == before {
            if (library == nil) != (manifest == nil) {
                problems.append(Problem(place, "needs both \"library\" and \"manifest\" to be uploaded"))
            } else if library == nil, id == nil || version == nil {
                let message =
                    "needs \"library\" and \"manifest\" to upload it, or \"id\" and \"version\" of one on the server"
                problems.append(Problem(place, message))
            }
        }
    }
}

extension DeclaredSource {
    package init?(reading document: Document, at path: String, _ problems: inout [Problem]) {
        guard var reader = DeclarationReader(document, at: path, problems: &problems) else { return nil }
        place = reader.place
        let name = reader.slug("name", &problems)
        enabled = reader.bool("enabled", default: true, &problems)
        partitions = reader.int("partitions", in: 1...Source.maximumPartitions, &problems)
        writeKeys = reader.list("writeKeys", atMost: Self.maximumWriteKeys, &problems)?.compactMap { entry in
            guard let key = entry.document.string else {
                let message = "must be a text, but is \(entry.document.kind)"
                problems.append(Problem(Place(path: entry.path, line: entry.document.line), message))
                return nil
            }
            // A reference to the environment is for the client to resolve.
            guard Secret.isWriteKey(key) || EnvironmentReference(key) != nil else {
                let lengths = Secret.writeKeyLengths
                let message =
                    "must be \(lengths.lowerBound) to \(lengths.upperBound) characters of A-Z, a-z, 0-9, - and _, or ${NAME}"
                problems.append(Problem(Place(path: entry.path, line: entry.document.line), message))
                return nil
            }
            return key
        }
        if let document = reader.value("limits") {
            limits = SourceLimits(reading: document, at: reader.place(of: "limits").path, &problems)
        }
        transformations = reader.transformations(&problems)
        reader.refuseOtherKeys(&problems)
        guard let name else { return nil }
        self.name = name
    }

    /// The most write keys one source may have.
    package static let maximumWriteKeys = 100
}

extension DeclaredDestination {
    package init?(reading document: Document, at path: String, _ problems: inout [Problem]) {
        guard var reader = DeclarationReader(document, at: path, problems: &problems) else { return nil }
        place = reader.place
        let name = reader.slug("name", &problems)
        let connector = reader.plugin("connector", &problems)
        config = reader.config("config", &problems)
        enabled = reader.bool("enabled", default: true, &problems)
        limits = DestinationLimits(reading: reader.value("limits"), at: reader.place(of: "limits").path, &problems)
        transport = DestinationTransport(
            reading: reader.value("transport"),
            at: reader.place(of: "transport").path,
            &problems
        )
        reader.refuseOtherKeys(&problems)
        guard let name, let connector else { return nil }
        self.name = name
        self.connector = connector
    }
}

extension SourceLimits {
    init(reading document: Document, at path: String, _ problems: inout [Problem]) {
        self = .none
        guard var reader = DeclarationReader(document, at: path, problems: &problems) else { return }
        eventsPerSecond = reader.int("eventsPerSecond", in: Self.range, &problems).map { Int64($0) }
        bytesPerSecond = reader.int("bytesPerSecond", in: Self.range, &problems).map { Int64($0) }
        bytesPerDay = reader.int("bytesPerDay", in: Self.range, &problems).map { Int64($0) }
        reader.refuseOtherKeys(&problems)
    }
}

extension DestinationLimits {
    package init(reading document: Document?, at path: String, _ problems: inout [Problem]) {
        self = .standard
        guard let document, var reader = DeclarationReader(document, at: path, problems: &problems) else { return }
        requestsPerSecond = reader.rate("requestsPerSecond", in: Self.rateRange, &problems)
        eventsPerSecond = reader.rate("eventsPerSecond", in: Self.rateRange, &problems)
        concurrency = reader.int("concurrency", in: Self.concurrencyRange, &problems) ?? concurrency
        batchEvents = reader.int("batchEvents", in: Self.batchEventsRange, &problems)
        linger = reader.duration("linger", in: Self.lingerRange, &problems).map { .milliseconds($0) }
        timeout = reader.duration("timeout", in: Self.timeoutRange, &problems).map { .milliseconds($0) } ?? timeout
        retries = reader.int("retries", in: Self.retriesRange, &problems) ?? retries
        retryFor = reader.duration("retryFor", in: Self.retryForRange, &problems).map { .milliseconds($0) } ?? retryFor
        ordered = reader.bool("ordered", default: ordered, &problems)
        reader.refuseOtherKeys(&problems)
    }
}

extension DeclaredConnection {
    package init?(reading document: Document, at path: String, _ problems: inout [Problem]) {
        guard var reader = DeclarationReader(document, at: path, problems: &problems) else { return nil }
        place = reader.place
        let source = reader.slug("source", &problems)
        let destination = reader.slug("destination", &problems)
        enabled = reader.bool("enabled", default: true, &problems)
        lag = .hold
        if let word = reader.string("lag", &problems) {
            if let known = LagPolicy(rawValue: word) {
                lag = known
            } else {
                let words = LagPolicy.allCases.map(\.rawValue).joined(separator: " or ")
                problems.append(Problem(reader.place(of: "lag"), "must be \(words)"))
            }
        }
        sample = Connection.standardSample
        if let trace = reader.value("trace"),
            var inner = DeclarationReader(trace, at: reader.place(of: "trace").path, problems: &problems)
        {
            sample = inner.rate("sample", in: Connection.sampleRange, &problems) ?? sample
            inner.refuseOtherKeys(&problems)
        }
        selection = reader.selection(&problems)
        transformations = reader.transformations(&problems) ?? []
        reader.refuseOtherKeys(&problems)
        guard let source, let destination else { return nil }
        self.source = source
        self.destination = destination
    }
}

extension Transformation {
    package init?(reading document: Document, at path: String, _ problems: inout [Problem]) {
        guard var reader = DeclarationReader(document, at: path, problems: &problems) else { return nil }
        let plugin = reader.plugin("plugin", &problems)
        let config = reader.config("config", &problems)
        let when = reader.condition("when", &problems)
        reader.refuseOtherKeys(&problems)
        guard let plugin else { return nil }
        self.init(plugin: plugin, config: config, when: when)
    }
}

extension DeclarationReader {
    /// Nil when nothing is said of them.
    fileprivate mutating func transformations(_ problems: inout [Problem]) -> [Transformation]? {
        let limit = Connection.maximumTransformations
        return list("transformations", atMost: limit, &problems)?.compactMap { entry in
            Transformation(reading: entry.document, at: entry.path, &problems)
        }
    }

    fileprivate mutating func slug(_ key: String, _ problems: inout [Problem]) -> String? {
        guard let text = requiredString(key, &problems) else { return nil }
        guard Slug.isValid(text) else {
            problems.append(
                Problem(place(of: key), "must be 1 to \(Slug.maximumLength) characters of a-z, 0-9 and \"-\"")
            )
            return nil
        }
        return text
    }

    fileprivate mutating func plugin(_ key: String, _ problems: inout [Problem]) -> PluginReference? {
        guard let text = requiredString(key, &problems) else { return nil }
        guard let reference = PluginReference(text) else {
            let message = "must be a plugin's id, or id@version, such as com.example.mask@1.0.0"
            problems.append(Problem(place(of: key), message))
            return nil
        }
        return reference
    }
}
