import Crypto

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The operator's keys: one that encrypts, and others that still open what was encrypted before.
package struct SecretKeys: Sendable {
    /// One key, with the name by which rows say that they need it.
    struct Key: Sendable {
        let id: String
        let key: SymmetricKey

        fileprivate init(_ bytes: [UInt8]) {
            key = SymmetricKey(data: bytes)
            id = SHA256.hash(data: bytes).prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }

    let current: Key
    private let all: [String: Key]

    /// - Unit: bytes.
    package static let keyBytes = 32
    /// Old keys included.
    package static let maximumKeys = 8

    /// Names the key that encrypts.
    package var currentID: String { current.id }

    func key(_ id: String) -> Key? { all[id] }

    /// Reads keys of 32 bytes, each as Base64 or as hexadecimal digits, of which the first encrypts.
    ///
    /// They stand apart by spaces, commas or lines; a line that begins with `#` is left out.
    ///
    /// - Throws: ``SecretKeyProblem``, which never repeats what was read.
    package init(parsing text: String) throws(SecretKeyProblem) {
        let lines = text.split { $0.isNewline }.filter { !$0.drop { $0 == " " }.hasPrefix("#") }
        let words = lines.flatMap { $0.split { $0 == " " || $0 == "," || $0 == "\t" } }
        guard !words.isEmpty else { throw SecretKeyProblem("holds no key") }
        guard words.count <= Self.maximumKeys else {
            throw SecretKeyProblem("holds \(words.count) keys; at most \(Self.maximumKeys) are allowed")
        }
        var keys: [Key] = []
        for (number, word) in words.enumerated() {
            guard let bytes = Self.bytes(of: word), bytes.count == Self.keyBytes else {
                let what = "as its key \(number + 1) something that is not 32 bytes in Base64 or 64 hexadecimal digits"
                throw SecretKeyProblem("holds \(what)")
            }
            keys.append(Key(bytes))
        }
        current = keys[0]
        all = Dictionary(keys.map { ($0.id, $0) }) { first, _ in first }
    }

    /// A new key as the line of a file.
    package static func generate() -> String {
        var generator = SystemRandomNumberGenerator()
        let bytes = (0..<keyBytes).map { _ in UInt8.random(in: 0...255, using: &generator) }
        return Data(bytes).base64EncodedString()
    }

    private static func bytes(of word: Substring) -> [UInt8]? {
        if word.utf8.count == 2 * keyBytes {
            let digits = Array(word.utf8).map { UInt8(String(decoding: [$0], as: UTF8.self), radix: 16) }
            guard digits.allSatisfy({ $0 != nil }) else { return nil }
            let values = digits.compactMap(\.self)
            return stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
        }
        var text = word.replacing("-", with: "+").replacing("_", with: "/")
        while text.utf8.count % 4 != 0, text.utf8.count < 48 { text += "=" }
        return Data(base64Encoded: String(text)).map { Array($0) }
    }
}

/// Why a text holds no keys, as what follows the name of where it stands.
package struct SecretKeyProblem: Error, Equatable, CustomStringConvertible {
    package let description: String
    init(_ description: String) { self.description = description }
}
