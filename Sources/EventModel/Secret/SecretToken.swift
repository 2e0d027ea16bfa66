/// What a plugin gets in the place of a secret: a word that the host alone can make, and knows again in a request.
///
/// It stands unchanged in a header, an address, a JSON text and a form, for it holds letters, digits and `-` alone.
package struct SecretToken: Hashable, Sendable {
    /// - Shape: ``prefix`` and ``digits`` hexadecimal digits.
    package let text: String

    package static let prefix = "leat-secret-"
    package static let digits = 32
    /// - Unit: bytes.
    package static let length = prefix.utf8.count + digits

    /// Makes the token of a number nobody can guess, of which the first 128 bits are used.
    package init(_ number: some Sequence<UInt8>) {
        let bytes = number.prefix(Self.digits / 2)
        text = Self.prefix + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// Stands for any token where a text is only to be checked.
    package static let specimen = SecretToken(repeatElement(0, count: digits / 2))
}
