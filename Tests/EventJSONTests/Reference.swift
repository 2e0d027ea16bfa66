/// RFC 8259 by recursive descent, one function per rule and one byte at a time: slow, and hard to get wrong.
struct Reference {
    private let bytes: [UInt8]
    private var position = 0

    /// Whether `bytes` is a JSON text.
    static func accepts(_ bytes: [UInt8]) -> Bool {
        guard String(validating: bytes, as: UTF8.self) != nil else { return false }
        var reader = Reference(bytes: bytes)
        return reader.space() && reader.value() && reader.space() && reader.position == bytes.count
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private var byte: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ character: Character) -> Bool {
        guard let byte, byte == character.asciiValue else { return false }
        position += 1
        return true
    }

    private mutating func take(anyOf characters: String) -> Bool {
        characters.contains { take($0) }
    }

    private mutating func space() -> Bool {
        while take(anyOf: " \t\n") || take(anyOf: "\r") {}
        return true
    }

    private mutating func value() -> Bool {
        switch byte {
        case UInt8(ascii: "{"): list("{", "}") { $0.string() && $0.space() && $0.take(":") && $0.space() && $0.value() }
        case UInt8(ascii: "["): list("[", "]") { $0.value() }
        case UInt8(ascii: "\""): string()
        case UInt8(ascii: "t"): "true".allSatisfy { take($0) }
        case UInt8(ascii: "f"): "false".allSatisfy { take($0) }
        case UInt8(ascii: "n"): "null".allSatisfy { take($0) }
        default: number()
        }
    }

    private mutating func list(_ open: Character, _ close: Character, _ item: (inout Self) -> Bool) -> Bool {
        guard take(open), space() else { return false }
        if take(close) { return true }
        repeat {
            guard space(), item(&self), space() else { return false }
        } while take(",")
        return take(close)
    }

    private mutating func string() -> Bool {
        guard take("\"") else { return false }
        while let byte, byte >= 0x20 {
            if take("\"") { return true }
            if take("\\") {
                if take("u") {
                    for _ in 0..<4 where !take(anyOf: "0123456789abcdefABCDEF") { return false }
                } else if !take(anyOf: "\"\\/bfnrt") {
                    return false
                }
            } else {
                position += 1
            }
        }
        return false
    }

    private mutating func number() -> Bool {
        _ = take("-")
        if !take("0") {
            guard take(anyOf: "123456789") else { return false }
            while take(anyOf: "0123456789") {}
        }
        if take(".") {
            guard take(anyOf: "0123456789") else { return false }
            while take(anyOf: "0123456789") {}
        }
        if take(anyOf: "eE") {
            _ = take(anyOf: "+-")
            guard take(anyOf: "0123456789") else { return false }
            while take(anyOf: "0123456789") {}
        }
        return true
    }
}
