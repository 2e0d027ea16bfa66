/// What a request was, as far as people may see it: for tries that are kept, and never for the others.
///
/// - Shape: secrets are masked; headers and query parameters that are named like credentials always are.
package struct RequestSummary: Equatable, Sendable {
    package let method: String
    /// - Shape: at most ``urlBytes``, without user and password.
    package let url: String
    package let headers: [OutboundRequest.Header]
    /// The body's beginning as text.
    /// - Shape: at most ``maximumBody`` bytes.
    package let body: String
    /// How long the whole body is.
    package let bodyBytes: Int

    /// - Unit: bytes.
    package static let maximumBody = 4 * 1024
    /// - Unit: bytes.
    static let urlBytes = 2 * 1024
    /// The most headers that are kept, and the bytes of one value.
    static let mostHeaders = 64
    static let valueBytes = 512

    package init(
        method: String,
        url: String,
        headers: [OutboundRequest.Header],
        body: ArraySlice<UInt8>,
        mask: SecretMask
    ) {
        self.method = method
        self.url = mask.text(of: Array(Self.masked(url).utf8), limit: Self.urlBytes)
        self.headers = headers.prefix(Self.mostHeaders).map { header in
            let value =
                SensitiveName.holds(header.name)
                ? SensitiveName.replacement : mask.text(of: Array(header.value.utf8), limit: Self.valueBytes)
            return OutboundRequest.Header(name: header.name, value: value)
        }
        self.body = mask.text(of: body, limit: Self.maximumBody)
        bodyBytes = body.count
    }

    /// What is to be stored of it, in bytes and about.
    package var size: Int {
        headers.reduce(method.utf8.count + url.utf8.count + body.utf8.count) {
            $0 + $1.name.utf8.count + $1.value.utf8.count
        }
    }

    /// An address without user and password, and without the values of parameters that are named like credentials.
    static func masked(_ url: String) -> String {
        var text = url
        if let mark = text.firstRange(of: "://") {
            let rest = text[mark.upperBound...]
            let end = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
            if let at = rest[..<end].lastIndex(of: "@") {
                text.replaceSubrange(mark.upperBound..<at, with: SensitiveName.replacement)
            }
        }
        guard let question = text.firstIndex(of: "?") else { return text }
        let pairs = text[text.index(after: question)...].split(separator: "&", omittingEmptySubsequences: false)
        let masked = pairs.map { pair -> String in
            guard let equals = pair.firstIndex(of: "="), SensitiveName.holds(pair[..<equals]) else {
                return String(pair)
            }
            return "\(pair[...equals])\(SensitiveName.replacement)"
        }
        return text[...question] + masked.joined(separator: "&")
    }
}

extension RequestSummary {
    /// What people may see of a request.
    init(of request: OutboundRequest, mask: SecretMask) {
        self.init(
            method: request.method,
            url: request.url,
            headers: request.headers,
            body: request.body,
            mask: mask
        )
    }
}
