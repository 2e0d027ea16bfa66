import CPostgreSQL

/// One row; columns count from 0 and are decoded from their binary form.
///
/// Each decoder throws `unexpectedResult` where the column's type or a NULL does not fit; the `…OrNull` forms give nil
/// for NULL.
package struct Row: Sendable {
    let result: ResultHandle
    let query: String
    let index: Int32

    package func isNull(_ column: Int) -> Bool {
        unsafe PQgetisnull(result.pointer, index, Int32(column)) == 1
    }

    /// Any integer type.
    package func int8(_ column: Int) throws(PostgreSQLError) -> Int64 {
        unsafe try decode(column, "an integer", [TypeOID.int8, TypeOID.int4, TypeOID.int2, 26]) { bytes in
            unsafe bigEndian(bytes)
        }
    }

    package func int4(_ column: Int) throws(PostgreSQLError) -> Int32 {
        guard let value = Int32(exactly: try int8(column)) else { throw unexpected(column, "a 32-bit integer") }
        return value
    }

    package func int2(_ column: Int) throws(PostgreSQLError) -> Int16 {
        guard let value = Int16(exactly: try int8(column)) else { throw unexpected(column, "a 16-bit integer") }
        return value
    }

    package func int(_ column: Int) throws(PostgreSQLError) -> Int { Int(try int8(column)) }

    package func float8(_ column: Int) throws(PostgreSQLError) -> Double {
        unsafe try decode(column, "a number", [TypeOID.float8, 700]) { bytes in
            let bits = unsafe bigEndian(bytes)
            return bytes.count == 4
                ? Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
                : Double(bitPattern: UInt64(bitPattern: bits))
        }
    }

    package func bool(_ column: Int) throws(PostgreSQLError) -> Bool {
        unsafe try decode(column, "a truth value", [TypeOID.bool]) { bytes in unsafe bytes.first == 1 }
    }

    /// Text, names, JSON, enumerations and everything else whose binary form is its text; jsonb too.
    package func text(_ column: Int) throws(PostgreSQLError) -> String {
        let isVersioned = unsafe PQftype(result.pointer, Int32(column)) == 3802
        return unsafe try decode(column, "text", nil) { bytes in
            unsafe String(decoding: isVersioned ? bytes.dropFirst() : bytes[...], as: UTF8.self)
        }
    }

    /// `bytea`, copied once; also the bytes of text.
    package func bytes(_ column: Int) throws(PostgreSQLError) -> [UInt8] {
        unsafe try decode(column, "bytes", [TypeOID.bytea, TypeOID.text, 114]) { bytes in unsafe [UInt8](bytes) }
    }

    /// A `timestamptz` as microseconds since 1970.
    package func timestamp(_ column: Int) throws(PostgreSQLError) -> Int64 {
        unsafe try decode(column, "a time", [TypeOID.timestamptz, 1114]) { bytes in unsafe bigEndian(bytes) }
            &+ postgresEpoch
    }

    package func int8OrNull(_ column: Int) throws(PostgreSQLError) -> Int64? {
        isNull(column) ? nil : try int8(column)
    }
    package func float8OrNull(_ column: Int) throws(PostgreSQLError) -> Double? {
        isNull(column) ? nil : try float8(column)
    }
    package func textOrNull(_ column: Int) throws(PostgreSQLError) -> String? {
        isNull(column) ? nil : try text(column)
    }
    package func bytesOrNull(_ column: Int) throws(PostgreSQLError) -> [UInt8]? {
        isNull(column) ? nil : try bytes(column)
    }
    package func timestampOrNull(_ column: Int) throws(PostgreSQLError) -> Int64? {
        isNull(column) ? nil : try timestamp(column)
    }

    /// An `int8[]` of one dimension without NULLs.
    package func int8Array(_ column: Int) throws(PostgreSQLError) -> [Int64] {
        let values = unsafe try elements(column, "integers", [TypeOID.int8Array, TypeOID.int4Array, TypeOID.int2Array])
        {
            unsafe bigEndian($0)
        }
        return values
    }

    /// A `timestamptz[]` of one dimension without NULLs, each as microseconds since 1970.
    package func timestampArray(_ column: Int) throws(PostgreSQLError) -> [Int64] {
        unsafe try elements(column, "times", [TypeOID.timestamptzArray]) { bytes in
            unsafe bigEndian(bytes) &+ postgresEpoch
        }
    }

    /// A `text[]` of one dimension without NULLs.
    package func textArray(_ column: Int) throws(PostgreSQLError) -> [String] {
        unsafe try elements(column, "texts", [TypeOID.textArray, 1015]) { unsafe String(decoding: $0, as: UTF8.self) }
    }

    private func decode<Value>(
        _ column: Int,
        _ expected: String,
        _ types: [UInt32]?,
        _ read: (UnsafeRawBufferPointer) -> Value
    ) throws(PostgreSQLError) -> Value {
        guard column >= 0, unsafe column < Int(PQnfields(result.pointer)), !isNull(column) else {
            throw unexpected(column, expected)
        }
        if let types, unsafe !types.contains(PQftype(result.pointer, Int32(column))) {
            throw unexpected(column, expected)
        }
        let length = unsafe Int(PQgetlength(result.pointer, index, Int32(column)))
        let start = unsafe PQgetvalue(result.pointer, index, Int32(column))
        return unsafe read(UnsafeRawBufferPointer(start: start, count: length))
    }

    private func elements<Value>(
        _ column: Int,
        _ expected: String,
        _ types: [UInt32],
        _ read: (UnsafeRawBufferPointer) -> Value
    ) throws(PostgreSQLError) -> [Value] {
        let values = unsafe try decode(column, expected, types) { bytes -> [Value]? in
            guard bytes.count >= 12 else { return nil }
            let dimensions = unsafe bigEndian(UnsafeRawBufferPointer(rebasing: bytes[0..<4]))
            if dimensions == 0 { return [] }
            guard dimensions == 1, bytes.count >= 20 else { return nil }
            let count = unsafe Int(bigEndian(UnsafeRawBufferPointer(rebasing: bytes[12..<16])))
            var values: [Value] = []
            var place = 20
            for _ in 0..<count {
                guard place + 4 <= bytes.count else { return nil }
                let length = unsafe Int(bigEndian(UnsafeRawBufferPointer(rebasing: bytes[place..<place + 4])))
                place += 4
                guard length >= 0, place + length <= bytes.count else { return nil }
                unsafe values.append(read(UnsafeRawBufferPointer(rebasing: bytes[place..<place + length])))
                place += length
            }
            return values
        }
        guard let values else { throw unexpected(column, expected) }
        return values
    }

    private func unexpected(_ column: Int, _ expected: String) -> PostgreSQLError {
        .unexpectedResult(query: query, column: column, expected: expected)
    }
}

/// A signed big-endian integer of up to 8 bytes.
private func bigEndian(_ bytes: UnsafeRawBufferPointer) -> Int64 {
    guard let first = unsafe bytes.first else { return 0 }
    var value: Int64 = first & 0x80 != 0 ? -1 : 0
    for index in bytes.indices { value = unsafe value << 8 | Int64(bytes[index]) }
    return value
}
