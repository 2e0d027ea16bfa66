/// Values that stand bare: numbers, true, false and null.
extension Scanner {
    /// The value at `start`, whose first byte is `byte`.
    @inline(__always)
    func bare(_ start: Cursor, _ byte: UInt8) -> Token {
        if byte &- UInt8(ascii: "0") < 10 { return unsafe number(start, digits: start) }
        switch byte {
        case UInt8(ascii: "-"): return unsafe number(start, digits: start + 1)
        case UInt8(ascii: "t"): return unsafe word(start, 0x6575_7274, length: 4, .true)
        case UInt8(ascii: "f"): return unsafe word(start, 0x6573_6C61, length: 5, .false)
        case UInt8(ascii: "n"): return unsafe word(start, 0x6C6C_756E, length: 4, .null)
        default: return unsafe Token(.unexpectedByte, at: start)
        }
    }

    /// The word at `start` whose last four bytes are `tail`, lowest byte first.
    @inline(__always)
    private func word(_ start: Cursor, _ tail: UInt32, length: Int, _ tag: TapeEntry.Tag) -> Token {
        guard unsafe limit - start >= length,
            unsafe UnsafeRawPointer(start + (length - 4)).loadUnaligned(as: UInt32.self) == tail.littleEndian
        else { return unsafe brokenWord(start, tail, length) }
        return unsafe Token(tag, end: start + length)
    }

    /// Finds the byte at which a word went wrong.
    @inline(never)
    private func brokenWord(_ start: Cursor, _ tail: UInt32, _ length: Int) -> Token {
        var cursor = unsafe start + (length - 4)
        var wanted = tail
        while unsafe cursor < limit, unsafe cursor.pointee == UInt8(truncatingIfNeeded: wanted) {
            unsafe cursor += 1
            wanted >>= 8
        }
        return unsafe Token(.unexpectedByte, at: cursor)
    }

    /// The number at `start`, whose sign, if any, is behind us.
    @inline(__always)
    private func number(_ start: Cursor, digits: Cursor) -> Token {
        var cursor = unsafe digits
        if unsafe cursor.pointee == UInt8(ascii: "0") {
            unsafe cursor += 1
            if unsafe Self.isDigit(cursor.pointee) { return unsafe Token(.invalidNumber, at: start) }
        } else {
            guard unsafe Self.isDigit(cursor.pointee) else { return unsafe Token(.invalidNumber, at: cursor) }
            unsafe cursor = Self.skipDigits(cursor + 1)
        }
        let byte = unsafe cursor.pointee
        if byte != UInt8(ascii: "."), byte | 0x20 != UInt8(ascii: "e") { return unsafe Token(.integer, end: cursor) }
        return unsafe decimal(cursor)
    }

    /// The fraction and exponent of a number, from the point or the letter at `start`.
    @inline(never)
    private func decimal(_ start: Cursor) -> Token {
        var cursor = unsafe start
        if unsafe cursor.pointee == UInt8(ascii: ".") {
            unsafe cursor += 1
            guard unsafe Self.isDigit(cursor.pointee) else { return unsafe Token(.invalidNumber, at: cursor) }
            unsafe cursor = Self.skipDigits(cursor + 1)
        }
        if unsafe cursor.pointee | 0x20 == UInt8(ascii: "e") {
            unsafe cursor += 1
            let sign = unsafe cursor.pointee
            if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { unsafe cursor += 1 }
            guard unsafe Self.isDigit(cursor.pointee) else { return unsafe Token(.invalidNumber, at: cursor) }
            unsafe cursor = Self.skipDigits(cursor + 1)
        }
        return unsafe Token(.decimal, end: cursor)
    }

    @inline(__always)
    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    @inline(__always)
    private static func skipDigits(_ start: Cursor) -> Cursor {
        var cursor = unsafe start
        while unsafe isDigit(cursor.pointee) { unsafe cursor += 1 }
        return unsafe cursor
    }
}
