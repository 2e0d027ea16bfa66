/// What every request must be, whoever wrote it: checked where the plugin gives it and again in the host.
package enum RequestRules {
    /// Headers that belong to the connection and not to a plugin.
    private static let reserved: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// A sentence that says what is wrong with the request, or nil.
    package static func problem(with request: PluginRequest) -> String? {
        if !isToken(request.method, limit: 16) { return "the method of a request is not a token" }
        if let problem = problem(withURL: request.url) { return problem }
        if request.headers.count > TextLimits.headers { return "a request has more than \(TextLimits.headers) headers" }
        for header in request.headers {
            if let problem = problem(withHeader: header.name, value: header.value) { return problem }
        }
        let words = [request.contentType, request.authReference, request.idempotencyKey, request.orderingKey]
        for word in words where !isFieldValue(word, limit: TextLimits.requestWord) {
            return "a content type, reference or key of a request is too long or holds control characters"
        }
        return nil
    }

    /// A sentence that says what is wrong with an absolute http or https address, or nil.
    package static func problem(withURL url: String) -> String? {
        let text = Array(url.utf8)
        guard text.count <= TextLimits.url else { return "the URL is longer than \(TextLimits.url) bytes" }
        guard text.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != 0x5C }) else {
            return "the URL holds a space, a backslash or a byte that is not ASCII; write it percent-encoded"
        }
        let lowered = url.lowercased()
        guard lowered.hasPrefix("https://") || lowered.hasPrefix("http://") else {
            return "the URL does not begin with https:// or http://"
        }
        let start = lowered.hasPrefix("https://") ? 8 : 7
        let authority = text[start...].prefix { $0 != 0x2F && $0 != 0x3F && $0 != 0x23 }
        guard !authority.isEmpty, authority.first != 0x3A else { return "the URL names no host" }
        guard !authority.contains(0x40) else { return "the URL holds a user name; use a header or a secret" }
        return nil
    }

    /// A sentence that says what is wrong with a header, or nil.
    package static func problem(withHeader name: String, value: String) -> String? {
        guard isToken(name, limit: TextLimits.headerName) else { return "the name of a header is not a token" }
        guard !reserved.contains(name.lowercased()) else { return "a header belongs to the connection: \(name)" }
        guard isFieldValue(value, limit: TextLimits.headerValue) else {
            return "the value of a header is too long or holds control characters: \(name)"
        }
        return nil
    }

    private static func isToken(_ text: String, limit: Int) -> Bool {
        !text.isEmpty && text.utf8.count <= limit
            && text.utf8.allSatisfy { byte in
                switch byte {
                case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
                case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
                default: false
                }
            }
    }

    private static func isFieldValue(_ text: String, limit: Int) -> Bool {
        text.utf8.count <= limit && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }
}
