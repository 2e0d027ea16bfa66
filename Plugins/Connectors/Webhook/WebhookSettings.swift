import LeatSDK

/// What can be configured, checked when the destination is created.
struct WebhookSettings {
    let url: String
    let method: Request.Method
    let headers: [(name: String, value: String)]
    let eventsPerRequest: Int
    let idempotencyHeader: String?
    /// The name of a secret that the server puts into the `Authorization` header; empty for none.
    let secret: String
    let timeoutMilliseconds: Int

    /// The most events of one request.
    static let mostEventsPerRequest = 1000
    /// The longest that the server may wait for an answer.
    static let longestTimeoutMilliseconds = 60_000

    init(_ configuration: Configuration) throws(Failure) {
        url = try configuration.required("url")
        if let problem = Request.problem(withURL: url) { throw Self.wrong("url", problem) }
        let word = configuration.string("method") ?? "POST"
        guard ["POST", "PUT", "PATCH"].contains(word) else {
            throw Self.wrong("method", "it is not POST, PUT or PATCH")
        }
        method = Request.Method(word)
        headers = try Self.headers(configuration)
        eventsPerRequest = try Self.number(configuration, "batch", 1...Self.mostEventsPerRequest) ?? 1
        timeoutMilliseconds = try Self.number(configuration, "timeout_ms", 1...Self.longestTimeoutMilliseconds) ?? 0
        secret = configuration.string("secret") ?? ""
        idempotencyHeader = configuration.string("idempotency_header")
        if idempotencyHeader != nil, eventsPerRequest > 1 {
            throw Self.wrong("idempotency_header", "it needs a batch of 1; a batch has the header Idempotency-Key")
        }
    }

    private static func headers(_ configuration: Configuration) throws(Failure) -> [(name: String, value: String)] {
        guard configuration["headers"] != nil else { return [] }
        guard let headers = configuration.texts("headers") else {
            throw wrong("headers", "it is not an object of texts")
        }
        for header in headers {
            if let problem = Request.problem(withHeader: header.name, value: header.text) {
                throw wrong("headers", problem)
            }
        }
        return headers.map { (name: $0.name, value: $0.text) }
    }

    private static func number(
        _ configuration: Configuration,
        _ name: String,
        _ range: ClosedRange<Int>
    ) throws(Failure) -> Int? {
        guard configuration[Path(name)] != nil else { return nil }
        guard let number = configuration.int(Path(name)), range.contains(number) else {
            throw wrong(name, "it is not a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    private static func wrong(_ name: String, _ problem: String) -> Failure {
        Failure(code: "bad_configuration", message: "\"\(name)\" cannot be used: \(problem)")
    }
}
