import Catalog
import HTTPTypes

extension AdminAPI {
    var descriptionOperation: Operation {
        Operation(
            method: .get,
            path: "/openapi.json",
            id: "readDescription",
            group: "description",
            summary: "Gives this description.",
            answers: [.ok("An OpenAPI 3.1 document.", ["type": "object"])],
            needsToken: false
        ) { _ in .json(description) }
    }

    /// The OpenAPI 3.1 description of all operations.
    /// - Source: OpenAPI Specification 3.1.0.
    var description: Document {
        var paths: [(String, Document)] = []
        for operation in operations {
            let path = Self.root + operation.path
            let verb = operation.method.rawValue.lowercased()
            if let place = paths.firstIndex(where: { $0.0 == path }) {
                paths[place].1 = paths[place].1.adding(verb, operation.document)
            } else {
                paths.append((path, .object([(verb, operation.document)])))
            }
        }
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Leat admin API",
                "version": "1",
                "description": "Sources, destinations, connections and plugins of a Leat server, and how they do.",
                "license": ["name": "Apache-2.0", "identifier": "Apache-2.0"],
            ],
            "servers": [["url": "/"]],
            "security": [["token": []]],
            "paths": .object(paths),
            "components": [
                "securitySchemes": [
                    "token": [
                        "type": "http", "scheme": "bearer",
                        "description": "The token that leat serve shows at its first start.",
                    ]
                ],
                "schemas": .object(Schemas.components.map { ($0.name, $0.schema) }),
            ],
        ]
    }
}

extension Operation {
    fileprivate var document: Document {
        var document: Document = ["operationId": .text(id), "tags": [.text(group)], "summary": .text(summary)]
        let parameters = pathParameters.map(Self.pathParameter) + queries.map(\.document)
        if !parameters.isEmpty { document = document.adding("parameters", .list(parameters)) }
        if let body { document = document.adding("requestBody", ["required": true, "content": body.document]) }
        if !needsToken { document = document.adding("security", []) }
        return document.adding("responses", responses)
    }

    private var responses: Document {
        var responses: [(String, Document)] = answers.map { answer in
            let described: Document = ["description": .text(answer.meaning)]
            return (
                "\(answer.status.code)",
                answer.content.map { described.adding("content", $0.document) } ?? described
            )
        }
        // A query parameter that a call does not have is a bad request to any.
        var refused = Set(refusals).union([.badRequest, .internalServerError])
        if needsToken { refused.formUnion([.unauthorized, .serviceUnavailable]) }
        for status in refused.sorted(by: { $0.code < $1.code }) {
            responses.append(("\(status.code)", Self.refusal(status)))
        }
        return .object(responses)
    }

    private static func refusal(_ status: HTTPResponse.Status) -> Document {
        let refusal: Document = [
            "description": .text(meaning(of: status)),
            "content": ["application/json": ["schema": Schemas.reference("Error")]],
        ]
        guard status == .serviceUnavailable else { return refusal }
        return refusal.adding(
            "headers",
            ["Retry-After": ["description": "Seconds to wait.", "schema": ["type": "integer", "minimum": 1]]]
        )
    }

    private static func meaning(of status: HTTPResponse.Status) -> String {
        switch status {
        case .badRequest: "The request cannot be read; the message says where."
        case .unauthorized: "No token, or one that is not known."
        case .notFound: "Something that is named does not exist."
        case .conflict: "It contradicts what is there; the message says what."
        case .contentTooLarge: "The body is longer than is allowed."
        case .unsupportedMediaType: "The body is of another type than the one described."
        case .tooManyRequests: "So many ask for this that nobody more may; try again."
        case .unprocessableContent: "Nothing was changed; the message or the details say what is wrong."
        case .serviceUnavailable: "The database or the server cannot serve this now; try again."
        default: "A fault of the server's own; its log says more."
        }
    }

    private static func pathParameter(_ name: String) -> Document {
        let schema: Document =
            switch name {
            case "plugin": ["type": "string", "pattern": "^[a-z0-9.-]{3,100}$"]
            case "version": ["type": "string", "pattern": "^[0-9][0-9A-Za-z.+-]{0,63}$"]
            case "key": ["type": "string", "pattern": "^[0-9a-f]{12}$"]
            case "node": ["type": "string", "description": "A node's identity, or a name that no other has."]
            case "partition": Schemas.partition
            case "id": Schemas.letterID
            default: Schemas.slug
            }
        return ["name": .text(name), "in": "path", "required": true, "schema": schema]
    }
}

extension Operation.Query {
    fileprivate var document: Document {
        [
            "name": .text(name), "in": "query", "required": .truth(isRequired), "description": .text(meaning),
            "schema": schema,
        ]
    }
}

extension Operation.Content {
    fileprivate var document: Document { .object(types.map { ($0.type, ["schema": $0.schema]) }) }
}
