/// One word of the tape.
///
/// - Shape: 4 bits tag, 28 bits extent, 32 bits start, from the top. A scalar is one entry whose extent is its length in
///   bytes. A container is an opening entry whose extent is the place of the entry after its closing one, its contents,
///   and a closing entry whose extent is the place of the opening one. A member is the entry of its key followed by its
///   value. `start` is the offset of the first byte: the quote, the bracket, the minus sign.
struct TapeEntry {
    let word: UInt64

    @inline(__always) init(word: UInt64) { self.word = word }

    @inline(__always) init(_ tag: Tag, start: Int, extent: Int) {
        word =
            UInt64(truncatingIfNeeded: tag.rawValue) &<< 60 | UInt64(truncatingIfNeeded: extent) &<< 32
            | UInt64(truncatingIfNeeded: start)
    }

    @inline(__always) var rawTag: UInt64 { word &>> 60 }
    /// - Shape: every entry was made from a tag, so its number is one.
    @inline(__always) var tag: Tag { unsafe unsafeBitCast(UInt8(truncatingIfNeeded: rawTag), to: Tag.self) }
    @inline(__always) var start: Int { Int(truncatingIfNeeded: word & 0xFFFF_FFFF) }
    @inline(__always) var extent: Int { Int(truncatingIfNeeded: word &>> 32 & 0xFFF_FFFF) }

    /// Whether this opens a container.
    @inline(__always) var isContainer: Bool {
        rawTag &- UInt64(Tag.array.rawValue) <= 1
    }

    /// Whether this closes a container.
    @inline(__always) var closes: Bool { rawTag >= UInt64(Tag.endOfArray.rawValue) }

    /// What an entry is.
    enum Tag: UInt8 {
        case null, `false`, `true`
        /// A number without fraction and exponent.
        case integer
        /// Any other number.
        case decimal
        /// A string without a backslash: its bytes are its content.
        case string
        /// A string with at least one escape.
        case escapedString
        case array, object
        case endOfArray, endOfObject
    }
}
