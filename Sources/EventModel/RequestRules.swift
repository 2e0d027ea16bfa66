/// What every HTTP request of a plugin must be, checked where it is configured, where it is given, and again in the host.
package enum RequestRules {
    /// The longest address, in bytes.
    package static let urlBytes = 8192
    /// The most headers of a request.
    package static let headerCount = 64
    /// The longest name and value of a header, in bytes.
    package static let headerNameBytes = 256
    package static let headerValueBytes = 8192
    /// The longest method, in bytes.
    private static let methodBytes = 16

    /// Headers that belong to the connection and not to a plugin.
    private static let reserved: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    ]

    /// A sentence that says what is wrong with a method, or nil.
    package static func problem(withMethod method: String) -> String? {
        isToken(method, limit: methodBytes) ? nil : "the method is not a token"
    }

    /// A sentence that says what is wrong with an absolute http or https address, or nil.
    package static func problem(withURL url: String) -> String? {
        let text = Array(url.utf8)
        guard text.count <= urlBytes else { return "the URL is longer than \(urlBytes) bytes" }
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
        guard isToken(name, limit: headerNameBytes) else { return "the name of a header is not a token" }
        guard !reserved.contains(name.lowercased()) else { return "a header belongs to the connection: \(name)" }
        guard isFieldValue(value, limit: headerValueBytes) else {
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

    /// Whether a text can be the value of a header.
    package static func isFieldValue(_ text: String, limit: Int) -> Bool {
        text.utf8.count <= limit && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
    }
}
