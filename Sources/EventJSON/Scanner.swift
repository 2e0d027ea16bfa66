/// Reads a text once, from its first byte to its last, and writes the tape.
///
/// The stack of open containers is on the tape itself: until it is closed, a container's opening entry holds the place of
/// its parent's. Two rules keep the loops free of tests for the end of the text. A text whose last byte is a closing
/// bracket is its own sentinel: no loop but those inside strings can step over that byte, and strings are tested. Any
/// other text is copied and ended by a zero byte, which nothing in the grammar accepts.
@safe struct Scanner {
    typealias Cursor = UnsafePointer<UInt8>

    /// The first byte of the text.
    let base: Cursor
    /// Where the document must end.
    let end: Cursor
    /// Behind the last byte that may be read; `end` or, with a zero byte, one more.
    let limit: Cursor
    let depthLimit: Int

    /// Scans `count` bytes; on return `tape` describes them.
    ///
    /// - Throws: the first thing that is wrong, reading from the left.
    static func scan(_ text: ScannedText, depth: Int, into tape: inout ScannedTape) throws(JSONError) {
        var length = text.count
        while length > 0, isSpace(unsafe text.base[length - 1]) { length -= 1 }
        guard length > 0 else { throw JSONError(.unexpectedEnd, at: text.count) }
        let last = unsafe text.base[length - 1]
        if last == Byte.closeBrace || last == Byte.closeBracket {
            let end = unsafe text.base + length
            let scanner = unsafe Scanner(base: text.base, end: end, limit: end, depthLimit: depth)
            return try scanner.scan(into: &tape)
        }
        let closed = unsafe ScannedText(
            owning: ([UInt8](UnsafeBufferPointer(start: text.base, count: text.count)) + [0])[...]
        )
        defer { withExtendedLifetime(closed) {} }
        let end = unsafe closed.base + text.count
        let scanner = unsafe Scanner(base: closed.base, end: end, limit: end + 1, depthLimit: depth)
        try scanner.scan(into: &tape)
    }

    /// The one loop: a value, then whatever follows values, until the outermost container is closed.
    private func scan(into tape: inout ScannedTape) throws(JSONError) {
        tape.reserveForWriting()
        var writer = unsafe Writer(entries: tape.entries, capacity: tape.capacity)
        var parent = Self.nobody
        var inObject = false
        var depth = 0
        var cursor = unsafe skipSpace(base)
        nextValue: while true {
            if writer.isNearlyFull { writer.grow(&tape) }
            let byte = unsafe cursor.pointee
            if byte | 0x20 == Byte.openBrace {
                depth &+= 1
                guard depth <= depthLimit else { throw unsafe error(.tooDeep, at: cursor) }
                inObject = byte == Byte.openBrace
                let opening = writer.count
                unsafe writer.append(
                    TapeEntry(inObject ? .object : .array, start: cursor - base, extent: parent)
                )
                parent = opening
                unsafe cursor = skipSpace(cursor + 1)
                if unsafe cursor.pointee != Self.closing(inObject) {
                    if inObject { unsafe cursor = try key(cursor, &writer) }
                    continue nextValue
                }
            } else {
                let token = unsafe byte == Byte.quote ? string(cursor) : bare(cursor, byte)
                if let failure = token.failure { throw unsafe error(failure, at: token.end) }
                unsafe writer.append(TapeEntry(token.tag, start: cursor - base, extent: token.end - cursor))
                unsafe cursor = token.end
                if depth == 0 { break nextValue }
            }
            while true {
                unsafe cursor = skipSpace(cursor)
                let byte = unsafe cursor.pointee
                if byte == Byte.comma {
                    unsafe cursor = skipSpace(cursor + 1)
                    if inObject { unsafe cursor = try key(cursor, &writer) }
                    continue nextValue
                }
                guard byte == Self.closing(inObject) else { throw unsafe error(.unexpectedByte, at: cursor) }
                unsafe parent = writer.close(parent, inObject: inObject, at: cursor - base)
                unsafe cursor += 1
                depth &-= 1
                if depth == 0 { break nextValue }
                guard unsafe cursor < end else { throw unsafe error(.unexpectedEnd, at: cursor) }
                inObject = writer.isObject(parent)
                if writer.isNearlyFull { writer.grow(&tape) }
            }
        }
        try unsafe finish(cursor)
        tape.count = writer.count
    }

    /// A member's key and colon; returns where its value begins.
    @inline(__always)
    private func key(_ start: Cursor, _ writer: inout Writer) throws(JSONError) -> Cursor {
        guard unsafe start.pointee == Byte.quote else { throw unsafe error(.unexpectedByte, at: start) }
        let token = unsafe string(start)
        if let failure = token.failure { throw unsafe error(failure, at: token.end) }
        unsafe writer.append(TapeEntry(token.tag, start: start - base, extent: token.end - start))
        let colon = unsafe skipSpace(token.end)
        guard unsafe colon.pointee == Byte.colon else { throw unsafe error(.unexpectedByte, at: colon) }
        return unsafe skipSpace(colon + 1)
    }

    /// Nothing but space may follow the document's value.
    private func finish(_ behind: Cursor) throws(JSONError) {
        var cursor = unsafe behind
        while unsafe cursor < end, Self.isSpace(unsafe cursor.pointee) { unsafe cursor += 1 }
        guard unsafe cursor == end else { throw unsafe error(.trailingBytes, at: cursor) }
    }

    /// The error of kind `kind` at `place`; whatever is wrong at the very end is that the text ends.
    @inline(never)
    private func error(_ kind: JSONError.Kind, at place: Cursor) -> JSONError {
        unsafe JSONError(place >= end ? .unexpectedEnd : kind, at: min(place, end) - base)
    }

    /// The parent of the outermost container.
    private static let nobody = JSONLimits.tapeBytes

    @inline(__always)
    private static func closing(_ inObject: Bool) -> UInt8 {
        inObject ? Byte.closeBrace : Byte.closeBracket
    }
}

// MARK: Space

extension Scanner {
    @inline(__always)
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }

    /// The first byte at or after `start` that is not space: most often `start`, or the byte after one blank.
    @inline(__always)
    func skipSpace(_ start: Cursor) -> Cursor {
        if unsafe start.pointee > 0x20 { return unsafe start }
        return unsafe skipSpaces(start)
    }

    @inline(never)
    private func skipSpaces(_ start: Cursor) -> Cursor {
        var cursor = unsafe start
        while Self.isSpace(unsafe cursor.pointee) { unsafe cursor += 1 }
        return unsafe cursor
    }
}

// MARK: Parts

extension Scanner {
    /// What a scalar turned out to be, and where it ends; or what is wrong with it, and where.
    @safe struct Token {
        let end: Cursor
        let tag: TapeEntry.Tag
        let failure: JSONError.Kind?

        @inline(__always) init(_ tag: TapeEntry.Tag, end: Cursor) {
            self.tag = tag
            unsafe self.end = end
            failure = nil
        }

        @inline(__always) init(_ failure: JSONError.Kind, at place: Cursor) {
            tag = .null
            unsafe end = place
            self.failure = failure
        }
    }

    /// Where the next entry goes; a copy of the tape's own fields that stays in registers.
    @safe struct Writer {
        private var entries: UnsafeMutablePointer<UInt64>
        private var capacity: Int
        private(set) var count = 0

        init(entries: UnsafeMutablePointer<UInt64>, capacity: Int) {
            unsafe self.entries = entries
            self.capacity = capacity
        }

        /// Whether a value, its key and a container's end might no longer fit.
        @inline(__always) var isNearlyFull: Bool { count &+ 4 > capacity }

        @inline(__always)
        mutating func grow(_ tape: inout ScannedTape) {
            tape.grow(keeping: count)
            unsafe entries = tape.entries
            capacity = tape.capacity
        }

        @inline(__always)
        mutating func append(_ entry: TapeEntry) {
            unsafe entries[count] = entry.word
            count &+= 1
        }

        @inline(__always)
        func isObject(_ opening: Int) -> Bool {
            unsafe TapeEntry(word: entries[opening]).rawTag == UInt64(TapeEntry.Tag.object.rawValue)
        }

        /// Closes the container opened at `opening`; returns its parent.
        @inline(__always)
        mutating func close(_ opening: Int, inObject: Bool, at offset: Int) -> Int {
            append(TapeEntry(inObject ? .endOfObject : .endOfArray, start: offset, extent: opening))
            let entry = unsafe TapeEntry(word: entries[opening])
            unsafe entries[opening] =
                TapeEntry(inObject ? .object : .array, start: entry.start, extent: count).word
            return entry.extent
        }
    }
}
