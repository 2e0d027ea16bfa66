package import EventModel
import HTTPTypes

/// Why a whole request is refused; nothing of it is kept.
///
/// Status and message are those of RudderStack's gateway where it has them.
package enum RequestRefusal: ClassifiedError, Equatable {
    case notFound
    case methodNotAllowed(allowed: String)
    case noWriteKeyInHeader
    case noWriteKeyInQuery
    case invalidWriteKey
    case sourceDisabled
    case unsupportedCoding
    case emptyBody
    /// The body breaks the rules of JSON; `detail` says where, and holds nothing of the body.
    case invalidJSON(detail: String)
    /// The body is JSON but neither an event nor a batch.
    case notAnEvent
    case emptyBatch
    /// No event of the request is valid; the reason of the first stands for all.
    case noValidEvent(EventRefusal)
    case tooLarge(Oversize)
    case corruptBody
    case bodyTimeout
    /// The sender went away in the middle of its body.
    case bodyInterrupted
    /// Too many bytes wait for their commit.
    case overloaded
    /// The database is away or did not answer in time: what happened to the events is unknown, so send them again.
    case unavailable
    /// The source has sent more than it may; `seconds` from now it may send again.
    case limited(SourceLimit, seconds: Int)
    /// The log is full of what a connection of the source has not read.
    case pushedBack

    /// Which limit a body broke.
    package enum Oversize: Equatable, Sendable {
        /// The length that the header gives.
        case announced(Int)
        case received
        case inflated
        /// With what the batch says of every event written into each.
        case merged
    }

    package var code: String { answer.code }

    package var disposition: Disposition {
        switch self {
        case .overloaded, .unavailable: .retry(after: .seconds(Self.retrySeconds))
        case .limited(_, let seconds): .retry(after: .seconds(seconds))
        case .pushedBack: .retry(after: .seconds(Self.pushedBackSeconds))
        case .bodyTimeout, .bodyInterrupted: .retry(after: .zero)
        default: .bury
        }
    }

    /// What `Retry-After` says, in seconds; nil where it says nothing.
    var retryAfter: Int? {
        switch self {
        case .overloaded, .unavailable: Self.retrySeconds
        case .limited(_, let seconds): seconds
        case .pushedBack: Self.pushedBackSeconds
        default: nil
        }
    }

    package var description: String {
        switch self {
        case .invalidJSON(let detail): "\(answer.message): \(detail)"
        case .tooLarge(.announced(let bytes)):
            "\(answer.message) of \(Limits.requestBytes) bytes: the body has \(bytes)"
        case .tooLarge(.received): "\(answer.message) of \(Limits.requestBytes) bytes"
        case .tooLarge(.inflated): "\(answer.message) of \(Limits.requestBytes) bytes once inflated"
        case .tooLarge(.merged):
            "\(answer.message) of \(Limits.requestBytes) bytes once the batch's context is in every event"
        default: answer.message
        }
    }

    /// When a request that nobody could take for the moment may come again.
    private static let retrySeconds = 1
    /// A connection that lags needs longer than a moment.
    private static let pushedBackSeconds = 30

    var status: HTTPResponse.Status { .init(code: answer.status) }

    private var answer: (status: Int, code: String, message: String) {
        switch self {
        case .notFound: (404, "not_found", "There is nothing at this path")
        case .methodNotAllowed: (405, "method_not_allowed", "Invalid HTTP Request Method")
        case .noWriteKeyInHeader: (401, "write_key_missing", "Failed to read writeKey from header")
        case .noWriteKeyInQuery: (401, "write_key_missing", "Failed to read writeKey from Query Params")
        case .invalidWriteKey: (401, "write_key_invalid", "Invalid Write Key")
        case .sourceDisabled: (404, "source_disabled", "Source is disabled")
        case .unsupportedCoding: (415, "encoding_unsupported", "Content-Encoding must be gzip, deflate or identity")
        case .emptyBody: (400, "body_empty", "Request body is nil")
        case .invalidJSON: (400, "json_invalid", "Invalid JSON")
        case .notAnEvent: (400, "event_invalid", "Event is not a valid rudder event")
        case .emptyBatch: (400, "batch_empty", "Empty batch payload")
        case .noValidEvent(let refusal): (refusal == .tooLarge ? 413 : 400, refusal.rawValue, refusal.message)
        case .tooLarge: (413, "request_too_large", "Request size exceeds max limit")
        case .corruptBody: (400, "body_unreadable", "Failed to read body from request")
        case .bodyTimeout: (408, "body_timeout", "The request body took too long")
        case .bodyInterrupted: (400, "body_interrupted", "The request body ended early")
        case .overloaded: (503, "overloaded", "Too many events wait to be stored; send again later")
        case .unavailable: (503, "unavailable", "Events cannot be stored now; send again later")
        case .limited(let limit, _): (429, limit == .bytesPerDay ? "quota_exceeded" : "rate_limited", limit.sentence)
        case .pushedBack: (503, "log_full", "The log is full of what a destination has not taken; send again later")
        }
    }
}
