import EventJSON

/// A JSON value, to be read from an event or put into one.
///
/// Literals are values: `event["properties.currency"] = "EUR"`, `event["properties.quantity"] = 1`.
public enum Value: Hashable, Sendable {
    /// `null`, which is something else than a missing value.
    case null
    /// `true` or `false`.
    case bool(Bool)
    /// A number without fraction and exponent that fits in 64 bits.
    case int(Int64)
    /// Any other number. Writing it prints the shortest digits that read back the same; infinities become `null`.
    case double(Double)
    /// A text.
    case string(String)
    /// An object, an array, or any other value as JSON text; it is copied as it is and must be exactly one JSON value.
    case json([UInt8])

    var json: JSONValue {
        switch self {
        case .null: .null
        case .bool(let value): .bool(value)
        case .int(let value): .int(value)
        case .double(let value): .double(value)
        case .string(let value): .string(value)
        case .json(let bytes): .json(bytes[...])
        }
    }

    init(_ node: JSONNode, of tape: JSONTape) {
        switch tape.kind(node) {
        case .null: self = .null
        case .boolean: self = .bool(tape.bool(node) ?? false)
        case .string: self = .string(tape.string(node) ?? "")
        case .number:
            if let integer = tape.int64(node) {
                self = .int(integer)
            } else if let double = tape.double(node) {
                self = .double(double)
            } else {
                self = .json(Array(tape.written(node)))
            }
        case .array, .object: self = .json(Array(tape.written(node)))
        }
    }
}

extension Value: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
    ExpressibleByBooleanLiteral
{
    /// A text.
    public init(stringLiteral value: String) { self = .string(value) }
    /// A number without fraction.
    public init(integerLiteral value: Int64) { self = .int(value) }
    /// A number.
    public init(floatLiteral value: Double) { self = .double(value) }
    /// `true` or `false`.
    public init(booleanLiteral value: Bool) { self = .bool(value) }
}

/// What a value is.
public enum Kind: Sendable {
    /// `null`.
    case null
    /// `true` or `false`.
    case bool
    /// A number of any form.
    case number
    /// A text.
    case string
    /// A list of values.
    case array
    /// Named values.
    case object

    init(_ kind: JSONKind) {
        switch kind {
        case .null: self = .null
        case .boolean: self = .bool
        case .number: self = .number
        case .string: self = .string
        case .array: self = .array
        case .object: self = .object
        }
    }
}
