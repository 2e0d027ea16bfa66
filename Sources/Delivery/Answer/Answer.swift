/// What one attempt means for the events that the request carried.
package enum Answer: Equatable, Sendable {
    case delivered
    /// Try again, not before the time the destination asked for, if it did.
    case retry(after: Duration?)
    /// Trying the same request again cannot help.
    ///
    /// - Parameter divisible: the answer speaks of what the request carried, so a request of several events may fail for
    ///   one of them alone.
    case refused(divisible: Bool)

    /// The host's own table, for every answer that no connector classified.
    ///
    /// 401 and 403 are the event's failure here; that they pause a destination is decided over many answers, not in one.
    /// A redirect is never followed, since nobody permitted where it points to.
    package init(_ result: Attempt.Result, retryAfter: Duration? = nil) {
        switch result {
        case .status(200..<300): self = .delivered
        case .status(408), .status(425), .status(429), .status(500...): self = .retry(after: retryAfter)
        case .status(100..<200): self = .retry(after: nil)
        case .status(401), .status(403), .status(404), .status(405), .status(410), .status(300..<400):
            self = .refused(divisible: false)
        case .status: self = .refused(divisible: true)
        case .fault: self = .retry(after: nil)
        }
    }
}
