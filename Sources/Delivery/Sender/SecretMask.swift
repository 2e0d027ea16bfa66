package import EventModel

/// Keeps secrets out of what is stored of a request and its answer: a destination may well repeat what it was sent.
///
/// A secret is found as it is, and as it is written in addresses, JSON texts and Base64; so is what stands behind its
/// first space or colon, as in `Bearer TOKEN` and `user:password`. Words that stand for secrets are hidden by every mask.
package struct SecretMask: Sendable {
    private let secrets: [SecretValue]
    private static let replacement = Array("•••".utf8)

    package init(_ secrets: [SecretValue] = []) { self.secrets = secrets }

    /// Hides no value.
    package static let none = SecretMask()

    /// The beginning of `body` as text that is safe to show: valid, without control characters, secrets masked.
    ///
    /// The limit is in bytes of the result.
    package func text(of body: some Collection<UInt8>, limit: Int) -> String {
        let needles = needles
        let longest = needles.first?.count ?? 0
        // A secret that is cut by the limit must still be found.
        var bytes = Array(body.prefix(limit + max(longest, SecretToken.length)))
        let isCut = bytes.count < body.count
        Self.hide(needles, in: &bytes)
        // What was made shorter moves up, and with it perhaps the beginning of a secret without its end.
        if isCut { bytes.removeLast(min(max(longest, SecretToken.length) - 1, bytes.count)) }
        let text = String(decoding: bytes.prefix(limit), as: UTF8.self)
        var kept = String(text.unicodeScalars.map { $0.value < 0x20 && $0 != "\n" ? " " : Character($0) })
        while kept.utf8.count > limit { kept.removeLast() }
        return kept
    }

    /// A text with every secret masked.
    package func masked(_ text: String) -> String {
        String(decoding: masked(text.utf8), as: UTF8.self)
    }

    /// Bytes with every secret masked, for a plugin that is to see what a destination answered.
    package func masked(_ body: some Collection<UInt8>) -> [UInt8] {
        var bytes = Array(body)
        Self.hide(needles, in: &bytes)
        return bytes
    }

    /// What to look for, the longest first; made for each text, so that no copy of a secret stays behind.
    private var needles: [[UInt8]] {
        var needles: Set<[UInt8]> = []
        for secret in secrets {
            secret.reveal { bytes in
                for part in Self.parts(of: bytes) {
                    for form in SecretForm.allCases { needles.insert(form.bytes(of: part)) }
                    needles.formUnion(SecretForm.base64Cores(of: part))
                }
            }
        }
        return needles.sorted { $0.count > $1.count }
    }

    private static func parts(of bytes: [UInt8]) -> [ArraySlice<UInt8>] {
        let marks = [UInt8(ascii: " "), UInt8(ascii: ":")].compactMap { bytes.firstIndex(of: $0) }
        return [bytes[...]] + marks.map { bytes[($0 + 1)...] }.filter { $0.count >= SecretValue.lengths.lowerBound }
    }

    private static func hide(_ needles: [[UInt8]], in bytes: inout [UInt8]) {
        for needle in needles { replace(needle, in: &bytes) }
        let prefix = Array(SecretToken.prefix.utf8)
        var start = 0
        while let found = bytes[start...].firstRange(of: prefix) {
            let end = min(found.upperBound + SecretToken.digits, bytes.count)
            let digits = bytes[found.upperBound..<end]
            let isToken = digits.count == SecretToken.digits && digits.allSatisfy(isDigit)
            start = found.upperBound
            guard isToken else { continue }
            bytes.replaceSubrange(found.lowerBound..<end, with: replacement)
            start = found.lowerBound + replacement.count
        }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) }

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
