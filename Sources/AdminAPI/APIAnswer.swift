import Catalog
import HTTPTypes
import Hummingbird
import NIOCore

/// What an operation answers.
struct APIAnswer: Sendable {
    /// Gives the next piece of an answer that is as long as it turns out; nil at the end.
    ///
    /// Each is asked for when the other side has taken the one before. What it throws cuts the answer off.
    typealias Stream = @Sendable () async throws -> ByteBuffer?

    var status: HTTPResponse.Status = .ok
    var contentType = "application/json"
    var text: String
    var headers: HTTPFields = [:]
    /// What follows the text.
    var stream: Stream?

    static func json(_ document: Document, status: HTTPResponse.Status = .ok) -> APIAnswer {
        APIAnswer(status: status, text: document.json)
    }

    static func yaml(_ text: String) -> APIAnswer { APIAnswer(contentType: "application/yaml", text: text) }

    static let nothing = APIAnswer(status: .noContent, text: "")

    init(status: HTTPResponse.Status = .ok, contentType: String = "application/json", text: String) {
        self.status = status
        self.contentType = contentType
        self.text = text
    }

    init(contentType: String, stream: @escaping Stream) {
        self.init(contentType: contentType, text: "")
        self.stream = stream
    }

    init(_ error: APIError) {
        self.init(status: error.status, text: error.document.json)
        if let seconds = error.retryAfter { headers[.retryAfter] = "\(seconds)" }
        if error.status == .unauthorized { headers[.wwwAuthenticate] = "Bearer realm=\"leat\"" }
    }

    var response: Response {
        var headers = headers
        // Answers may hold secrets that are shown once.
        headers[.cacheControl] = "no-store"
        guard status != .noContent else { return Response(status: status, headers: headers) }
        headers[.contentType] = contentType
        if let stream {
            let pieces = AsyncThrowingStream(unfolding: stream)
            return Response(status: status, headers: headers, body: ResponseBody(asyncSequence: pieces))
        }
        return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(string: text)))
    }
}
