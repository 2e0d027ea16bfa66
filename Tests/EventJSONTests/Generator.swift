/// Documents, paths and damage, all from one seed, so that a failure can be made again.
struct Generator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    mutating func number(below bound: Int) -> Int { Int(truncatingIfNeeded: next() % UInt64(bound)) }
    mutating func chance(_ of: Int) -> Bool { number(below: of) == 0 }

    mutating func pick<Element>(_ elements: [Element]) -> Element { elements[number(below: elements.count)] }

    /// A document in one of the many ways in which it can be written.
    mutating func document(depth: Int = 5) -> String { space() + value(depth: depth) + space() }

    mutating func value(depth: Int) -> String {
        switch number(below: depth > 0 ? 10 : 6) {
        case 0: pick(["null", "true", "false"])
        case 1, 2: number()
        case 3, 4, 5: string()
        case 6, 7: array(depth: depth - 1)
        default: object(depth: depth - 1)
        }
    }

    mutating func array(depth: Int) -> String {
        let elements = (0..<number(below: 5)).map { _ in space() + value(depth: depth) + space() }
        return elements.isEmpty ? "[" + space() + "]" : "[" + elements.joined(separator: ",") + "]"
    }

    mutating func object(depth: Int) -> String {
        let members = (0..<number(below: 6)).map { _ in
            space() + name() + space() + ":" + space() + value(depth: depth) + space()
        }
        return members.isEmpty ? "{" + space() + "}" : "{" + members.joined(separator: ",") + "}"
    }

    /// One of few names, so that some stand twice, written plainly or with escapes.
    mutating func name() -> String {
        pick([
            #""a""#, #""b""#, #""c""#, #""\u0061""#, #""d.e""#, #""""#, #""f[0]""#, #""é""#, #""\u00e9""#,
            #""long name of a key""#,
        ])
    }

    mutating func number() -> String {
        var text = chance(3) ? "-" : ""
        text += chance(4) ? "0" : "\(1 + number(below: 9))" + digits(number(below: chance(20) ? 30 : 6))
        if chance(3) { text += "." + digits(1 + number(below: 6)) }
        if chance(6) { text += pick(["e", "E"]) + pick(["", "+", "-"]) + digits(1 + number(below: 2)) }
        return text
    }

    private mutating func digits(_ count: Int) -> String {
        (0..<count).map { _ in "\(number(below: 10))" }.joined()
    }

    mutating func string() -> String {
        let pieces = (0..<number(below: chance(10) ? 60 : 12)).map { _ in
            switch number(below: 12) {
            case 0: pick([#"\""#, #"\\"#, #"\/"#, #"\b"#, #"\f"#, #"\n"#, #"\r"#, #"\t"#])
            case 1: pick([#"\u0041"#, #"\u00E9"#, #"\u20ac"#, #"\ud834\udd1e"#, #"\u0000"#, #"\uFFFF"#, #"\u001f"#])
            case 2: pick(["é", "€", "𝄞", "日本", "\u{7F}", "\u{2028}", "ñ", "\u{10FFFF}"])
            default: pick(["a", "b c", "track", "0", "{", "]", ",", ":", "www.example.test/path", "x"])
            }
        }
        return "\"" + pieces.joined() + "\""
    }

    mutating func space() -> String {
        chance(3) ? (0..<number(below: 4)).map { _ in pick([" ", "\n", "\r", "\t", "        "]) }.joined() : ""
    }

    mutating func path() -> String {
        (0..<number(below: 4)).map { _ in
            pick(["a", "b", "c", #"d\.e"#, "", #"f\[0]"#, "é", "long name of a key", "[0]", "[1]", "[2]", "new"])
        }.reduce("") { path, step in path.isEmpty || step.hasPrefix("[") ? path + step : path + "." + step }
    }

    /// `bytes` with a few things changed, taken away or put in.
    mutating func damage(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        for _ in 0..<1 + number(below: 3) where !bytes.isEmpty {
            let place = number(below: bytes.count)
            switch number(below: 5) {
            case 0: bytes[place] = UInt8(truncatingIfNeeded: next())
            case 1: bytes.remove(at: place)
            case 2:
                bytes.insert(pick([UInt8](#"{}[]:,"\0e-+.u "#.utf8) + [0, 0x80, 0xC3, 0xE2, 0xFF, 0x1F]), at: place)
            case 3: bytes.removeSubrange(place..<min(bytes.count, place + number(below: 8)))
            default: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + number(below: 8))], at: place)
            }
        }
        return bytes
    }
}
