import Synchronization

/// A secret in clear, kept so that it cannot slip out: it prints as dots, cannot be compared or encoded, and its bytes are
/// overwritten when nobody holds it any more.
///
/// What is made of it for one request, a header or a body, lives as long as that try and is not overwritten.
package final class SecretValue: Sendable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let bytes: Mutex<[UInt8]>
    /// Whether it is a private key as PEM: it has lines, and no request carries it.
    package let isPEM: Bool

    /// - Unit: bytes. Shorter ones would be found in ordinary words, and guessed.
    package static let lengths = 8...4096

    /// Takes what fits, see ``problem(with:)``; nil otherwise.
    package init?(_ bytes: [UInt8]) {
        guard Self.problem(with: bytes) == nil else { return nil }
        isPEM = Self.isPEM(bytes)
        self.bytes = Mutex(bytes)
    }

    deinit {
        bytes.withLock { bytes in
            for index in bytes.indices { bytes[index] = 0 }
        }
    }

    /// Shows the bytes to `body`, which must not keep them.
    package func reveal<Result>(_ body: ([UInt8]) -> Result) -> Result {
        let shown = bytes.withLock { $0 }
        return body(shown)
    }

    package var description: String { "•••" }
    package var debugDescription: String { "•••" }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }

    /// Why these bytes cannot be a secret, as what follows the words "the value"; nil when they can.
    ///
    /// A line break would let a secret forge headers, so no control character is taken but in a PEM, which no request
    /// carries.
    package static func problem(with bytes: [UInt8]) -> String? {
        guard bytes.count >= lengths.lowerBound else {
            return "is shorter than \(lengths.lowerBound) bytes, so it could not be kept out of what is shown"
        }
        guard bytes.count <= lengths.upperBound else { return "is longer than \(lengths.upperBound) bytes" }
        guard String(validating: bytes, as: UTF8.self) != nil else { return "is no UTF-8 text" }
        let isPEM = isPEM(bytes)
        guard !isPEM || bytes.firstRange(of: Array("\n-----END ".utf8)) != nil else {
            return "begins like a PEM and has no end; give it whole, from a file"
        }
        let line = isPEM ? bytes.filter { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") } : bytes
        guard RequestRules.isFieldValue(String(decoding: line, as: UTF8.self), limit: lengths.upperBound) else {
            return "holds a line break or another control character; only a key as PEM may have lines"
        }
        guard bytes.first != UInt8(ascii: " "), bytes.last != UInt8(ascii: " ") else {
            return "begins or ends with a space"
        }
        return nil
    }

    /// - Source: RFC 7468, section 2.
    private static func isPEM(_ bytes: [UInt8]) -> Bool { bytes.starts(with: "-----BEGIN ".utf8) }
}
