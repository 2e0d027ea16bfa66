package import EventModel

extension RequestRules {
    /// A sentence that says what is wrong with the request, or nil.
    package static func problem(with request: PluginRequest) -> String? {
        if let problem = problem(withMethod: request.method) { return problem }
        if let problem = problem(withURL: request.url) { return problem }
        if request.headers.count > headerCount { return "a request has more than \(headerCount) headers" }
        for header in request.headers {
            if let problem = problem(withHeader: header.name, value: header.value) { return problem }
        }
        if request.body.count > bodyBytes { return "the body is longer than \(bodyBytes) bytes" }
        let words = [request.contentType, request.authReference, request.idempotencyKey, request.orderingKey]
        for word in words where !isFieldValue(word, limit: TextLimits.requestWord) {
            return "a content type, reference or key of a request is too long or holds control characters"
        }
        return nil
    }
}
