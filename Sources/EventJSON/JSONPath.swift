import EventModel

/// Where a value stands, from some value downwards: `context.traits.email`, `properties.products[0].price`.
///
/// - Shape: names separated by dots; `[n]` takes the n-th element of an array, from 0. A backslash makes the next
///   character part of a name, for names with a dot, a bracket or a backslash in them. The empty path is the value itself.
///   Every text is a path; what is not an index in brackets belongs to a name.
package struct JSONPath: Hashable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
    package let text: String

    package init(_ text: String) { self.text = text }

    package init(stringLiteral text: String) { self.text = text }

    /// The path of these names, taken as they are.
    package init(names: [String]) {
        let parts = names.map { name in
            name.reduce(into: "") { part, character in
                if character == "." || character == "[" || character == "\\" { part.append("\\") }
                part.append(character)
            }
        }
        text = parts == [""] ? "\\" : parts.joined(separator: ".")
    }

    package var description: String { text }
}

extension JSONPath {
    /// One step of a path.
    enum Step: Equatable {
        /// The member whose name is this part of the path's text.
        case plain(Range<Int>)
        /// The member whose name is this; its backslashes are resolved.
        case escaped([UInt8])
        /// The element at this index.
        case index(Int)
    }

    /// Reads a path's steps one after the other; allocates only for names with a backslash.
    struct Reader {
        private var position = 0
        private var isFirst = true

        /// The next step, or nil at the end.
        mutating func next(in text: Span<UInt8>) -> Step? {
            guard position < text.count else { return nil }
            if let (index, end) = Self.index(in: text, at: position) {
                position = end
                isFirst = false
                return .index(index)
            }
            if !isFirst, text[position] == UInt8(ascii: ".") { position += 1 }
            isFirst = false
            return name(in: text)
        }

        /// Whether no step follows.
        func isAtEnd(of text: Span<UInt8>) -> Bool { position >= text.count }

        private mutating func name(in text: Span<UInt8>) -> Step {
            let start = position
            while position < text.count, text[position] != UInt8(ascii: ".") {
                if text[position] == Byte.backslash { return .escaped(escapedName(in: text, from: start)) }
                if Self.index(in: text, at: position) != nil { break }
                position += 1
            }
            return .plain(start..<position)
        }

        private mutating func escapedName(in text: Span<UInt8>, from start: Int) -> [UInt8] {
            var name: [UInt8] = []
            position = start
            while position < text.count, text[position] != UInt8(ascii: ".") {
                if Self.index(in: text, at: position) != nil { break }
                if text[position] == Byte.backslash { position += 1 }
                if position < text.count { name.append(text[position]) }
                position += 1
            }
            return name
        }

        /// The number in brackets at `start` and where it ends, if there is one.
        private static func index(in text: Span<UInt8>, at start: Int) -> (index: Int, end: Int)? {
            guard text[start] == Byte.openBracket else { return nil }
            var index = 0
            var position = start + 1
            while position < text.count, case let digit = text[position] &- UInt8(ascii: "0"), digit < 10 {
                guard index < Limits.requestBytes else { return nil }
                index = index * 10 + Int(digit)
                position += 1
            }
            guard position > start + 1, position < text.count, text[position] == Byte.closeBracket else { return nil }
            return (index, position + 1)
        }
    }
}
