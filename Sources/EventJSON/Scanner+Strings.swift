/// Strings: plain ASCII by the word, everything else by the byte.
extension Scanner {
    /// The string whose opening quote is at `open`.
    @inline(__always)
    func string(_ open: Cursor) -> Token {
        var cursor = unsafe open + 1
        while unsafe limit - cursor >= 8 {
            let special = Self.special(unsafe UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self))
            if special != 0 {
                unsafe cursor += special.trailingZeroBitCount &>> 3
                if unsafe cursor.pointee == Byte.quote { return unsafe Token(.string, end: cursor + 1) }
                break
            }
            unsafe cursor += 8
        }
        return unsafe rest(cursor)
    }

    /// Marks the bytes of `word` that are a quote, a backslash, a control character or not ASCII by their highest bit.
    ///
    /// Marks above the lowest one may be false, since a subtraction borrows from the byte above; the lowest is exact.
    @inline(__always)
    private static func special(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let quotes = (word ^ (ones &* 0x22)) &- ones
        let backslashes = (word ^ (ones &* 0x5C)) &- ones
        let controls = word &- (ones &* 0x20)
        return (quotes | backslashes | controls | word) & (ones &* 0x80)
    }

    /// The rest of a string from a byte that is special, or near the end of the text.
    @inline(never)
    private func rest(_ start: Cursor) -> Token {
        var cursor = unsafe start
        var tag = TapeEntry.Tag.string
        while unsafe cursor < limit {
            let byte = unsafe cursor.pointee
            if byte == Byte.quote { return unsafe Token(tag, end: cursor + 1) }
            if byte == Byte.backslash {
                tag = .escapedString
                let (length, isRight) = unsafe Self.escape(cursor)
                unsafe cursor += length
                guard isRight else { return unsafe Token(.invalidEscape, at: cursor) }
            } else if byte >= 0x80 {
                let length = unsafe Self.sequence(cursor)
                guard length > 0 else { return unsafe Token(.invalidUTF8, at: cursor) }
                unsafe cursor += length
            } else if byte >= 0x20 {
                unsafe cursor = plain(cursor + 1)
            } else {
                return unsafe Token(.controlCharacter, at: cursor)
            }
        }
        return unsafe Token(.unexpectedEnd, at: cursor)
    }

    /// The first special byte at or after `start`, or at least a byte beyond which a whole word does not fit.
    @inline(__always)
    private func plain(_ start: Cursor) -> Cursor {
        var cursor = unsafe start
        while unsafe limit - cursor >= 8 {
            let special = Self.special(unsafe UnsafeRawPointer(cursor).loadUnaligned(as: UInt64.self))
            if special != 0 { return unsafe cursor + special.trailingZeroBitCount &>> 3 }
            unsafe cursor += 8
        }
        return unsafe cursor
    }

    /// The length of the escape at `start`, or of what is right of it.
    ///
    /// Reads a byte only when the one before it was right,
    /// so never past the sentinel.
    @inline(__always)
    private static func escape(_ start: Cursor) -> (length: Int, isRight: Bool) {
        switch unsafe start[1] {
        case Byte.quote, Byte.backslash, UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return (2, true)
        case UInt8(ascii: "u"):
            for index in 2..<6 where hexadecimal(unsafe start[index]) == nil { return (index, false) }
            return (6, true)
        default:
            return (1, false)
        }
    }

    /// The value of a hexadecimal digit of either case.
    static func hexadecimal(_ byte: UInt8) -> UInt32? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
        case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
        case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
        default: nil
        }
    }

    /// The length of the UTF-8 sequence at `start`, whose first byte is not ASCII, or 0.
    ///
    /// - Source: The Unicode Standard, table 3-7, well-formed byte sequences.
    @inline(__always)
    private static func sequence(_ start: Cursor) -> Int {
        let second: ClosedRange<UInt8>
        let length: Int
        switch unsafe start.pointee {
        case 0xC2...0xDF: (second, length) = (0x80...0xBF, 2)
        case 0xE0: (second, length) = (0xA0...0xBF, 3)
        case 0xE1...0xEC, 0xEE...0xEF: (second, length) = (0x80...0xBF, 3)
        case 0xED: (second, length) = (0x80...0x9F, 3)
        case 0xF0: (second, length) = (0x90...0xBF, 4)
        case 0xF1...0xF3: (second, length) = (0x80...0xBF, 4)
        case 0xF4: (second, length) = (0x80...0x8F, 4)
        default: return 0
        }
        guard second.contains(unsafe start[1]) else { return 0 }
        var index = 2
        while index < length {
            guard unsafe start[index] & 0xC0 == 0x80 else { return 0 }
            index += 1
        }
        return length
    }
}
