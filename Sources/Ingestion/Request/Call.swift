import EventJSON
import EventModel
import HTTPTypes
import Hummingbird
import NIOCore

/// One request as ingestion reads it: its route, and what its head says about the sender.
struct Call {
    let request: Request
    let route: IngestionRoute
    let query: RequestQuery
    private let address: SocketAddress?
    private let trustsForwardedFor: Bool

    init(_ request: Request, _ route: IngestionRoute, address: SocketAddress?, settings: IngestionSettings) {
        self.request = request
        self.route = route
        self.address = address
        query = RequestQuery(request.uri.query ?? "")
        trustsForwardedFor = settings.trustsForwardedFor
    }

    /// The type that the path gives to its event.
    var type: EventType? {
        switch route {
        case .event(let type), .pixel(let type): type
        case .mergeOrMetrics: .merge
        default: nil
        }
    }

    var isBatch: Bool { route == .batch || route == .beacon }

    /// Whether the page that asks was loaded over TLS, as far as a proxy tells.
    var isSecure: Bool {
        request.head.scheme == "https" || request.headers[Self.forwardedProtocol] == "https"
    }

    func checkMethod() throws(RequestRefusal) {
        let method = request.method
        guard route.isRead ? method == .get || method == .head : method == .post else {
            throw .methodNotAllowed(allowed: route.isRead ? "GET, HEAD, OPTIONS" : "POST, OPTIONS")
        }
    }

    /// The write key of the header or else of the query; nil when it can only be in the body.
    func writeKeyOfHead() throws(RequestRefusal) -> String? {
        switch BasicCredentials.read(request.headers[.authorization]) {
        case .writeKey(let key): return key
        case .malformed: throw .noWriteKeyInHeader
        case .none: break
        }
        if let key = query["writeKey"], !key.isEmpty { return key }
        switch route {
        case .pixel, .sourceConfiguration: throw .noWriteKeyInQuery
        default: return nil
        }
    }

    /// The write key of a body whose text is on `tape`.
    func writeKey(in tape: JSONTape) throws(RequestRefusal) -> String {
        guard let key = tape.member(of: tape.root, "writeKey").flatMap({ tape.string($0) }), !key.isEmpty else {
            throw route == .beacon ? .noWriteKeyInQuery : .noWriteKeyInHeader
        }
        return key
    }

    /// The sender's address as a JSON text; empty when there is none, as on a Unix socket.
    var requestIP: [UInt8] {
        var text = address?.ipAddress
        if trustsForwardedFor, let forwarded = request.headers[Self.forwardedFor] {
            // The first is the sender, the others are proxies on the way.
            let first = forwarded.prefix { $0 != "," }.filter { $0 != " " }
            if !first.isEmpty, first.utf8.count <= Self.addressBytes { text = first }
        }
        guard let text else { return [] }
        var bytes: [UInt8] = []
        bytes.appendJSON(text)
        return bytes
    }

    /// The longest address that is believed, in bytes.
    private static let addressBytes = 64
    private static let forwardedFor = HTTPField.Name("X-Forwarded-For") ?? .from
    private static let forwardedProtocol = HTTPField.Name("X-Forwarded-Proto") ?? .from
}
