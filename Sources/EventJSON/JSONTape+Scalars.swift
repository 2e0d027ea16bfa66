/// Reading scalars.
extension JSONTape {
    /// Whether `node` is `null`.
    package func isNull(_ node: JSONNode) -> Bool { kind(node) == .null }

    /// The value of a boolean; nil for anything else.
    package func bool(_ node: JSONNode) -> Bool? {
        switch entries[node.position].tag {
        case .true: true
        case .false: false
        default: nil
        }
    }

    /// The value of a number that is written without fraction and exponent and fits; nil for anything else.
    package func int64(_ node: JSONNode) -> Int64? {
        let entry = entries[node.position]
        guard entry.tag == .integer else { return nil }
        let digits = text.bytes(entry.start..<entry.start + entry.extent)
        let isNegative = digits[0] == UInt8(ascii: "-")
        var value: Int64 = 0
        for index in (isNegative ? 1 : 0)..<digits.count {
            let digit = Int64(digits[index] - UInt8(ascii: "0"))
            let (tenfold, overflows) = value.multipliedReportingOverflow(by: 10)
            let (next, overflowsToo) =
                isNegative ? tenfold.subtractingReportingOverflow(digit) : tenfold.addingReportingOverflow(digit)
            if overflows || overflowsToo { return nil }
            value = next
        }
        return value
    }

    /// The nearest double of a number; nil for anything else, and for a number beyond all doubles.
    package func double(_ node: JSONNode) -> Double? {
        guard kind(node) == .number, let value = Double(text.string(range(of: node))), value.isFinite else {
            return nil
        }
        return value
    }

    /// The content of a string, escapes resolved; nil for anything else.
    ///
    /// Half a surrogate pair, which JSON can write and Unicode cannot, reads as U+FFFD.
    package func string(_ node: JSONNode) -> String? {
        let entry = entries[node.position]
        switch entry.tag {
        case .string:
            return text.string(entry.start + 1..<entry.start + entry.extent - 1)
        case .escapedString:
            var content: [UInt8] = []
            JSONString.unescape(text.bytes(entry.start + 1..<entry.start + entry.extent - 1), into: &content)
            return String(decoding: content, as: UTF8.self)
        default:
            return nil
        }
    }

    /// A copy of the bytes of `node` as they were written.
    package func written(_ node: JSONNode) -> ArraySlice<UInt8> {
        var bytes: [UInt8] = []
        copy(node, into: &bytes)
        return bytes[...]
    }

    /// Appends the UTF-8 content of a string, escapes resolved, and tells whether `node` is one.
    @discardableResult
    package func unescape(_ node: JSONNode, into output: inout [UInt8]) -> Bool {
        let entry = entries[node.position]
        let content = entry.start + 1..<entry.start + max(entry.extent - 1, 1)
        switch entry.tag {
        case .string:
            text.copy(content, into: &output)
        case .escapedString:
            JSONString.unescape(text.bytes(content), into: &output)
        default:
            return false
        }
        return true
    }

    /// Calls `body` with the UTF-8 content of a string, escapes resolved, without a copy where there are none; returns
    /// nil, without a call, when `node` is not a string.
    package func withContent<Result, Failure>(
        of node: JSONNode,
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result? {
        let entry = entries[node.position]
        let content = entry.start + 1..<entry.start + max(entry.extent - 1, 1)
        switch entry.tag {
        case .string:
            return try body(text.bytes(content))
        case .escapedString:
            var unescaped: [UInt8] = []
            JSONString.unescape(text.bytes(content), into: &unescaped)
            return try body(unescaped.span)
        default:
            return nil
        }
    }
}
