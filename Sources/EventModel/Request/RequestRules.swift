/// What every HTTP request of a plugin must be, checked where it is configured, where it is given, in the host, and again
/// before it is sent.
package enum RequestRules {
    /// The most headers that a plugin may give a request.
    package static let headerCount = 64
    /// The longest name of a header, in bytes.
    package static let headerNameBytes = 128
    /// The longest value of a header, in bytes.
    package static let headerValueBytes = 8192

    /// The longest body, in bytes.
    package static let bodyBytes = 16 * 1024 * 1024

    /// The methods that a destination may be called with.
    package static let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]

    /// Headers that are the host's.
    ///
    /// They frame a message or belong to one connection, so a plugin that sets one could smuggle a request; and the host
    /// says itself who it is.
    ///
    /// - Source: RFC 9110, section 7.6.1.
    private static let reserved: Set<String> = [
        "connection", "content-length", "expect", "host", "keep-alive", "proxy-authenticate", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
    ]

    /// A sentence that says what is wrong with a method, or nil.
    package static func problem(withMethod method: String) -> String? {
        methods.contains(method) ? nil : "the method is none of \(methods.joined(separator: ", "))"
    }

    /// A sentence that says what is wrong with an absolute http or https address, or nil.
    package static func problem(withURL url: String) -> String? {
        do throws(TargetProblem) {
            _ = try TargetAddress(url)
            return nil
        } catch {
            return "the URL \(error)"
        }
    }

    /// A sentence that says what is wrong with a header, or nil.
    package static func problem(withHeader name: String, value: String) -> String? {
        guard isToken(name, limit: headerNameBytes) else { return "the name of a header is not a token" }
        guard !reserved.contains(name.lowercased()) else { return "a header is the server's to set: \(name)" }
        guard isFieldValue(value, limit: headerValueBytes) else {
            return "the value of a header is too long or holds control characters: \(name)"
        }
        return nil
    }

    /// - Source: RFC 9110, section 5.6.2.
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
