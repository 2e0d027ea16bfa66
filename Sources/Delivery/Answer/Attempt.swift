/// One try of a delivery, and how it went.
package struct Attempt: Equatable, Sendable {
    /// From 1; goes on after the tries that counted when the event was parked.
    package let number: Int
    /// When the request was sent.
    /// - Unit: microseconds since 1970, UTC.
    package let at: Int64
    package let duration: Duration
    package let result: Result
    /// The beginning of the destination's answer, when it was not a success.
    /// - Shape: at most ``maximumText`` bytes of UTF-8, secrets masked.
    package let text: String

    /// What came back.
    package enum Result: Equatable, Sendable {
        case status(Int)
        case fault(TransportFault)
    }

    package init(number: Int, at: Int64, duration: Duration, result: Result, text: String = "") {
        self.number = number
        self.at = at
        self.duration = duration
        self.result = result
        self.text = text
    }

    /// - Unit: bytes.
    package static let maximumText = 1024

    /// A short word for labels and dead letters: `http_503`, `timeout`.
    package var code: String {
        switch result {
        case .status(let status): "http_\(status)"
        case .fault(let fault): fault.rawValue
        }
    }
}

/// Why no complete answer came back.
package enum TransportFault: String, Sendable, CaseIterable {
    case nameNotFound = "name_not_found"
    case refused = "connection_refused"
    case connectTimeout = "connect_timeout"
    case tls = "tls"
    case reset = "connection_reset"
    case timeout = "timeout"
    /// The answer is not HTTP.
    case garbage = "not_http"
    /// The sender was stopped.
    case cancelled = "cancelled"
    case other = "transport"
}
