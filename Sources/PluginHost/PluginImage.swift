import CLinux
import Crypto
package import EventModel
import Glibc

/// A plugin's file in memory that nobody can change any more, not even this process: checked once, given to every worker.
final class PluginImage: Sendable {
    let file: Descriptor
    let count: Int

    /// Copies `bytes`, checks what was copied, and seals it.
    ///
    /// - Throws: `PluginError.missing` when the content has another digest; `.noWorkers` when there is no memory.
    init(_ bytes: [UInt8], digest: PluginDigest) throws(PluginError) {
        guard SHA256.hash(data: bytes).elementsEqual(digest.bytes) else {
            throw .missing(digest, reason: "its content has another digest")
        }
        let number = unsafe leat_memory_file("leat-plugin", 0)
        guard number >= 0 else { throw .noWorkers(reason: "no memory file for a plugin") }
        file = Descriptor(number)
        count = bytes.count
        var written = 0
        while written < bytes.count {
            let step = unsafe bytes.withUnsafeBytes { all in
                unsafe write(number, all.baseAddress.map { unsafe $0 + written }, all.count - written)
            }
            guard step > 0 else { throw .noWorkers(reason: "no memory for a plugin file") }
            written += step
        }
        guard leat_seal_content(number) == 0 else { throw .noWorkers(reason: "a plugin file could not be sealed") }
    }
}

extension PluginDigest {
    /// The digest of a file's content.
    package init(of bytes: [UInt8]) {
        let digits = [UInt8]("0123456789abcdef".utf8)
        let name = SHA256.hash(data: bytes).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        guard let digest = PluginDigest(rawValue: String(decoding: name, as: UTF8.self)) else {
            preconditionFailure("32 bytes have 64 digits")
        }
        self = digest
    }

    /// The 32 bytes that the name spells.
    var bytes: [UInt8] {
        let digits = rawValue.utf8.map { $0 <= 0x39 ? $0 - 0x30 : $0 - 0x61 + 10 }
        return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
    }
}
