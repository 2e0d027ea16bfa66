import Catalog
import HTTPTypes

/// One thing the admin interface can do: where it is asked for, how it is described, and what does it.
///
/// The router and the description are both made from these, so neither can have what the other lacks.
struct Operation: Sendable {
    /// A query parameter.
    struct Query: Sendable {
        let name: String
        let schema: Document
        let meaning: String
        var isRequired = false
    }

    /// What a body or an answer looks like.
    struct Content: Sendable {
        /// Schemas by content type.
        let types: [(type: String, schema: Document)]

        static func json(_ schema: Document) -> Content { Content(types: [("application/json", schema)]) }
    }

    struct Answer: Sendable {
        let status: HTTPResponse.Status
        let meaning: String
        let content: Content?
    }

    let method: HTTPRequest.Method
    /// Below `/api/v1`, with parameters as `{name}`.
    let path: String
    let id: String
    let group: String
    let summary: String
    var queries: [Query] = []
    var body: Content?
    let answers: [Answer]
    /// The refusals that are special to it; those of every call are added to the description.
    var refusals: [HTTPResponse.Status] = []
    var needsToken = true
    let handle: @Sendable (APICall) async throws -> APIAnswer

    /// Refuses query parameters that it does not have: one that is misspelt would otherwise answer another question.
    func check(_ names: [String]) throws(APIError) {
        for name in names where !queries.contains(where: { $0.name == name }) {
            let known = queries.map(\.name).joined(separator: ", ")
            let has = known.isEmpty ? "it takes none" : "it takes \(known)"
            throw .invalid("\(method) \(AdminAPI.root)\(path) has no query parameter \"\(name.prefix(64))\"; \(has).")
        }
    }

    /// The names in braces, in order.
    var pathParameters: [String] { path.matches(of: /\{([a-z]+)\}/).map { String($0.1) } }
}

extension Operation.Answer {
    static func ok(_ meaning: String, _ schema: Document) -> Self {
        Self(status: .ok, meaning: meaning, content: .json(schema))
    }

    static func created(_ meaning: String, _ schema: Document) -> Self {
        Self(status: .created, meaning: meaning, content: .json(schema))
    }

    static func done(_ meaning: String) -> Self { Self(status: .noContent, meaning: meaning, content: nil) }
}
