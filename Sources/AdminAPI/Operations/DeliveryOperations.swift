import Catalog
import EventModel
import HTTPTypes

/// What is done with delivery to a destination while it runs.
extension AdminAPI {
    var deliveryOperations: [Operation] {
        [showDelivery, limitDestination, pauseDestination, drainDestination, resumeDestination]
    }

    /// The most lanes of one connection that are added up: all partitions of many generations.
    private static let lanesOfOne = 20_000

    private var showDelivery: Operation {
        Operation(
            method: .get,
            path: "/destinations/{destination}/status",
            id: "showDelivery",
            group: "destinations",
            summary: "Shows how delivery to a destination stands: its state, its limits, and what waits for what.",
            answers: [.ok("As every server said last.", Schemas.reference("DeliveryStatus"))],
            refusals: [.notFound]
        ) { call in
            let destination = try destination(call)
            let connections = catalog.current.connections.filter { $0.destination == destination.id }.map(\.id)
            var lanes: [LaneReport] = []
            for connection in connections {
                var filter = LaneFilter()
                filter.connection = connection
                lanes += try await reports.log.lanes(filter, Self.lanesOfOne)
            }
            var rest: DrainRest?
            if let until = destination.state.until { rest = try await deliveries.left(connections, until) }
            let status = DeliveryStatus(
                destination: destination,
                lanes: lanes,
                nodes: try await deliveries.nodes(destination.id),
                rest: rest
            )
            return .json(status.document)
        }
    }

    private var limitDestination: Operation {
        Operation(
            method: .patch,
            path: "/destinations/{destination}/limits",
            id: "limitDestination",
            group: "destinations",
            summary: "Changes single limits of a destination; null gives one its standard, or takes it away.",
            body: .json(Schemas.reference("LimitsWish")),
            answers: [.ok("What has changed.", Schemas.reference("Applied"))],
            refusals: [.badRequest, .notFound, .contentTooLarge, .unprocessableContent]
        ) { call in
            let name = try call.name("destination")
            let wish = try await call.document()
            return .json(try await catalog.limitDestination(named: name, wish, by: call.who).document)
        }
    }

    private var pauseDestination: Operation {
        halt(
            "pause",
            "Lets a destination's lanes stand still until it is resumed; nothing is lost, and a drain ends."
        ) { [catalog] in try await catalog.pauseDestination($0, reason: $1, by: $2) }
    }

    private var drainDestination: Operation {
        halt(
            "drain",
            "Delivers what was accepted until now, and nothing that comes later until the destination is resumed."
        ) { [catalog] in try await catalog.drainDestination($0, reason: $1, by: $2) }
    }

    private var resumeDestination: Operation {
        Operation(
            method: .post,
            path: "/destinations/{destination}/resume",
            id: "resumeDestination",
            group: "destinations",
            summary: "Ends a pause or a drain of a destination.",
            answers: [.ok("What has changed.", Schemas.reference("Applied"))],
            refusals: [.notFound]
        ) { call in
            let destination = try destination(call)
            return .json(try await catalog.resumeDestination(destination.id, by: call.who).document)
        }
    }

    private typealias Halting = @Sendable (DestinationID, String, String) async throws -> Applied

    private func halt(_ verb: String, _ summary: String, _ carryOut: @escaping Halting) -> Operation {
        Operation(
            method: .post,
            path: "/destinations/{destination}/\(verb)",
            id: "\(verb)Destination",
            group: "destinations",
            summary: summary,
            body: .json(Schemas.reference("HaltWish")),
            answers: [.ok("What has changed.", Schemas.reference("Applied"))],
            refusals: [.badRequest, .notFound, .contentTooLarge, .unprocessableContent]
        ) { call in
            let reason = try await Self.reason(call)
            let destination = try destination(call)
            return .json(try await carryOut(destination.id, reason, call.who).document)
        }
    }

    /// The reason that a body gives; none where there is no body.
    private static func reason(_ call: APICall) async throws -> String {
        guard let body = try await call.documentIfAny() else { return "" }
        guard let members = body.members else {
            throw APIError.refused([Problem(Place(), "The body must be an object, but is \(body.kind)")])
        }
        var problems = members.filter { $0.key != "reason" }.map {
            Problem(Place(path: $0.key, line: $0.line), "is an unknown key; known here: reason")
        }
        let reason = body["reason"] ?? ""
        if reason.string == nil {
            problems.append(Problem(Place(path: "reason", line: reason.line), "must be a text, but is \(reason.kind)"))
        }
        guard problems.isEmpty else { throw APIError.refused(problems) }
        return reason.string ?? ""
    }

    func destination(_ call: APICall) throws(APIError) -> Destination {
        let name = try call.name("destination")
        guard let destination = catalog.current.destination(named: name) else { throw .notFound("destination", name) }
        return destination
    }
}
