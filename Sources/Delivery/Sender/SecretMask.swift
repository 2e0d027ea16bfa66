/// Keeps secrets out of what is stored of an answer: a destination may well repeat what it was sent.
package struct SecretMask: Sendable {
    private let secrets: [[UInt8]]
    /// Shorter texts would mask ordinary words.
    private static let minimumLength = 6
    private static let replacement = Array("•••".utf8)

    package init(secrets: [String] = []) {
        self.secrets = secrets.map { Array($0.utf8) }.filter { $0.count >= Self.minimumLength }
            .sorted { $0.count > $1.count }
    }

    /// The beginning of `body` as text that is safe to show: valid, without control characters, secrets masked.
    ///
    /// The limit is in bytes of the result.
    package func text(of body: [UInt8], limit: Int) -> String {
        let longest = secrets.first?.count ?? 0
        // A secret that is cut by the limit must still be found.
        var bytes = Array(body.prefix(limit + longest))
        for secret in secrets { Self.replace(secret, in: &bytes) }
        let text = String(decoding: bytes.prefix(limit), as: UTF8.self)
        var kept = String(text.unicodeScalars.map { $0.value < 0x20 && $0 != "\n" ? " " : Character($0) })
        while kept.utf8.count > limit { kept.removeLast() }
        return kept
    }

    private static func replace(_ secret: [UInt8], in bytes: inout [UInt8]) {
        var start = 0
        while start + secret.count <= bytes.count {
            if bytes[start] == secret[0], bytes[start..<(start + secret.count)].elementsEqual(secret) {
                bytes.replaceSubrange(start..<(start + secret.count), with: replacement)
                start += replacement.count
            } else {
                start += 1
            }
        }
    }
}
