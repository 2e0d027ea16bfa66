/// An IPv4 or IPv6 address, read strictly and kept as bits, so that ranges can be compared with it.
package struct IPAddress: Hashable, Sendable, CustomStringConvertible {
    /// The two kinds of addresses.
    package enum Family: Sendable {
        case four
        case six
        /// - Unit: bits.
        package var width: Int { self == .four ? 32 : 128 }
    }

    package let family: Family
    /// - Shape: an IPv4 address takes the low 32 bits.
    package let bits: UInt128

    package init(_ family: Family, bits: UInt128) {
        self.family = family
        self.bits = bits
    }

    /// Reads the one common spelling of IPv4, and any of IPv6 without a zone.
    ///
    /// The octal, hexadecimal and shortened spellings of IPv4 are none: some readers know them and others do not.
    ///
    /// - Source: RFC 6943, section 3.1.1; RFC 4291, section 2.2.
    package init?(_ text: String) {
        if let four = Self.four(text) {
            self.init(.four, bits: UInt128(four))
        } else if let six = Self.six(text) {
            self.init(.six, bits: six)
        } else {
            return nil
        }
    }

    private static func four(_ text: some StringProtocol) -> UInt32? {
        let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.count), part.count == 1 || part.first != UInt8(ascii: "0"),
                part.allSatisfy({ (0x30...0x39).contains($0) })
            else { return nil }
            let value = part.reduce(UInt32(0)) { $0 * 10 + UInt32($1 - 0x30) }
            guard value <= 255 else { return nil }
            bits = bits << 8 | value
        }
        return bits
    }

    private static func six(_ text: String) -> UInt128? {
        guard let gap = text.firstRange(of: "::") else {
            guard let groups = groups(text[...], mayEndInFour: true), groups.count == 8 else { return nil }
            return bits(groups)
        }
        guard let head = groups(text[..<gap.lowerBound], mayEndInFour: false),
            let tail = groups(text[gap.upperBound...], mayEndInFour: true), head.count + tail.count <= 7
        else { return nil }
        return bits(head + Array(repeating: 0, count: 8 - head.count - tail.count) + tail)
    }

    private static func groups(_ text: Substring, mayEndInFour: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        let words = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, word) in words.enumerated() {
            if mayEndInFour, index == words.count - 1, let four = four(word) {
                groups += [UInt16(four >> 16), UInt16(truncatingIfNeeded: four)]
            } else {
                guard (1...4).contains(word.utf8.count), let group = UInt16(word, radix: 16), word.first != "+" else {
                    return nil
                }
                groups.append(group)
            }
        }
        return groups
    }

    private static func bits(_ groups: [UInt16]) -> UInt128 { groups.reduce(0) { $0 << 16 | UInt128($1) } }

    /// The address as it is written.
    ///
    /// - Source: RFC 5952, section 4.
    package var description: String {
        if family == .four {
            return stride(from: 24, through: 0, by: -8).map { String(bits >> UInt128($0) & 255) }.joined(separator: ".")
        }
        let groups = stride(from: 112, through: 0, by: -16).map { UInt16(truncatingIfNeeded: bits >> UInt128($0)) }
        var longest = 0..<0
        var start = 0
        while start < 8 {
            var end = start
            while end < 8, groups[end] == 0 { end += 1 }
            if end - start > max(longest.count, 1) { longest = start..<end }
            start = max(end, start + 1)
        }
        let words = groups.map { String($0, radix: 16) }
        guard !longest.isEmpty else { return words.joined(separator: ":") }
        return words[..<longest.lowerBound].joined(separator: ":") + "::"
            + words[longest.upperBound...].joined(separator: ":")
    }
}

/// All addresses that begin with the same bits.
///
/// - Shape: `10.0.0.0/8`, `fd00::/8`, or one address.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    private let first: IPAddress
    private let length: Int

    /// Nil for a text that is none, or whose address has bits beyond the length: one of the two is then a mistake.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let address = IPAddress(String(parts[0])), parts.count <= 2 else { return nil }
        let width = address.family.width
        var length = width
        if parts.count == 2 {
            guard let number = Int(parts[1]), (0...width).contains(number), parts[1].allSatisfy(\.isNumber) else {
                return nil
            }
            length = number
        }
        first = address
        self.length = length
        guard address.bits & ~Self.mask(length, of: width) == 0 else { return nil }
    }

    /// Reads several, separated by commas; the error is the first that is none.
    package static func list(_ text: String) -> Result<[AddressRange], NotARange> {
        var ranges: [AddressRange] = []
        for part in text.split(separator: ",") {
            let word = part.filter { $0 != " " }
            guard let range = AddressRange(word) else { return .failure(NotARange(text: word)) }
            ranges.append(range)
        }
        return .success(ranges)
    }

    /// A text that should have been a range.
    package struct NotARange: Error {
        package let text: String
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.family == first.family && address.bits & Self.mask(length, of: address.family.width) == first.bits
    }

    private static func mask(_ length: Int, of width: Int) -> UInt128 {
        let all: UInt128 = width == 128 ? .max : 0xffff_ffff
        return length == 0 ? 0 : all << UInt128(width - length) & all
    }

    package var description: String { "\(first)/\(length)" }
}
