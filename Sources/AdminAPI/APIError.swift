import Catalog
import EventModel
import HTTPTypes

/// Why a call was refused, in the one shape in which every refusal is answered.
struct APIError: Error, Equatable, Sendable {
    let status: HTTPResponse.Status
    /// A short lower-snake word for programs.
    let code: String
    /// What is wrong, where, and what to do, for people.
    let message: String
    let details: Document?
    /// - Unit: seconds.
    let retryAfter: Int?

    init(
        _ status: HTTPResponse.Status,
        _ code: String,
        _ message: String,
        details: Document? = nil,
        retryAfter: Int? = nil
    ) {
        self.status = status
        self.code = code
        self.message = message
        self.details = details
        self.retryAfter = retryAfter
    }

    static let unauthorized = APIError(
        .unauthorized,
        "unauthorized",
        "This needs a token: send \"Authorization: Bearer TOKEN\" with the token that leat serve showed at its first start."
    )

    static func notFound(_ noun: String, _ name: String) -> APIError {
        APIError(.notFound, "not_found", "There is no \(noun) \"\(name)\".")
    }

    static func noCall(_ method: String, _ path: String) -> APIError {
        let message = "There is no call \(method) \(path); GET \(AdminAPI.root)/openapi.json describes those that are."
        return APIError(.notFound, "no_such_call", message)
    }

    static func tooLarge(_ limit: Int) -> APIError {
        APIError(.contentTooLarge, "too_large", "The body is longer than the \(limit) bytes that are allowed here.")
    }

    static func invalid(_ message: String) -> APIError { APIError(.badRequest, "invalid", message) }

    static func refused(_ problems: [Problem]) -> APIError {
        let count = problems.count == 1 ? "1 problem" : "\(problems.count) problems"
        return APIError(
            .unprocessableContent,
            "refused",
            "Nothing was changed: \(count) found. Correct them and try again.",
            details: ["problems": .list(problems.map(\.document))]
        )
    }

    init(_ error: CatalogError) {
        switch error {
        case .refused(let problems): self = .refused(problems)
        case .missing: self.init(.notFound, error.code, error.description)
        case .inUse, .versionExists, .otherKind, .exists, .noSecretKey, .secretLocked:
            self.init(.conflict, error.code, error.description)
        case .database: self.init(database: error)
        }
    }

    /// An error of the database: worth another try, or a fault.
    init(database error: some ClassifiedError) {
        guard case .retry = error.disposition else {
            self.init(.internalServerError, error.code, error.description)
            return
        }
        self.init(.serviceUnavailable, error.code, "\(error.description) Try again in a moment.", retryAfter: 1)
    }

    var document: Document {
        let document: Document = ["code": .text(code), "message": .text(message)]
        return details.map { document.adding("details", $0) } ?? document
    }
}

extension Problem {
    fileprivate var document: Document {
        let document: Document = ["path": .text(path), "message": .text(message)]
        return line > 0 ? document.adding("line", .integer(line)) : document
    }
}
