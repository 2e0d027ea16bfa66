/// The share of users whose events are delivered.
///
/// Users are chosen by their hash, so that of one user there is always everything or nothing, on every node and in every
/// replay. The choice depends on a salt as well, so that two connections do not choose the same users; and a higher rate
/// keeps everybody whom a lower one has chosen.
///
/// - Shape: millionths, more than none and less than all.
package struct SampleRate: Sendable, Hashable, CustomStringConvertible {
    /// - Unit: millionths.
    package let millionths: Int

    package init?(millionths: Int) {
        guard Self.range.contains(millionths) else { return nil }
        self.millionths = millionths
    }

    /// Reads a rate such as `0.1`; nil for what is none, or has more than six digits behind the point.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == "0", (1...6).contains(parts[1].utf8.count),
            parts[1].utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 })
        else { return nil }
        self.init(millionths: Int(parts[1] + String(repeating: "0", count: 6 - parts[1].utf8.count)) ?? 0)
    }

    /// What is less than nobody and more than everybody is no sample.
    package static let range = 1...999_999

    /// As a decimal fraction.
    package var description: String {
        let digits = String(millionths)
        let padded = String(repeating: "0", count: 6 - digits.count) + digits
        return "0.\(padded.prefix(through: padded.lastIndex { $0 != "0" } ?? padded.startIndex))"
    }

    /// Whether the user of this hash is among the chosen ones.
    package func takes(user hash: UInt64, salt: UInt64) -> Bool {
        let threshold = (UInt64(millionths) << 44) / 1_000_000
        return Self.mix(hash ^ Self.mix(salt)) >> 20 < threshold
    }

    /// Every bit of the result depends on every bit of `value`.
    ///
    /// - Source: https://prng.di.unimi.it/splitmix64.c
    private static func mix(_ value: UInt64) -> UInt64 {
        var word = value &+ 0x9e37_79b9_7f4a_7c15
        word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
        return word ^ (word >> 31)
    }
}
