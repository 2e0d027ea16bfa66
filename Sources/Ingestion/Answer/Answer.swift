import EventJSON
import HTTPTypes
import Hummingbird
import NIOCore

/// What the server says to one request.
///
/// An error is always a JSON object with `code` and `message`: the Python SDKs read exactly these two, and take any other
/// JSON for a reason to send the batch again.
struct Answer: Equatable, Sendable {
    enum Form: Equatable, Sendable {
        case text
        case json
        case gif
        case none
    }

    var status: HTTPResponse.Status = .ok
    var form: Form = .text
    var body: [UInt8] = []
    var retryAfter: Int?
    var allow: String?
    /// What is left of the source's limits.
    var remains: [Remains] = []
    /// May be kept by browsers and proxies for this long; everything else must not be kept.
    var cacheSeconds: Int?

    /// Every event is durable.
    ///
    /// The status is 200 and nothing else: the SDKs send again on 202 and 204.
    static let accepted = Answer(body: Array("OK".utf8))

    /// Some events of a batch are durable, others were refused.
    static func partly(accepted: Int, refused: [RefusedEvent], refusedCount: Int) -> Answer {
        var body = Array("{\"accepted\":\(accepted),\"refused\":\(refusedCount),\"errors\":[".utf8)
        for (place, event) in refused.prefix(errorLimit).enumerated() {
            if place > 0 { body.append(UInt8(ascii: ",")) }
            body += Array("{\"index\":\(event.index),\"code\":\"\(event.reason.rawValue)\",\"message\":".utf8)
            body.appendJSON(event.reason.message)
            body.append(UInt8(ascii: "}"))
        }
        body += Array("]}".utf8)
        return Answer(form: .json, body: body)
    }

    private static let rateLimitPolicy = HTTPField.Name("RateLimit-Policy") ?? .from
    private static let rateLimit = HTTPField.Name("RateLimit") ?? .from

    /// The most refused events that one answer names.
    static let errorLimit = 20

    init(
        status: HTTPResponse.Status = .ok,
        form: Form = .text,
        body: [UInt8] = [],
        retryAfter: Int? = nil,
        cacheSeconds: Int? = nil
    ) {
        self.status = status
        self.form = form
        self.body = body
        self.retryAfter = retryAfter
        self.cacheSeconds = cacheSeconds
    }

    init(_ refusal: RequestRefusal) {
        self.init(status: refusal.status, form: .json)
        body = Array("{\"code\":\"\(refusal.code)\",\"message\":".utf8)
        body.appendJSON(refusal.description)
        body.append(UInt8(ascii: "}"))
        retryAfter = refusal.retryAfter
        if case .methodNotAllowed(let allowed) = refusal { allow = allowed }
    }

    /// The answer as the server sends it.
    func response(to request: Request) -> Response {
        var headers = HTTPFields()
        switch form {
        case .text: headers[.contentType] = "text/plain; charset=utf-8"
        case .json: headers[.contentType] = "application/json; charset=utf-8"
        case .gif: headers[.contentType] = "image/gif"
        case .none: break
        }
        headers[.cacheControl] = cacheSeconds.map { "public, max-age=\($0)" } ?? "no-store"
        if let retryAfter { headers[.retryAfter] = String(retryAfter) }
        if !remains.isEmpty {
            headers[Self.rateLimitPolicy] = remains.policy
            headers[Self.rateLimit] = remains.remaining
        }
        if let allow { headers[.allow] = allow }
        CrossOrigin.add(to: &headers, answering: request.headers)
        let response = Response(status: status, headers: headers, body: .init(byteBuffer: ByteBuffer(bytes: body)))
        return request.method == .head ? response.createHeadResponse() : response
    }
}

/// One event that was refused, by its place in the request.
struct RefusedEvent: Equatable, Sendable {
    let index: Int
    let reason: EventRefusal
}
