/// One value for a statement's `$n`, sent in PostgreSQL's binary form.
///
/// - Source: `src/backend/utils/adt/*.c`, the `…recv` functions of each type.
package enum Parameter: Sendable {
    case int2(Int16)
    case int4(Int32)
    case int8(Int64)
    case float8(Double)
    case bool(Bool)
    /// Sent as text of no declared type, so that it also serves for `json`, `uuid` and other types by their input form.
    case text(String)
    case bytes([UInt8])
    /// Microseconds since 1970 as `timestamptz`.
    case timestamp(Int64)
    case int2Array([Int16])
    case int4Array([Int32])
    case int8Array([Int64])
    case boolArray([Bool])
    case textArray([String])
    /// Text, each element may be null.
    case optionalTextArray([String?])
    case bytesArray([[UInt8]])
    /// Bytes, each element may be null.
    case optionalBytesArray([[UInt8]?])
    case timestampArray([Int64])
    /// Microseconds since 1970, each element may be null.
    case optionalTimestampArray([Int64?])
    /// The binary form of a value, written by the caller, of the type with this object id.
    case encoded([UInt8], type: UInt32)
    /// No value; the type is inferred, so cast it in the statement where that is not possible.
    case null
}

/// The object ids of the types we send and read; fixed in `pg_type.dat` for ever.
package enum TypeOID {
    package static let bool: UInt32 = 16
    package static let bytea: UInt32 = 17
    package static let int8: UInt32 = 20
    package static let int2: UInt32 = 21
    package static let int4: UInt32 = 23
    package static let text: UInt32 = 25
    package static let float8: UInt32 = 701
    package static let timestamptz: UInt32 = 1184
    package static let boolArray: UInt32 = 1000
    package static let byteaArray: UInt32 = 1001
    package static let int2Array: UInt32 = 1005
    package static let int4Array: UInt32 = 1007
    package static let textArray: UInt32 = 1009
    package static let int8Array: UInt32 = 1016
    package static let timestamptzArray: UInt32 = 1185
}

/// Microseconds between 1970, our zero, and 2000, PostgreSQL's.
let postgresEpoch: Int64 = 946_684_800_000_000

extension Parameter {
    /// The type declared when the statement is prepared; 0 lets the server infer it.
    var typeOID: UInt32 {
        switch self {
        case .int2: TypeOID.int2
        case .int4: TypeOID.int4
        case .int8: TypeOID.int8
        case .float8: TypeOID.float8
        case .bool: TypeOID.bool
        case .text, .null: 0
        case .bytes: TypeOID.bytea
        case .timestamp: TypeOID.timestamptz
        case .int2Array: TypeOID.int2Array
        case .int4Array: TypeOID.int4Array
        case .int8Array: TypeOID.int8Array
        case .boolArray: TypeOID.boolArray
        case .textArray, .optionalTextArray: TypeOID.textArray
        case .bytesArray, .optionalBytesArray: TypeOID.byteaArray
        case .timestampArray, .optionalTimestampArray: TypeOID.timestamptzArray
        case .encoded(_, let type): type
        }
    }

    /// Whether libpq is told the text format, in which values end with a zero byte.
    var isText: Bool {
        if case .text = self { return true }
        return false
    }

    /// Appends the binary form of everything that is not sent from its own storage.
    func encode(into out: inout [UInt8]) {
        switch self {
        case .int2(let value): out.appendBigEndian(value)
        case .int4(let value): out.appendBigEndian(value)
        case .int8(let value): out.appendBigEndian(value)
        case .float8(let value): out.appendBigEndian(value.bitPattern)
        case .bool(let value): out.append(value ? 1 : 0)
        case .timestamp(let value): out.appendBigEndian(value - postgresEpoch)
        case .text(let value):
            out.append(contentsOf: value.utf8)
            out.append(0)
        case .int2Array(let values): out.appendArray(of: TypeOID.int2, values) { $0.appendElement($1) }
        case .int4Array(let values): out.appendArray(of: TypeOID.int4, values) { $0.appendElement($1) }
        case .int8Array(let values): out.appendArray(of: TypeOID.int8, values) { $0.appendElement($1) }
        case .boolArray(let values):
            out.appendArray(of: TypeOID.bool, values) { $0.appendElement($1 ? 1 : 0 as UInt8) }
        case .textArray(let values): out.appendArray(of: TypeOID.text, values) { $0.appendElement(bytes: $1.utf8) }
        case .optionalTextArray(let values):
            out.appendArray(of: TypeOID.text, values, hasNulls: true) { $0.appendElement(bytes: $1?.utf8) }
        case .bytesArray(let values):
            out.reserveCapacity(out.count + values.reduce(32) { $0 + $1.count + 4 })
            out.appendArray(of: TypeOID.bytea, values) { $0.appendElement(bytes: $1) }
        case .optionalBytesArray(let values):
            out.appendArray(of: TypeOID.bytea, values, hasNulls: true) { $0.appendElement(bytes: $1) }
        case .timestampArray(let values):
            out.appendArray(of: TypeOID.timestamptz, values) { $0.appendElement($1 - postgresEpoch) }
        case .optionalTimestampArray(let values):
            out.appendArray(of: TypeOID.timestamptz, values, hasNulls: true) { out, value in
                if let value { out.appendElement(value - postgresEpoch) } else { out.appendBigEndian(Int32(-1)) }
            }
        case .bytes, .encoded, .null: break
        }
    }

    /// Whether text holds a zero byte, which PostgreSQL cannot store.
    var hasZeroByte: Bool {
        switch self {
        case .text(let value): value.utf8.contains(0)
        case .textArray(let values): values.contains { $0.utf8.contains(0) }
        case .optionalTextArray(let values): values.contains { $0?.utf8.contains(0) ?? false }
        default: false
        }
    }
}

extension [UInt8] {
    package mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        var shift = value.bitWidth
        while shift > 0 {
            shift -= 8
            append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    fileprivate mutating func appendElement(_ value: some FixedWidthInteger) {
        appendBigEndian(Int32(value.bitWidth / 8))
        appendBigEndian(value)
    }

    fileprivate mutating func appendElement(bytes: (some Collection<UInt8>)?) {
        guard let bytes else { return appendBigEndian(Int32(-1)) }
        appendBigEndian(Int32(bytes.count))
        append(contentsOf: bytes)
    }

    /// One dimension, from 1, as `array_recv` reads it; an empty array has no dimension.
    fileprivate mutating func appendArray<Value>(
        of element: UInt32,
        _ values: [Value],
        hasNulls: Bool = false,
        _ appendOne: (inout [UInt8], Value) -> Void
    ) {
        appendArrayHead(of: element, count: values.count, hasNulls: hasNulls)
        for value in values { appendOne(&self, value) }
    }

    /// The head of a binary array of `count` elements, each of which follows as a length and its bytes.
    package mutating func appendArrayHead(of element: UInt32, count: Int, hasNulls: Bool = false) {
        appendBigEndian(Int32(count == 0 ? 0 : 1))
        appendBigEndian(Int32(hasNulls ? 1 : 0))
        appendBigEndian(element)
        guard count > 0 else { return }
        appendBigEndian(Int32(count))
        appendBigEndian(Int32(1))
    }
}
