package import EventModel

/// The name under which a destination can recognise that it has seen a part of an event before.
///
/// It follows from where the part is in the log and for whom it is sent, so every retry, and every delivery after a
/// crash, carries the same one; a replay carries another, since its purpose is to deliver again.
///
/// - Shape: 128 bits of MurmurHash3 (x64, 128-bit variant) over whole words; as text 32 lower-case hexadecimal digits.
///   It must never change: a key made by one version is compared with one made by the next.
package struct IdempotencyKey: Hashable, Sendable, CustomStringConvertible {
    package let high: UInt64
    package let low: UInt64

    /// The key of one part of one event.
    package init(destination: DestinationID, partition: PartitionID, offset: Int64, part: Int, replay: Int64 = 0) {
        var hash = WordHash()
        hash.add(UInt64(bitPattern: destination.rawValue), UInt64(bitPattern: partition.rawValue))
        hash.add(UInt64(bitPattern: offset), UInt64(bitPattern: Int64(part)))
        hash.add(UInt64(bitPattern: replay), 0)
        (high, low) = hash.finish()
    }

    /// The key of a request that carries several parts: it changes with the list, so a regrouped request is new.
    package init(of keys: [IdempotencyKey]) {
        var hash = WordHash()
        for key in keys { hash.add(key.high, key.low) }
        (high, low) = hash.finish()
    }

    /// The key of one of several requests for the same parts; that of the first is the parts' own.
    package func numbered(_ ordinal: Int) -> IdempotencyKey {
        guard ordinal > 0 else { return self }
        var hash = WordHash()
        hash.add(high, low)
        hash.add(UInt64(ordinal), 0)
        return IdempotencyKey(hash)
    }

    private init(_ hash: WordHash) {
        var hash = hash
        (high, low) = hash.finish()
    }

    package var description: String { String(decoding: utf8, as: UTF8.self) }

    /// The text of the key.
    package var utf8: [UInt8] {
        var text: [UInt8] = []
        text.reserveCapacity(Self.textBytes)
        appendText(to: &text)
        return text
    }

    /// - Unit: bytes.
    package static let textBytes = 32

    /// Appends the text of the key.
    package func appendText(to bytes: inout [UInt8]) {
        HexDigits.append(high, to: &bytes)
        HexDigits.append(low, to: &bytes)
    }
}

/// Words as text.
enum HexDigits {
    /// Appends sixteen lower-case digits.
    static func append(_ word: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let value = UInt8(truncatingIfNeeded: word >> UInt64(shift) & 15)
            bytes.append(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") - 10 + value)
        }
    }
}

/// MurmurHash3 x64 128 over blocks of two words.
///
/// - Source: https://github.com/aappleby/smhasher/blob/master/src/MurmurHash3.cpp
private struct WordHash {
    private var first: UInt64 = 0
    private var second: UInt64 = 0
    private var length: UInt64 = 0
    private static let c1: UInt64 = 0x87c3_7b91_1142_53d5
    private static let c2: UInt64 = 0x4cf5_ad43_2745_937f

    mutating func add(_ one: UInt64, _ two: UInt64) {
        first ^= Self.rotate(one &* Self.c1, 31) &* Self.c2
        first = (Self.rotate(first, 27) &+ second) &* 5 &+ 0x52dc_e729
        second ^= Self.rotate(two &* Self.c2, 33) &* Self.c1
        second = (Self.rotate(second, 31) &+ first) &* 5 &+ 0x3849_5ab5
        length &+= 16
    }

    mutating func finish() -> (UInt64, UInt64) {
        first ^= length
        second ^= length
        first &+= second
        second &+= first
        first = Self.mix(first)
        second = Self.mix(second)
        first &+= second
        second &+= first
        return (first, second)
    }

    private static func rotate(_ word: UInt64, _ bits: UInt64) -> UInt64 { word << bits | word >> (64 - bits) }

    private static func mix(_ word: UInt64) -> UInt64 {
        var word = word
        word ^= word >> 33
        word &*= 0xff51_afd7_ed55_8ccd
        word ^= word >> 33
        word &*= 0xc4ce_b9fe_1a85_ec53
        word ^= word >> 33
        return word
    }
}
