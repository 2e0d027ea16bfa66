/// The letters of a condition, and what is said of them where they are wrong.
extension ConditionParser {
    /// The next byte, or nil at the end.
    var byte: UInt8? { position < text.count ? text[position] : nil }

    mutating func skipSpace() {
        while let byte, Self.isSpace(byte) { position += 1 }
    }

    /// Steps over space and `sign`, if that is what follows.
    mutating func take(_ sign: StaticString) -> Bool {
        let start = position
        skipSpace()
        if text[position...].starts(with: sign.description.utf8) {
            position += sign.utf8CodeUnitCount
            return true
        }
        position = start
        return false
    }

    /// Steps over the letters of a name or a word; none where something else stands.
    mutating func word() -> ArraySlice<UInt8> {
        let start = position
        while let byte, Self.isLetter(byte) { position += 1 }
        return text[start..<position]
    }

    /// What can stand in a name without quotes: letters, also of other alphabets, digits, `_`, `$` and `-`.
    private static func isLetter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), UInt8(ascii: "-"), 0x80...:
            true
        default: false
        }
    }

    static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    /// What can stand in something that is meant as a number.
    static func isNumber(_ byte: UInt8) -> Bool {
        isLetter(byte) || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "+")
    }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    /// That something else than this was expected here.
    func error(_ expected: String) -> ConditionError {
        var here = self
        here.skipSpace()
        return error(at: here.position, found: shown(at: here.position), expected)
    }

    func error(at offset: Int, found: String, _ expected: String) -> ConditionError {
        ConditionError(in: text, at: offset, found: found, expected: expected)
    }

    /// What stands at `offset`, short enough for a sentence: a word, a sign or one character.
    func shown(at offset: Int) -> String {
        guard offset < text.count else { return "the end" }
        var here = self
        here.position = offset
        let word = here.word().prefix(Self.shownBytes)
        if !word.isEmpty { return "\"\(String(decoding: word, as: UTF8.self))\"" }
        let signs: Set<UInt8> = Set("=!<>&|".utf8)
        let sign = text[offset...].prefix(2).prefix { signs.contains($0) }
        if !sign.isEmpty { return "\"\(String(decoding: sign, as: UTF8.self))\"" }
        return switch text[offset] {
        case UInt8(ascii: "\""): "a double quote"
        case UInt8(ascii: "'"): "a single quote"
        case 0..<0x20: "a control character"
        case let byte: "\"\(Character(Unicode.Scalar(byte)))\""
        }
    }

    /// How much of a wrong word is shown, in bytes.
    private static let shownBytes = 40
}
