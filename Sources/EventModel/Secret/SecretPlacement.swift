/// How a secret stands in a request that asks for it by `auth_ref`.
package struct SecretPlacement: Equatable, Sendable {
    /// What is made of the value.
    package enum Scheme: String, Sendable, CaseIterable {
        /// The value as it is.
        case raw
        /// `Bearer` and the value.
        case bearer
        /// `Basic` and the value, a user and a password with a colon between them, in Base64.
        case basic
    }

    package let scheme: Scheme
    /// The header that it becomes the value of.
    package let header: String

    package init(scheme: Scheme = .raw, header: String = SecretPlacement.standardHeader) {
        self.scheme = scheme
        self.header = header
    }

    package static let standardHeader = "Authorization"

    /// Why no request could carry it so, as a sentence without its end; nil when it can be.
    package var problem: String? {
        if let problem = RequestRules.problem(withHeader: header, value: "") { return problem }
        // They say what the request is, and the server or the connector sets them.
        return Self.taken.contains(header.lowercased()) ? "the header \(header) cannot hold a secret" : nil
    }

    private static let taken: Set<String> = ["content-type", "content-encoding", "idempotency-key", "traceparent"]
}
