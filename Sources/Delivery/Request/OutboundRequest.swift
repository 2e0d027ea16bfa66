package import EventModel

/// A request to a destination that passed every check and can be sent, and sent again, as it is.
package struct OutboundRequest: Sendable {
    package private(set) var method: String
    package private(set) var address: TargetAddress
    /// What is asked for there.
    package internal(set) var url: String
    package internal(set) var headers: [Header]
    package internal(set) var body: ArraySlice<UInt8>
    /// The secrets that it is sent with, and where; nil for none.
    ///
    /// With them it may not be sent on to anybody else.
    package private(set) var secrets: SecretUses?
    /// From finding the host to the last byte of the answer, redirects included.
    package let timeout: Duration
    /// Where it, and whatever it is redirected to, may go.
    let policy: TargetPolicy
    /// How it travels: the standard way until somebody says otherwise.
    private(set) var transport = Transport.standard
    /// What names the trace that every try of it belongs to.
    let trace: IdempotencyKey?

    /// One header field as a connector gave it.
    package struct Header: Equatable, Sendable {
        package let name: String
        package let value: String
        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// The header that carries the idempotency key.
    package static let idempotencyHeader = "Idempotency-Key"
    /// The header that names the replay that a request belongs to.
    package static let replayHeader = "Leat-Replay"

    /// Checks everything; `secret` names one that the host is to put in, or is empty.
    ///
    /// Those that the configuration refers to are found by their tokens.
    /// `trace` names the trace of all its tries, `replay` the replay that it belongs to.
    package init(
        method: String,
        url: String,
        headers: [Header],
        body: ArraySlice<UInt8>,
        secret: String,
        idempotencyKey: String,
        timeout: Duration,
        policy: TargetPolicy = .open,
        trace: IdempotencyKey? = nil,
        replay: Int64? = nil,
        book: SecretBook = .empty
    ) throws(DeliveryError) {
        guard RequestRules.problem(withMethod: method) == nil else { throw .method }
        guard body.count <= RequestRules.bodyBytes else { throw .body(bytes: body.count) }
        for header in headers { try Self.check(header) }
        do throws(TargetProblem) {
            address = try TargetAddress(url)
        } catch {
            throw .address(error)
        }
        try policy.check(address)
        self.method = method
        self.url = address.url
        self.body = body
        self.timeout = timeout
        self.policy = policy
        self.headers = headers
        self.trace = Self.isGiven(Traceparent.header, in: headers) ? nil : trace
        if !idempotencyKey.isEmpty, !Self.isGiven(Self.idempotencyHeader, in: headers) {
            let key = Header(name: Self.idempotencyHeader, value: idempotencyKey)
            try Self.check(key)
            self.headers.append(key)
        }
        if let replay {
            self.headers.removeAll { $0.name.lowercased() == Self.replayHeader.lowercased() }
            self.headers.append(Header(name: Self.replayHeader, value: String(replay)))
        }
        secrets = try SecretUses(self, authorization: secret, book: book)
    }

    private static func isGiven(_ name: String, in headers: [Header]) -> Bool {
        let count = name.utf8.count
        return headers.contains { $0.name.utf8.count == count && $0.name.lowercased() == name.lowercased() }
    }

    private static func check(_ header: Header) throws(DeliveryError) {
        if RequestRules.problem(withHeader: header.name, value: header.value) != nil { throw .header(header.name) }
    }

    /// The request as it goes by one transport.
    package func travelling(by transport: Transport) -> OutboundRequest {
        var request = self
        request.transport = transport
        return request
    }

    /// The request in the form in which its destination wants it.
    func compressed() -> OutboundRequest {
        guard let least = transport.settings.compressesFrom, body.count >= least,
            !Self.isGiven("Content-Encoding", in: headers), let packed = Deflate.gzip(body)
        else { return self }
        var request = self
        request.body = packed[...]
        request.headers.append(Header(name: "Content-Encoding", value: "gzip"))
        return request
    }

    /// Headers that say nothing but what the body is, and so may go to another host.
    private static let impersonal: Set<String> = [
        "accept", "content-encoding", "content-language", "content-type", "idempotency-key", "leat-replay",
        "traceparent",
    ]

    /// The request that a redirect asks for.
    ///
    /// 307 and 308 keep method and body by their meaning, 301 and 302 because a delivery without its body is none; 303
    /// says that it was taken, and where to read about it. What could be a credential does not go to another host.
    ///
    /// - Source: RFC 9110, section 15.4.
    func redirected(_ status: Int, to location: String) throws(RedirectProblem) -> OutboundRequest {
        guard let target = ((try? TargetAddress(url)) ?? address).resolving(location) else { throw .address }
        guard address.scheme == .http || target.scheme == .https else { throw .downgrade }
        do throws(DeliveryError) {
            try policy.check(target)
        } catch {
            throw .notPermitted(host: target.host)
        }
        var request = self
        request.address = target
        request.url = target.url
        let isElsewhere = target.host != address.host || target.port != address.port || target.scheme != address.scheme
        // Where a secret stands in it nobody tells apart any more.
        guard !isElsewhere || secrets == nil else { throw .secrets }
        // Nor may a destination let another see who this is, or act in its name.
        guard !isElsewhere || transport.settings.clientCertificate == nil else { throw .certificate }
        if isElsewhere { request.headers.removeAll { !Self.impersonal.contains($0.name.lowercased()) } }
        if status == 303, method != "GET", method != "HEAD" {
            request.method = "GET"
            request.body = []
            request.headers.removeAll { $0.name.lowercased().hasPrefix("content-") }
        }
        return request
    }
}

/// Why a redirect is not followed though the destination allows redirects.
enum RedirectProblem: Error, CustomStringConvertible {
    case address
    case downgrade
    case notPermitted(host: String)
    case secrets
    case certificate
    case tooMany

    var description: String {
        switch self {
        case .address: "its Location is no address that can be sent to"
        case .downgrade: "it leads from https to http"
        case .notPermitted(let host): "the plugin's manifest does not permit requests to \(host)"
        case .secrets: "the request carries secrets, and it leads to another host, port or scheme"
        case .certificate: "the destination has a client certificate, and it leads to another host, port or scheme"
        case .tooMany: "there were more than \(Sender.maximumRedirects) in a row"
        }
    }
}
