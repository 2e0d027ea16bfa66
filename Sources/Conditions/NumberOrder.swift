/// The order of two numbers as JSON writes them, exact whatever their length: nothing is made a double of.
///
/// - Shape: `[-]digits[.digits][e[±]digits]`, as RFC 8259 has it, which the caller has seen to. Exponents beyond a
///   quadrillion count as a quadrillion.
enum NumberOrder {
    /// Less than, equal to or greater than 0 as `left` is less than, equal to or greater than `right`.
    static func of(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Int {
        let one = Parts(left)
        let other = Parts(right)
        guard one.sign == other.sign, one.sign != 0 else { return one.sign - other.sign }
        if one.magnitude != other.magnitude { return one.magnitude < other.magnitude ? -one.sign : one.sign }
        var place = one.first
        var otherPlace = other.first
        while place < one.end || otherPlace < other.end {
            let digit = one.digit(at: &place, in: left)
            let otherDigit = other.digit(at: &otherPlace, in: right)
            if digit != otherDigit { return digit < otherDigit ? -one.sign : one.sign }
        }
        return 0
    }

    /// What a number is made of: sign × 0.ddd… × 10^magnitude, where the first digit is not 0.
    private struct Parts {
        /// -1, 0 or 1.
        private(set) var sign = 0
        private(set) var magnitude = 0
        /// Where the first digit that is not 0 stands.
        private(set) var first = 0
        /// Where the digits end.
        private(set) var end = 0

        init(_ number: Span<UInt8>) {
            var place = number.count > 0 && number[0] == UInt8(ascii: "-") ? 1 : 0
            let isNegative = place == 1
            var isBehindPoint = false
            while place < number.count, number[place] | 0x20 != UInt8(ascii: "e") {
                if number[place] == UInt8(ascii: ".") {
                    isBehindPoint = true
                } else if sign != 0 {
                    if !isBehindPoint { magnitude += 1 }
                } else if number[place] != UInt8(ascii: "0") {
                    sign = isNegative ? -1 : 1
                    first = place
                    if !isBehindPoint { magnitude += 1 }
                } else if isBehindPoint {
                    magnitude -= 1
                }
                place += 1
            }
            end = place
            guard place < number.count else { return }
            magnitude += Self.exponent(number, from: place + 1)
        }

        private static func exponent(_ number: Span<UInt8>, from start: Int) -> Int {
            var place = start
            let isNegative = number[place] == UInt8(ascii: "-")
            if isNegative || number[place] == UInt8(ascii: "+") { place += 1 }
            var exponent = 0
            while place < number.count {
                exponent = min(exponent * 10 + Int(number[place] - UInt8(ascii: "0")), largestExponent)
                place += 1
            }
            return isNegative ? -exponent : exponent
        }

        private static let largestExponent = 1_000_000_000_000_000

        /// The digit at `place` or behind the point there; 0 behind the last.
        func digit(at place: inout Int, in number: Span<UInt8>) -> UInt8 {
            if place < end, number[place] == UInt8(ascii: ".") { place += 1 }
            guard place < end else { return UInt8(ascii: "0") }
            defer { place += 1 }
            return number[place]
        }
    }
}
