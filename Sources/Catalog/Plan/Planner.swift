import EventJSON
import EventModel

/// Compares one declaration with one snapshot, section by section.
struct Planner {
    let snapshot: CatalogSnapshot
    let declaration: Declaration
    let prune: Bool
    let uploadsPending: Bool
    var changes: [Change] = []
    var problems: [Problem] = []

    init(snapshot: CatalogSnapshot, declaration: Declaration, prune: Bool, uploadsPending: Bool) {
        self.snapshot = snapshot
        self.declaration = declaration
        self.prune = prune
        self.uploadsPending = uploadsPending
    }

    // MARK: Plugins

    mutating func planPlugins() {
        for plugin in declaration.plugins ?? [] {
            guard plugin.library == nil, plugin.manifest == nil, let id = plugin.id, let version = plugin.version else {
                let message = "names files, which only a client can upload; use leat apply, or give id and version"
                problems.append(Problem(plugin.place, message))
                continue
            }
            let active = snapshot.plugin(PluginReference(id: id))?.version
            if let known = snapshot.plugin(PluginReference(id: id, version: version)) {
                if let sha256 = plugin.sha256, sha256 != known.digest.rawValue {
                    let error = CatalogError.versionExists(id: id, version: version)
                    problems.append(Problem(plugin.place, error.description))
                    continue
                }
            } else {
                guard uploadsPending, plugin.kind != nil else {
                    problems.append(Problem(plugin.place, "plugin \(id)@\(version) was never uploaded"))
                    continue
                }
                changes.append(.uploadPlugin(id: id, version: version))
            }
            if active != version {
                changes.append(.activatePlugin(id: id, version: version, instead: active))
                checkFollowers(of: plugin, id, version)
            }
        }
    }

    /// Those who follow the active version and are not declared anew keep their configuration.
    private mutating func checkFollowers(of plugin: DeclaredPlugin, _ id: String, _ version: String) {
        guard let known = snapshot.plugin(PluginReference(id: id, version: version)) else { return }
        // Those that are pruned need not fit either.
        let goneSources = snapshot.sources.map(\.name).filter { !sourceWillExist($0) }
        let redeclared = (declaration.sources ?? []).filter { $0.transformations != nil }.map(\.name)
        let goneDestinations = prune && declaration.destinations != nil ? snapshot.destinations.map(\.name) : []
        let goneConnections = prune && declaration.connections != nil ? snapshot.connections.map(snapshot.name) : []
        let misfits = snapshot.misfits(
            activating: id,
            manifest: known.manifest,
            exceptSources: Set(redeclared + goneSources),
            exceptDestinations: Set((declaration.destinations ?? []).map(\.name) + goneDestinations),
            exceptConnections: Set((declaration.connections ?? []).map(\.name) + goneConnections)
        )
        problems += misfits.map { Problem(plugin.place, "version \(version) \($0)") }
    }

    /// The version that a reference will mean once the plan is carried out, if it is here already.
    func version(of reference: PluginReference) -> (declared: DeclaredPlugin?, known: PluginVersion?) {
        let declared = declaration.plugins?.first { plugin in
            plugin.id == reference.id && (reference.version == nil || plugin.version == reference.version)
        }
        let version = reference.version ?? declared?.version
        return (declared, snapshot.plugin(PluginReference(id: reference.id, version: version)))
    }

    private mutating func check(_ config: String, of reference: PluginReference, at place: Place) {
        guard let known = version(of: reference).known,
            let schema = ConfigSchema(manifest: known.manifest)
        else { return }
        for problem in schema.problems(with: config) {
            let path = problem.path.isEmpty ? place.path : "\(place.path).\(problem.path)"
            problems.append(Problem(Place(path: path, line: place.line), problem.what))
        }
    }

    private mutating func check(
        _ reference: PluginReference,
        at place: Place,
        is role: String,
        of wanted: PluginKind
    ) {
        let (declared, known) = version(of: reference)
        guard let kind = known?.kind ?? (uploadsPending ? declared?.kind : nil) else {
            let isKnown = snapshot.plugins.contains { $0.id == reference.id }
            let message =
                switch (isKnown, reference.version) {
                case (false, _): "no plugin \"\(reference.id)\" was uploaded"
                case (true, let version?): "plugin \"\(reference.id)\" has no version \"\(version)\""
                case (true, nil): "plugin \"\(reference.id)\" has no active version; activate one or pin one"
                }
            problems.append(Problem(place, message))
            return
        }
        if kind != wanted {
            problems.append(Problem(place, "plugin \"\(reference)\" is of kind \(kind.rawValue), which is no \(role)"))
        }
    }

    // MARK: Sources

    mutating func planSources() {
        for source in declaration.sources ?? [] {
            if let existing = snapshot.source(named: source.name) {
                if let partitions = source.partitions, partitions != Int(existing.partitions) {
                    if existing.closed.count >= Source.maximumClosed || existing.generation == .max {
                        let message =
                            "has changed its partitions \(existing.closed.count) times while events of then are still in the log; try again when they have left it"
                        problems.append(Problem(source.place, message))
                    }
                    changes.append(
                        .repartitionSource(
                            existing.id,
                            name: existing.name,
                            from: Int(existing.partitions),
                            to: partitions
                        )
                    )
                }
                if source.enabled != existing.enabled {
                    changes.append(.enableSource(existing.id, name: existing.name, enabled: source.enabled))
                }
                planLimits(of: source, existing: existing.limits)
                planTransformations(of: source, existing: existing.transformations)
                planWriteKeys(of: source, existing: snapshot.writeKeys(of: existing.id))
            } else {
                let partitions = source.partitions ?? Source.defaultPartitions
                changes.append(.addSource(name: source.name, enabled: source.enabled, partitions: partitions))
                if source.writeKeys == nil { changes.append(.generateWriteKey(source: source.name)) }
                planLimits(of: source, existing: .none)
                planTransformations(of: source, existing: [])
                planWriteKeys(of: source, existing: [])
            }
        }
    }

    private mutating func planLimits(of source: DeclaredSource, existing: SourceLimits) {
        guard let limits = source.limits, limits != existing else { return }
        let differences = Differences.between(existing, limits)
        changes.append(.limitSource(name: source.name, limits, differences: differences))
    }

    private mutating func planTransformations(of source: DeclaredSource, existing: [Transformation]) {
        guard let transformations = source.transformations else { return }
        check(transformations, at: source.place)
        let differences = Differences.between(existing, transformations)
        guard !differences.isEmpty else { return }
        changes.append(.transformSource(name: source.name, transformations, differences: differences))
    }

    private mutating func planWriteKeys(of source: DeclaredSource, existing: [WriteKey]) {
        guard let wanted = source.writeKeys else { return }
        var kept: Set<SecretHash> = []
        for (number, key) in wanted.enumerated() {
            guard Secret.isWriteKey(key) else {
                let place = Place(path: "\(source.place.path).writeKeys[\(number)]", line: source.place.line)
                problems.append(Problem(place, "is a reference to the environment, which only a client can resolve"))
                continue
            }
            let hash = SecretHash(of: key)
            kept.insert(hash)
            if existing.contains(where: { $0.hash == hash }) { continue }
            if let owner = snapshot.source(forWriteKey: key) {
                problems.append(Problem(source.place, "has a write key of source \"\(owner.name)\""))
            } else {
                changes.append(.addWriteKey(source: source.name, hash: hash, hint: Secret.hint(of: key)))
            }
        }
        guard prune else { return }
        for key in existing where !kept.contains(key.hash) {
            changes.append(.removeWriteKey(source: source.name, hash: key.hash, hint: key.hint))
        }
    }

    // MARK: Destinations

    mutating func planDestinations() {
        for destination in declaration.destinations ?? [] {
            check(
                destination.connector,
                at: Place(path: destination.place.path + ".connector", line: destination.place.line),
                is: "connector",
                of: .requests
            )
            let config = Place(path: destination.place.path + ".config", line: destination.place.line)
            check(destination.config, of: destination.connector, at: config)
            checkSecrets(of: destination, at: config)
            guard let existing = snapshot.destination(named: destination.name) else {
                changes.append(.addDestination(destination))
                continue
            }
            let differences = Differences.between(existing, destination)
            if !differences.isEmpty {
                changes.append(.updateDestination(existing.id, destination, differences: differences))
            }
        }
    }

    // MARK: Connections

    mutating func planConnections() {
        for connection in declaration.connections ?? [] {
            checkEnd(connection.source, "source", at: connection.place, exists: sourceWillExist(connection.source))
            let destinationExists = destinationWillExist(connection.destination)
            checkEnd(connection.destination, "destination", at: connection.place, exists: destinationExists)
            check(connection.transformations, at: connection.place)
            guard let existing = snapshot.connection(from: connection.source, to: connection.destination) else {
                changes.append(.addConnection(connection))
                continue
            }
            let differences = Differences.between(existing, connection)
            if !differences.isEmpty {
                changes.append(.updateConnection(existing.id, connection, differences: differences))
            }
        }
    }

    /// Those of the source or the connection that stands at `place`.
    private mutating func check(_ transformations: [Transformation], at place: Place) {
        for (number, transformation) in transformations.enumerated() {
            let path = "\(place.path).transformations[\(number)]"
            check(
                transformation.plugin,
                at: Place(path: path + ".plugin", line: place.line),
                is: "transformation",
                of: .transform
            )
            let config = Place(path: path + ".config", line: place.line)
            check(transformation.config, of: transformation.plugin, at: config)
            refuseSecrets(in: transformation.config, at: config)
        }
    }

    private mutating func checkEnd(_ name: String, _ noun: String, at place: Place, exists: Bool) {
        guard !exists else { return }
        let path = Place(path: "\(place.path).\(noun)", line: place.line)
        problems.append(Problem(path, "there is no \(noun) \"\(name)\""))
    }

    private func sourceWillExist(_ name: String) -> Bool {
        if let declared = declaration.sources, declared.contains(where: { $0.name == name }) { return true }
        return snapshot.source(named: name) != nil && !(prune && declaration.sources != nil)
    }

    private func destinationWillExist(_ name: String) -> Bool {
        if let declared = declaration.destinations, declared.contains(where: { $0.name == name }) { return true }
        return snapshot.destination(named: name) != nil && !(prune && declaration.destinations != nil)
    }

    // MARK: What goes

    mutating func planRemovals() {
        guard prune else { return }
        if let declared = declaration.connections {
            let kept = Set(declared.map(\.name))
            for connection in snapshot.connections {
                let name = snapshot.name(of: connection)
                if !kept.contains(name) { changes.append(.removeConnection(connection.id, name: name)) }
            }
        }
        for source in snapshot.sources where !sourceWillExist(source.name) {
            changes.append(.removeSource(source.id, name: source.name))
            refuseIfConnected(snapshot.connections(of: source.id), "source", source.name)
        }
        for destination in snapshot.destinations where !destinationWillExist(destination.name) {
            changes.append(.removeDestination(destination.id, name: destination.name))
            let connections = snapshot.connections.filter { $0.destination == destination.id }
            refuseIfConnected(connections, "destination", destination.name)
        }
    }

    /// What a connection uses stays while the file says nothing about connections.
    private mutating func refuseIfConnected(_ connections: [Connection], _ noun: String, _ name: String) {
        guard declaration.connections == nil, !connections.isEmpty else { return }
        let names = connections.map(snapshot.name(of:)).joined(separator: ", ")
        let message = "\(noun) \"\(name)\" cannot go while these connections use it: \(names)"
        problems.append(Problem(Place(path: "\(noun)s"), message))
    }
}
