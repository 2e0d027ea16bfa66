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
    /// From sending to the first byte of the answer; nil where none came.
    package let firstByte: Duration?
    /// What the answer said of itself and of the next request; empty for a success that is not kept.
    /// - Shape: see ``AnswerHeaders``.
    package let answerHeaders: [OutboundRequest.Header]
    /// What was sent, one for all tries of a stay; nil for those that nobody keeps.
    package var request: RequestSummary?

    /// What came back.
    package enum Result: Equatable, Sendable {
        case status(Int)
        case fault(TransportFault)
    }

    package init(
        number: Int,
        at: Int64,
        duration: Duration,
        result: Result,
        text: String = "",
        firstByte: Duration? = nil,
        answerHeaders: [OutboundRequest.Header] = [],
        request: RequestSummary? = nil
    ) {
        self.number = number
        self.at = at
        self.duration = duration
        self.result = result
        self.text = text
        self.firstByte = firstByte
        self.answerHeaders = answerHeaders
        self.request = request
    }

    /// What is to be stored of it beside its request, in bytes and about.
    package var size: Int {
        answerHeaders.reduce(text.utf8.count) { $0 + $1.name.utf8.count + $1.value.utf8.count }
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
