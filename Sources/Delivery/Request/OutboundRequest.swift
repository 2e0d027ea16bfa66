/// A request to a destination that passed every check and can be sent, and sent again, as it is.
package struct OutboundRequest: Sendable {
    package let method: String
    package let address: TargetAddress
    package let url: String
    package let headers: [Header]
    package let body: ArraySlice<UInt8>
    /// From connecting to the last byte of the answer.
    package let timeout: Duration

    /// One header field as a connector gave it.
    package struct Header: Equatable, Sendable {
        package let name: String
        package let value: String
        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    /// - Unit: bytes.
    package static let maximumBodyBytes = 16 * 1024 * 1024
    package static let maximumHeaders = 64
    /// - Unit: bytes of one header's value.
    package static let maximumHeaderBytes = 8 * 1024
    /// The header that carries the idempotency key.
    package static let idempotencyHeader = "Idempotency-Key"

    /// Checks everything; `secret` names one that the host is to put in, or is empty.
    package init(
        method: String,
        url: String,
        headers: [Header],
        body: ArraySlice<UInt8>,
        secret: String,
        idempotencyKey: String,
        timeout: Duration,
        policy: TargetPolicy = .open
    ) throws(DeliveryError) {
        guard Self.methods.contains(method) else { throw .method }
        guard body.count <= Self.maximumBodyBytes else { throw .body(bytes: body.count) }
        guard headers.count <= Self.maximumHeaders else { throw .header("count") }
        for header in headers { try Self.check(header) }
        // Without its credentials the request would say something else, perhaps to everybody.
        guard secret.isEmpty else { throw .secret }
        address = try TargetAddress(url)
        try policy.check(address)
        self.method = method
        self.url = url
        self.body = body
        self.timeout = timeout
        let key = Header(name: Self.idempotencyHeader, value: idempotencyKey)
        let isGiven = headers.contains { $0.name.lowercased() == Self.idempotencyHeader.lowercased() }
        if isGiven || idempotencyKey.isEmpty {
            self.headers = headers
        } else {
            try Self.check(key)
            self.headers = headers + [key]
        }
    }

    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

    /// What frames a message or belongs to one connection is the host's; a plugin that sets it could smuggle a request.
    /// - Source: RFC 9110, section 7.6.1.
    private static let reserved: Set<String> = [
        "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer",
        "upgrade", "expect", "proxy-authorization", "proxy-authenticate", "user-agent",
    ]

    private static func check(_ header: Header) throws(DeliveryError) {
        let name = header.name.utf8
        guard !name.isEmpty, name.count <= 128, name.allSatisfy(isTokenCharacter) else {
            throw .header("of an invalid name")
        }
        guard !reserved.contains(header.name.lowercased()), header.value.utf8.count <= maximumHeaderBytes,
            header.value.utf8.allSatisfy({ $0 == 0x09 || (0x20...0x7e).contains($0) || $0 >= 0x80 })
        else { throw .header(header.name) }
    }

    /// - Source: RFC 9110, section 5.6.2.
    private static func isTokenCharacter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) || tokenMarks.contains(byte)
    }
    private static let tokenMarks = Set("!#$%&'*+-.^_`|~".utf8)
}
