/// A value to be written.
package enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case int(Int64)
    /// Written with the fewest digits that read back the same; infinities and NaN, which JSON lacks, become `null`.
    case double(Double)
    case string(String)
    /// Exactly one JSON value, copied as it is. It is not looked at: a text from outside must be parsed first.
    case json(ArraySlice<UInt8>)
    /// Another value of the text that is being edited, as it was written.
    case node(JSONNode)
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
    package init(stringLiteral value: String) { self = .string(value) }
    package init(integerLiteral value: Int64) { self = .int(value) }
    package init(floatLiteral value: Double) { self = .double(value) }
    package init(booleanLiteral value: Bool) { self = .bool(value) }
    package init(nilLiteral: ()) { self = .null }
}

extension [UInt8] {
    /// Appends `content` as a JSON string.
    package mutating func appendJSON(_ content: String) {
        JSONString.write(content.utf8.span, into: &self)
    }

    /// Appends the UTF-8 text `content` as a JSON string.
    package mutating func appendJSON(string content: Span<UInt8>) {
        JSONString.write(content, into: &self)
    }

    /// Appends `value` as a JSON number, without allocation.
    package mutating func appendJSON(_ value: Int64) {
        if value < 0 { append(UInt8(ascii: "-")) }
        var rest = value.magnitude
        let start = count
        repeat {
            append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10))
            rest /= 10
        } while rest > 0
        self[start...].reverse()
    }

    /// Appends `value` as a JSON number, or `null` if there is none.
    package mutating func appendJSON(_ value: Double) {
        append(contentsOf: value.isFinite ? value.description.utf8 : "null".utf8)
    }

    /// Appends `value` as `true` or `false`.
    package mutating func appendJSON(_ value: Bool) {
        append(contentsOf: value ? "true".utf8 : "false".utf8)
    }

    /// Appends `value`; a node is one of `tape`.
    package mutating func appendJSON(_ value: JSONValue, in tape: JSONTape) {
        switch value {
        case .null: append(contentsOf: "null".utf8)
        case .bool(let value): appendJSON(value)
        case .int(let value): appendJSON(value)
        case .double(let value): appendJSON(value)
        case .string(let value): appendJSON(value)
        case .json(let bytes): append(contentsOf: bytes)
        case .node(let node): tape.copy(node, into: &self)
        }
    }
}
