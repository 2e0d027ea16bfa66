/// Which headers of an answer are worth keeping: what it is, when to come back, and how to name it to the destination's
/// support.
package enum AnswerHeaders {
    /// The most that are kept of one answer.
    static let most = 16
    /// - Unit: bytes of one value.
    static let valueBytes = 256

    private static let names: Set<String> = ["content-type", "retry-after", "location", "allow", "www-authenticate"]
    private static let beginnings = ["ratelimit", "x-ratelimit", "x-rate-limit"]
    private static let parts = ["request-id", "requestid", "request_id", "correlation-id", "trace-id", "cf-ray"]

    static func isKept(_ name: String) -> Bool {
        let name = name.lowercased()
        return names.contains(name) || beginnings.contains { name.hasPrefix($0) }
            || parts.contains { name.contains($0) }
    }

    /// Those of `headers` that are kept, secrets masked.
    static func kept(
        _ headers: some Sequence<(name: String, value: String)>,
        mask: SecretMask
    ) -> [OutboundRequest.Header] {
        var kept: [OutboundRequest.Header] = []
        for header in headers where isKept(header.name) && kept.count < most {
            let value = mask.text(of: Array(header.value.utf8), limit: valueBytes)
            kept.append(OutboundRequest.Header(name: header.name, value: value))
        }
        return kept
    }
}
