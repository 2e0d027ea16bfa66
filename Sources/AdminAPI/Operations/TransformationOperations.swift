import Catalog
import HTTPTypes

/// Transformations of sources and of connections, one at a time.
extension AdminAPI {
    var transformationOperations: [Operation] {
        [attachPlugin, detachPlugin, attachPluginToSource, detachPluginFromSource]
    }

    private static let sourcePath = "/sources/{source}"

    private var attachPlugin: Operation {
        Operation(
            method: .post,
            path: "\(Self.connectionPath)/transformations",
            id: "attachPlugin",
            group: "connections",
            summary: "Puts a transformation at the end of a connection's, or replaces the one of the same plugin.",
            body: .json(Schemas.reference("Transformation")),
            answers: [.ok("These are the changes.", Schemas.reference("Applied"))],
            refusals: [.badRequest, .notFound, .contentTooLarge, .unprocessableContent]
        ) { call in
            let ends = try call.ends()
            let step = try await call.transformation()
            return .json(try await catalog.edit(ends, by: call.who) { $0.attach(step) }.document)
        }
    }

    private var detachPlugin: Operation {
        Operation(
            method: .delete,
            path: "\(Self.connectionPath)/transformations/{plugin}",
            id: "detachPlugin",
            group: "connections",
            summary: "Takes a plugin, by its id, out of a connection's transformations.",
            answers: [.ok("These are the changes.", Schemas.reference("Applied"))],
            refusals: [.notFound]
        ) { call in
            let ends = try call.ends()
            let plugin = try call.name("plugin")
            guard try ends.find(in: catalog.current).transformations.contains(where: { $0.plugin.id == plugin }) else {
                throw APIError.notFound("transformation", "\(plugin) of \(ends.source)/\(ends.destination)")
            }
            return .json(try await catalog.edit(ends, by: call.who) { $0.detach(plugin) }.document)
        }
    }

    private var attachPluginToSource: Operation {
        Operation(
            method: .post,
            path: "\(Self.sourcePath)/transformations",
            id: "attachPluginToSource",
            group: "sources",
            summary: "Puts a transformation at the end of a source's, or replaces the one of the same plugin.",
            body: .json(Schemas.reference("Transformation")),
            answers: [.ok("These are the changes.", Schemas.reference("Applied"))],
            refusals: [.badRequest, .notFound, .contentTooLarge, .unprocessableContent]
        ) { call in
            let name = try call.name("source")
            let step = try await call.transformation()
            return .json(try await catalog.edit(source: name, by: call.who) { $0.attach(step) }.document)
        }
    }

    private var detachPluginFromSource: Operation {
        Operation(
            method: .delete,
            path: "\(Self.sourcePath)/transformations/{plugin}",
            id: "detachPluginFromSource",
            group: "sources",
            summary: "Takes a plugin, by its id, out of a source's transformations.",
            answers: [.ok("These are the changes.", Schemas.reference("Applied"))],
            refusals: [.notFound]
        ) { call in
            let name = try call.name("source")
            let plugin = try call.name("plugin")
            let source = try source(named: name, in: catalog.current)
            guard source.transformations.contains(where: { $0.plugin.id == plugin }) else {
                throw APIError.notFound("transformation", "\(plugin) of \(name)")
            }
            return .json(try await catalog.edit(source: name, by: call.who) { $0.detach(plugin) }.document)
        }
    }
}

extension APICall {
    fileprivate func transformation() async throws -> Transformation {
        try await entry(named: [:]) { document, path, problems in
            Transformation(reading: document, at: path, &problems)
        }
    }
}

extension [Transformation] {
    fileprivate mutating func attach(_ step: Transformation) {
        if let place = firstIndex(where: { $0.plugin.id == step.plugin.id }) {
            self[place] = step
        } else {
            append(step)
        }
    }

    fileprivate mutating func detach(_ plugin: String) { removeAll { $0.plugin.id == plugin } }

    fileprivate func checkCount() throws(CatalogError) {
        let limit = Connection.maximumTransformations
        guard count > limit else { return }
        throw .refused([Problem(Place(path: "transformations"), "has more than the \(limit) that are allowed")])
    }
}

extension Catalog {
    /// Changes the transformations of one connection, checked like a declaration.
    fileprivate func edit(
        _ ends: Ends,
        by who: String,
        _ edit: @Sendable (inout [Transformation]) -> Void
    ) async throws -> Applied {
        try await change(by: who) { snapshot throws(CatalogError) in
            let connection = try ends.find(in: snapshot)
            var steps = connection.transformations
            edit(&steps)
            try steps.checkCount()
            let wanted = DeclaredConnection(
                source: ends.source,
                destination: ends.destination,
                transformations: steps,
                selection: connection.selection,
                lag: connection.lag,
                enabled: connection.enabled,
                sample: connection.sample
            )
            return try Self.changes(from: snapshot, to: Declaration(connections: [wanted]))
        }
    }

    /// Changes the transformations of one source, checked like a declaration.
    fileprivate func edit(
        source name: String,
        by who: String,
        _ edit: @Sendable (inout [Transformation]) -> Void
    ) async throws -> Applied {
        try await change(by: who) { snapshot throws(CatalogError) in
            guard let source = snapshot.source(named: name) else { throw .missing(noun: "source", name: name) }
            var steps = source.transformations
            edit(&steps)
            try steps.checkCount()
            let wanted = DeclaredSource(name: name, enabled: source.enabled, transformations: steps)
            return try Self.changes(from: snapshot, to: Declaration(sources: [wanted]))
        }
    }

    private static func changes(
        from snapshot: CatalogSnapshot,
        to declaration: Declaration
    ) throws(CatalogError) -> [Change] {
        let (plan, problems) = Plan.make(from: snapshot, to: declaration)
        guard problems.isEmpty else { throw .refused(problems) }
        return plan.changes
    }
}
