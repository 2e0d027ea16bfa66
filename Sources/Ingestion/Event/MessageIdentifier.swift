/// Makes the message id of an event that came without one.
enum MessageIdentifier {
    /// How many bytes `appendRandom(to:using:)` writes.
    static let textBytes = 36

    /// Writes a random UUID in lower case.
    ///
    /// - Source: RFC 9562, version 4.
    static func appendRandom(to bytes: inout [UInt8], using generator: inout some RandomNumberGenerator) {
        let high = generator.next() & ~0xF000 | 0x4000
        let low = generator.next() & ~(0b11 << 62) | 0b10 << 62
        append(high >> 32, digits: 8, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        append(high >> 16, digits: 4, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        append(high, digits: 4, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        append(low >> 48, digits: 4, to: &bytes)
        bytes.append(UInt8(ascii: "-"))
        append(low, digits: 12, to: &bytes)
    }

    private static func append(_ value: UInt64, digits: Int, to bytes: inout [UInt8]) {
        for place in stride(from: (digits - 1) * 4, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(place)) & 0xF
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
