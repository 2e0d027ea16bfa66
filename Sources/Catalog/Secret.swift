import Crypto

/// The SHA-256 of a write key or a token: all that is ever kept of one.
///
/// The secrets are long and random, so one round of a plain hash is enough: there is nothing to guess.
package struct SecretHash: Hashable, Sendable {
    /// - Shape: 32 bytes.
    package let bytes: [UInt8]

    /// The hash of a secret that somebody presents.
    package init(of secret: some StringProtocol) {
        bytes = Array(SHA256.hash(data: Array(secret.utf8)))
    }

    /// The hash as the database holds it.
    package init?(bytes: [UInt8]) {
        guard bytes.count == SHA256.byteCount else { return nil }
        self.bytes = bytes
    }

    /// The first bytes in lower-case hexadecimal digits.
    package func hexadecimal(bytes count: Int) -> String {
        bytes.prefix(count).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Compares without stopping at the first difference, so that the time tells nothing.
    package func matches(_ other: SecretHash) -> Bool {
        var difference: UInt8 = 0
        for (left, right) in zip(bytes, other.bytes) { difference |= left ^ right }
        return difference == 0
    }
}

/// Makes the secrets that Leat gives out.
package enum Secret {
    /// The characters of a generated secret, 6 bits each.
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    private static let writeKeyLength = 32
    private static let tokenLength = 40

    /// A new write key of 192 random bits.
    package static func writeKey() -> String { random(writeKeyLength) }

    /// A new token of 240 random bits, recognisable by its prefix where it was leaked.
    package static func token() -> String { "leat_" + random(tokenLength) }

    /// The last four characters, for people to tell secrets apart.
    package static func hint(of secret: String) -> String { String(secret.suffix(4)) }

    /// Whether a write key that somebody chose can be one: long enough not to be guessed, and safe in every header.
    package static func isWriteKey(_ text: String) -> Bool {
        writeKeyLengths.contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                    true
                default: false
                }
            }
    }

    /// - Unit: characters.
    package static let writeKeyLengths = 16...128

    private static func random(_ length: Int) -> String {
        var generator = SystemRandomNumberGenerator()
        return String((0..<length).map { _ in alphabet.randomElement(using: &generator) ?? "A" })
    }
}
