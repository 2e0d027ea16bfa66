/// Why no complete answer came back.
///
/// All of them may pass, so all are tried again.
package enum TransportFault: String, Error, Sendable, CaseIterable {
    /// The host leads to an address that only this machine or its network can reach, so nothing was sent.
    case targetPrivate = "target_private"
    /// The destination's certificates, key or proxy cannot be used, so nothing was sent.
    case transportSettings = "transport_settings"
    case nameNotFound = "name_not_found"
    /// The resolver failed to say.
    case nameLookup = "name_lookup"
    case nameTimeout = "name_timeout"
    case refused = "connection_refused"
    /// No way leads to the address.
    case unreachable = "unreachable"
    case connectTimeout = "connect_timeout"
    /// The proxy did not open the way.
    case proxy = "proxy"
    /// The proxy wants another user and password, or any.
    case proxyLogin = "proxy_login"
    case tls = "tls"
    /// The destination's certificate is not trusted, has expired or is another host's.
    case certificate = "tls_certificate"
    case reset = "connection_reset"
    case timeout = "timeout"
    /// The answer is not HTTP.
    case garbage = "not_http"
    /// The answer ended before its end.
    case truncated = "answer_truncated"
    /// The answer's headers are longer than anybody reads.
    case headers = "answer_headers"
    /// The sender was stopped.
    case cancelled = "cancelled"
    case other = "transport"
    /// It was not sent: a secret that it needs is not for this destination any more.
    case secret = "request_secret"

    /// What a connector is told that classifies answers.
    /// - Source: `docs/plugin-contract.md`, answers.
    package var number: Int32 {
        switch self {
        case .nameNotFound: 1
        case .refused: 2
        case .connectTimeout: 3
        case .tls, .certificate: 4
        case .reset: 5
        case .timeout: 6
        case .garbage: 7
        case .targetPrivate, .secret: 8
        default: 9
        }
    }

    /// A sentence for whoever must act, where the code is not enough.
    var advice: String {
        self == .proxyLogin ? "the proxy does not take the user and password of proxyAuthorization, or wants one" : ""
    }

    /// Nothing of the request has left, so it may go to another address at once.
    var isBeforeSending: Bool {
        switch self {
        case .refused, .unreachable, .connectTimeout: true
        default: false
        }
    }
}

/// What kept a request from being answered, with a sentence for whoever must act.
struct Obstacle: Error {
    let fault: TransportFault
    let text: String

    init(_ fault: TransportFault, _ text: String = "") {
        self.fault = fault
        self.text = text
    }
}
