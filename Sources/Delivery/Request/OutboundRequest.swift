package import EventModel

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
        guard RequestRules.problem(withMethod: method) == nil else { throw .method }
        guard body.count <= RequestRules.bodyBytes else { throw .body(bytes: body.count) }
        for header in headers { try Self.check(header) }
        // Without its credentials the request would say something else, perhaps to everybody.
        guard secret.isEmpty else { throw .secret }
        do throws(TargetProblem) {
            address = try TargetAddress(url)
        } catch {
            throw .address(error)
        }
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

    private static func check(_ header: Header) throws(DeliveryError) {
        if RequestRules.problem(withHeader: header.name, value: header.value) != nil { throw .header(header.name) }
    }
}
