/// A random number generator that gives the same numbers everywhere.
///
/// - Source: Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014).
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// A number from 0 to `bound - 1`.
    mutating func number(below bound: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(bound)) }

    mutating func choose<Element>(_ elements: [Element]) -> Element { elements[number(below: elements.count)] }

    /// Text in the form of a UUID.
    mutating func uuid() -> String {
        let digits = String(next() | 1 << 63, radix: 16) + String(next() | 1 << 63, radix: 16)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if [8, 12, 16, 20].contains(index) { text.append("-") }
            text.append(digit)
        }
        return text
    }
}
