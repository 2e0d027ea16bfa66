import Crypto
import EventModel

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Encrypts secrets, and opens them again.
///
/// - Source: NIST SP 800-38D; RFC 5116, section 5.2.
enum SecretSeal {
    /// Encrypts with a nonce of its own; everything that decides where the value goes is authenticated with it.
    static func seal(
        _ value: SecretValue,
        name: String,
        scope: SecretScope,
        placement: SecretPlacement,
        with key: SecretKeys.Key
    ) throws -> [UInt8] {
        let bound = context(name, scope, placement)
        let box = try value.reveal { bytes in
            Result { try AES.GCM.seal(bytes, using: key.key, authenticating: bound) }
        }.get()
        // With a nonce of the usual length there is always a combined form.
        return box.combined.map { Array($0) } ?? []
    }

    /// Opens a row; nil when it is not what was encrypted, or under another key.
    static func open(_ secret: StoredSecret, with key: SecretKeys.Key) -> SecretValue? {
        let bound = context(secret.name, secret.scope, secret.placement)
        guard let box = try? AES.GCM.SealedBox(combined: secret.sealed),
            var plain = try? AES.GCM.open(box, using: key.key, authenticating: bound)
        else { return nil }
        defer { plain.resetBytes(in: plain.startIndex..<plain.endIndex) }
        return SecretValue(Array(plain))
    }

    /// Every part with its length, so that no two contexts are written alike.
    private static func context(_ name: String, _ scope: SecretScope, _ placement: SecretPlacement) -> [UInt8] {
        var bytes = Array("leat.secret.1".utf8)
        func add(_ text: String) {
            withLength(UInt32(text.utf8.count))
            bytes += text.utf8
        }
        func withLength(_ length: UInt32) {
            for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: length >> UInt32(shift))) }
        }
        add(name)
        for list in [scope.destinations, scope.plugins] {
            withLength(UInt32(list.count))
            for text in list { add(text) }
        }
        add(placement.scheme.rawValue)
        add(placement.header)
        return bytes
    }
}
