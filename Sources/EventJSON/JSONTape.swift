/// A parsed JSON text: where each value begins and ends, in the order in which they were written.
///
/// A tape is meant to be kept and used for one text after the other: its memory stays. Nothing of the text is copied or
/// converted by parsing; numbers, escapes and duplicate keys stay as written and are looked at only when asked for.
///
/// ```swift
/// try tape.parse(body)
/// if let batch = tape.member(of: tape.root, "batch") {
///     for event in tape.elements(of: batch) {
///         let user = tape.member(of: event, "userId").flatMap { tape.string($0) }
///     }
/// }
/// ```
///
/// - Shape: accepts exactly RFC 8259 in UTF-8, without a byte order mark, within its limits. Eight bytes of memory per
///   value, key and container end.
/// - Owner: one at a time; a copy shares the memory until either parses again.
/// - Valid: nodes are of the last text that was parsed; a tape that has parsed nothing, or failed to, holds `null`.
package struct JSONTape: @unchecked Sendable {
    let limits: JSONLimits
    var text = ScannedText.null
    var entries = ScannedTape()

    package init(limits: JSONLimits = .event) {
        self.limits = limits
        entries.holdNull()
    }

    /// Parses `text`, and keeps it until the next call.
    ///
    /// - Throws: the first thing that is wrong with the text; the tape then holds `null`.
    /// - Source: RFC 8259; The Unicode Standard, table 3-7.
    package mutating func parse(_ text: ArraySlice<UInt8>) throws(JSONError) {
        try parse(scanning: ScannedText(owning: text), length: text.count)
    }

    /// Parses `text`, and keeps it until the next call.
    package mutating func parse(_ text: [UInt8]) throws(JSONError) {
        try parse(text[...])
    }

    /// Parses `text` without keeping it.
    ///
    /// - Valid: the caller keeps the bytes in place, and unchanged, as long as it asks the tape anything.
    package mutating func parse(_ text: UnsafeRawBufferPointer) throws(JSONError) {
        try unsafe parse(scanning: ScannedText(borrowing: text), length: text.count)
    }

    /// Lets go of the text, so that whoever owns it may write to it in place; keeps the memory.
    package mutating func reset() {
        text = .null
        entries.holdNull()
    }

    private mutating func parse(scanning scanned: ScannedText, length: Int) throws(JSONError) {
        do throws(JSONError) {
            guard length > 0 else { throw JSONError(.unexpectedEnd, at: 0) }
            guard length <= limits.bytes else { throw JSONError(.tooLong, at: limits.bytes) }
            try Scanner.scan(scanned, depth: limits.depth, into: &entries)
            text = scanned
        } catch {
            reset()
            throw error
        }
    }

    /// The document's one value.
    package var root: JSONNode { JSONNode(0) }

    /// How many bytes the text has.
    package var count: Int { text.count }

    /// What `node` is.
    package func kind(_ node: JSONNode) -> JSONKind {
        switch entries[node.position].tag {
        case .null, .endOfArray, .endOfObject: .null
        case .false, .true: .boolean
        case .integer, .decimal: .number
        case .string, .escapedString: .string
        case .array: .array
        case .object: .object
        }
    }

    /// Where `node` stands in the text: from its quote, bracket or first digit to behind its last byte.
    package func range(of node: JSONNode) -> Range<Int> {
        let entry = entries[node.position]
        switch entry.tag {
        case .array, .object: return entry.start..<entries[entry.extent - 1].start + 1
        case .endOfArray, .endOfObject: return entry.start..<entry.start + 1
        default: return entry.start..<entry.start + entry.extent
        }
    }

    /// The bytes of `node` as they were written.
    @_lifetime(borrow self)
    package func bytes(of node: JSONNode) -> Span<UInt8> { text.bytes(range(of: node)) }

    /// Appends the bytes of `node` as they were written.
    package func copy(_ node: JSONNode, into output: inout [UInt8]) {
        text.copy(range(of: node), into: &output)
    }

    /// The place behind `position` and all it contains.
    @inline(__always)
    func behind(_ position: Int) -> Int { entries.behind(position) }

    /// Where the value ends whose last entry is at `position`.
    @inline(__always)
    func end(of position: Int) -> Int {
        let entry = entries[position]
        return entry.closes ? entry.start + 1 : entry.start + entry.extent
    }
}
