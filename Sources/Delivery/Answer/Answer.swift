package import EventModel

/// What one attempt means for the events that the request carried.
package enum Answer: Equatable, Sendable {
    case delivered
    /// Try again, not before the time the destination asked for, if it did.
    case retry(after: Duration?)
    /// 429: try again, more slowly, and not before the time the destination asked for.
    case throttled(after: Duration?)
    /// 401 or 403: over many answers it is decided whether it speaks of one user or of this server's credentials.
    case unauthorized
    /// Trying the same request again cannot help.
    ///
    /// - Parameter divisible: the answer speaks of what the request carried, so a request of several events may fail for
    ///   one of them alone.
    case refused(divisible: Bool)
    /// The connector has spoken about each event of the request, in their order.
    case judged([Judgement])

    /// The host's own table, for every answer that no connector classified.
    ///
    /// A redirect that arrives here was not to be followed.
    package init(_ result: Attempt.Result, retryAfter: Duration? = nil) {
        switch result {
        case .status(200..<300): self = .delivered
        case .status(429): self = .throttled(after: retryAfter)
        case .status(408), .status(425), .status(500...): self = .retry(after: retryAfter)
        case .status(100..<200): self = .retry(after: nil)
        case .status(401), .status(403): self = .unauthorized
        case .status(404), .status(405), .status(410), .status(300..<400): self = .refused(divisible: false)
        case .status: self = .refused(divisible: true)
        case .fault: self = .retry(after: nil)
        }
    }

    /// What the connector made of an answer, in the place of the host's table.
    ///
    /// A 429 and a wish to try everything again stay what they are for the destination as a whole.
    package init(_ judgements: [Judgement], of result: Attempt.Result, retryAfter: Duration?) {
        var asked: Duration?
        for judgement in judgements {
            guard case .retry(let after, _, _) = judgement else {
                self = judgements.allSatisfy { $0 == .delivered } ? .delivered : .judged(judgements)
                return
            }
            asked = [asked, after].compactMap { $0 }.max()
        }
        let after = asked ?? retryAfter
        self = result == .status(429) ? .throttled(after: after) : .retry(after: after)
    }
}

/// What a connector made of an answer for one event of the request.
package enum Judgement: Equatable, Sendable {
    case delivered
    /// The connector's word and sentence are kept with the event.
    case retry(after: Duration?, code: String, message: String)
    case refused(code: String, message: String)
}

extension AnswerPattern {
    package func admits(_ result: Attempt.Result) -> Bool {
        switch result {
        case .status(let status): admits(status: status)
        case .fault(let fault): fault != .cancelled && admits(status: nil)
        }
    }
}
