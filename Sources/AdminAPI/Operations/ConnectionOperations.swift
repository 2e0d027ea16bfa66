import Catalog
import HTTPTypes

extension AdminAPI {
    var connectionOperations: [Operation] {
        [listConnections, readConnection, putConnection, deleteConnection, attachPlugin, detachPlugin]
    }

    private static let connectionPath = "/connections/{source}/{destination}"

    private var listConnections: Operation {
        Operation(
            method: .get,
            path: "/connections",
            id: "listConnections",
            group: "connections",
            summary: "Lists the connections.",
            answers: [.ok("The connections, by age.", Schemas.list("connections", of: "Connection"))]
        ) { _ in
            let snapshot = catalog.current
            return .json(["connections": .list(snapshot.connections.map(snapshot.document(of:)))])
        }
    }

    private var readConnection: Operation {
        Operation(
            method: .get,
            path: Self.connectionPath,
            id: "readConnection",
            group: "connections",
            summary: "Shows one connection.",
            answers: [.ok("The connection.", Schemas.reference("Connection"))],
            refusals: [.notFound]
        ) { call in
            let snapshot = catalog.current
            return .json(snapshot.document(of: try call.ends().find(in: snapshot)))
        }
    }

    private var putConnection: Operation {
        Operation(
            method: .put,
            path: Self.connectionPath,
            id: "putConnection",
            group: "connections",
            summary: "Creates a connection or makes it what the body says.",
            body: .json(Schemas.reference("ConnectionWish")),
            answers: [
                .ok("It was there; these are the changes.", Schemas.reference("Applied")),
                .created("It was created.", Schemas.reference("Applied")),
            ],
            refusals: [.badRequest, .contentTooLarge, .unprocessableContent]
        ) { call in
            let ends = try call.ends()
            let names: KeyValuePairs = ["source": ends.source, "destination": ends.destination]
            let connection = try await call.entry(named: names) { document, path, problems in
                DeclaredConnection(reading: document, at: path, &problems)
            }
            return try await apply(Declaration(connections: [connection]), call)
        }
    }

    private var deleteConnection: Operation {
        Operation(
            method: .delete,
            path: Self.connectionPath,
            id: "deleteConnection",
            group: "connections",
            summary: "Removes a connection; what it has not delivered yet is not delivered.",
            answers: [.done("It is gone.")],
            refusals: [.notFound]
        ) { call in
            let ends = try call.ends()
            _ = try await catalog.change(by: call.who) { snapshot throws(CatalogError) in
                let connection = try ends.find(in: snapshot)
                return [.removeConnection(connection.id, name: snapshot.name(of: connection))]
            }
            return .nothing
        }
    }

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
            let step = try await call.entry(named: [:]) { document, path, problems in
                Transformation(reading: document, at: path, &problems)
            }
            let applied = try await catalog.edit(ends, by: call.who) { steps in
                if let place = steps.firstIndex(where: { $0.plugin.id == step.plugin.id }) {
                    steps[place] = step
                } else {
                    steps.append(step)
                }
            }
            return .json(applied.document)
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
            let applied = try await catalog.edit(ends, by: call.who) { $0.removeAll { $0.plugin.id == plugin } }
            return .json(applied.document)
        }
    }
}

/// The two names by which a connection is asked for.
private struct Ends: Sendable {
    let source: String
    let destination: String

    func find(in snapshot: CatalogSnapshot) throws(CatalogError) -> Connection {
        guard let connection = snapshot.connection(from: source, to: destination) else {
            throw .missing(noun: "connection", name: "\(source)/\(destination)")
        }
        return connection
    }
}

extension APICall {
    fileprivate func ends() throws(APIError) -> Ends {
        Ends(source: try name("source"), destination: try name("destination"))
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
            guard steps.count <= Connection.maximumTransformations else {
                let limit = Connection.maximumTransformations
                throw .refused([Problem(Place(path: "transformations"), "has more than the \(limit) that are allowed")])
            }
            let wanted = DeclaredConnection(
                source: ends.source,
                destination: ends.destination,
                transformations: steps,
                lag: connection.lag,
                enabled: connection.enabled
            )
            let (plan, problems) = Plan.make(from: snapshot, to: Declaration(connections: [wanted]))
            guard problems.isEmpty else { throw .refused(problems) }
            return plan.changes
        }
    }
}
