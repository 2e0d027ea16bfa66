import Catalog
import HTTPTypes

extension AdminAPI {
    var connectionOperations: [Operation] {
        [listConnections, readConnection, putConnection, deleteConnection]
    }

    static let connectionPath = "/connections/{source}/{destination}"

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
}

/// The two names by which a connection is asked for.
struct Ends: Sendable {
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
    func ends() throws(APIError) -> Ends {
        Ends(source: try name("source"), destination: try name("destination"))
    }
}
