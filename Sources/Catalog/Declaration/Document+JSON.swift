import EventJSON

extension Document {
    private static let limits = JSONLimits(bytes: maximumBytes, depth: maximumDepth)

    /// Reads one JSON document, with the line of every value.
    ///
    /// - Throws: ``DocumentError`` with the line of the first mistake; a key that stands twice is one.
    package static func json(_ text: ArraySlice<UInt8>) throws(DocumentError) -> Document {
        var tape = JSONTape(limits: limits)
        let lines = LineFinder(text)
        do throws(JSONError) {
            try tape.parse(text)
        } catch {
            throw DocumentError(message: "cannot be read: \(error)", line: lines.line(at: error.offset))
        }
        var values = 0
        return try Document(tape, tape.root, lines, counting: &values)
    }

    /// Reads one JSON document.
    package static func json(_ text: String) throws(DocumentError) -> Document { try json(ArraySlice(text.utf8)) }

    private init(
        _ tape: JSONTape,
        _ node: JSONNode,
        _ lines: LineFinder,
        counting values: inout Int
    ) throws(DocumentError) {
        let line = lines.line(at: tape.range(of: node).lowerBound)
        values += 1
        guard values <= Self.maximumValues else {
            throw DocumentError(message: "holds more than \(Self.maximumValues) values", line: line)
        }
        switch tape.kind(node) {
        case .null: self.init(.null, line: line)
        case .boolean: self.init(.bool(tape.bool(node) ?? false), line: line)
        case .number: self.init(.number(String(decoding: tape.written(node), as: UTF8.self)), line: line)
        case .string: self.init(.string(try Self.text(tape, node, line)), line: line)
        case .array:
            var elements: [Document] = []
            for element in tape.elements(of: node) {
                elements.append(try Document(tape, element, lines, counting: &values))
            }
            self.init(.list(elements), line: line)
        case .object:
            var members: [Member] = []
            var keys: Set<String> = []
            for member in tape.members(of: node) {
                let line = lines.line(at: tape.range(of: member.key).lowerBound)
                let key = try Self.text(tape, member.key, line)
                guard keys.insert(key).inserted else {
                    throw DocumentError(message: "has a key twice in one object: \"\(key)\"", line: line)
                }
                let value = try Document(tape, member.value, lines, counting: &values)
                members.append(Member(key: key, line: line, value: value))
            }
            self.init(.object(members), line: line)
        }
    }

    private static func text(_ tape: JSONTape, _ node: JSONNode, _ line: Int) throws(DocumentError) -> String {
        guard let string = tape.string(node) else {
            throw DocumentError(message: "has half of a surrogate pair in a text", line: line)
        }
        return string
    }
}

/// Finds the line of a byte.
private struct LineFinder {
    /// Where each line but the first begins.
    private let starts: [Int]

    init(_ text: ArraySlice<UInt8>) {
        var starts: [Int] = []
        for (offset, byte) in text.enumerated() where byte == UInt8(ascii: "\n") { starts.append(offset + 1) }
        self.starts = starts
    }

    /// From 1.
    func line(at offset: Int) -> Int {
        var low = 0
        var high = starts.count
        while low < high {
            let middle = (low + high) / 2
            if starts[middle] <= offset { low = middle + 1 } else { high = middle }
        }
        return low + 1
    }
}
