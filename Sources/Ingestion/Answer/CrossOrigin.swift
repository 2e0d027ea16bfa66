import HTTPTypes

/// Lets pages of any origin send events: write keys are public in a browser, and nothing can be read with them.
///
/// - Source: WHATWG Fetch, "CORS protocol". A literal `*` is not allowed with credentials, so the origin is repeated.
enum CrossOrigin {
    /// How long a browser keeps the answer to a preflight.
    static let preflightSeconds = 900

    static func add(to headers: inout HTTPFields, answering request: HTTPFields) {
        guard let origin = request[.origin] else { return }
        headers[.accessControlAllowOrigin] = origin
        headers[.accessControlAllowCredentials] = "true"
        headers[.accessControlExposeHeaders] = "Retry-After, RateLimit, RateLimit-Policy"
        headers[.vary] = "Origin"
    }

    /// What answers OPTIONS.
    static func preflight(isRead: Bool, _ request: HTTPFields) -> HTTPFields {
        var headers = HTTPFields()
        let methods = isRead ? "GET, HEAD, OPTIONS" : "POST, OPTIONS"
        headers[.allow] = methods
        headers[.cacheControl] = "no-store"
        add(to: &headers, answering: request)
        guard request[.origin] != nil, request[.accessControlRequestMethod] != nil else { return headers }
        headers[.accessControlAllowMethods] = methods
        if let asked = request[.accessControlRequestHeaders] { headers[.accessControlAllowHeaders] = asked }
        headers[.accessControlMaxAge] = String(preflightSeconds)
        headers[.vary] = "Origin, Access-Control-Request-Headers"
        return headers
    }
}
