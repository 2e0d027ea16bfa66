import Catalog
import HTTPTypes

extension AdminAPI {
    var destinationOperations: [Operation] {
        [listDestinations, readDestination, putDestination, deleteDestination] + deliveryOperations
    }

    private var listDestinations: Operation {
        Operation(
            method: .get,
            path: "/destinations",
            id: "listDestinations",
            group: "destinations",
            summary: "Lists the destinations.",
            answers: [.ok("The destinations, by age.", Schemas.list("destinations", of: "Destination"))]
        ) { _ in
            .json(["destinations": .list(catalog.current.destinations.map(\.document))])
        }
    }

    private var readDestination: Operation {
        Operation(
            method: .get,
            path: "/destinations/{destination}",
            id: "readDestination",
            group: "destinations",
            summary: "Shows one destination.",
            answers: [.ok("The destination.", Schemas.reference("Destination"))],
            refusals: [.notFound]
        ) { call in
            let name = try call.name("destination")
            guard let destination = catalog.current.destination(named: name) else {
                throw APIError.notFound("destination", name)
            }
            return .json(destination.document)
        }
    }

    private var putDestination: Operation {
        Operation(
            method: .put,
            path: "/destinations/{destination}",
            id: "putDestination",
            group: "destinations",
            summary: "Creates a destination or makes it what the body says.",
            body: .json(Schemas.reference("DestinationWish")),
            answers: [
                .ok("It was there; these are the changes.", Schemas.reference("Applied")),
                .created("It was created.", Schemas.reference("Applied")),
            ],
            refusals: [.badRequest, .contentTooLarge, .unprocessableContent]
        ) { call in
            let name = try call.name("destination")
            let destination = try await call.entry(named: ["name": name]) { document, path, problems in
                DeclaredDestination(reading: document, at: path, &problems)
            }
            return try await apply(Declaration(destinations: [destination]), call)
        }
    }

    private var deleteDestination: Operation {
        Operation(
            method: .delete,
            path: "/destinations/{destination}",
            id: "deleteDestination",
            group: "destinations",
            summary: "Removes a destination. Connections must be removed before.",
            answers: [.done("It is gone.")],
            refusals: [.notFound, .conflict]
        ) { call in
            let name = try call.name("destination")
            _ = try await catalog.change(by: call.who) { snapshot throws(CatalogError) in
                guard let destination = snapshot.destination(named: name) else {
                    throw .missing(noun: "destination", name: name)
                }
                let users = snapshot.connections.filter { $0.destination == destination.id }.map(snapshot.name(of:))
                guard users.isEmpty else { throw .inUse(noun: "destination", name: name, by: users) }
                return [.removeDestination(destination.id, name: name)]
            }
            return .nothing
        }
    }
}
