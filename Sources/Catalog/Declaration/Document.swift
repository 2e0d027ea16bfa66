/// One value of a configuration document, with the line on which it stands.
///
/// YAML and JSON both become this, so that everything after reading is the same for both, and every complaint can say
/// where.
package struct Document: Equatable, Sendable {
    /// The six kinds of value that JSON knows.
    package enum Content: Equatable, Sendable {
        case null
        case bool(Bool)
        /// - Shape: a JSON number as it was written.
        case number(String)
        case string(String)
        case list([Document])
        case object([Member])
    }

    /// One key of an object with its value, in the order of the document.
    package struct Member: Equatable, Sendable {
        package let key: String
        package let line: Int
        package let value: Document

        package init(key: String, line: Int, value: Document) {
            self.key = key
            self.line = line
            self.value = value
        }
    }

    package let content: Content
    /// From 1; 0 where nobody knows.
    package let line: Int

    package init(_ content: Content, line: Int = 0) {
        self.content = content
        self.line = line
    }

    /// The most values one document may hold: far above any configuration, far below what hurts.
    package static let maximumValues = 100_000
    /// How deeply lists and objects may nest.
    package static let maximumDepth = 64
    /// The longest document, in bytes of its text.
    package static let maximumBytes = 1024 * 1024

    /// The word for the kind of value, for complaints.
    package var kind: String {
        switch content {
        case .null: "nothing"
        case .bool: "true or false"
        case .number: "a number"
        case .string: "a text"
        case .list: "a list"
        case .object: "a mapping"
        }
    }

    package var members: [Member]? {
        guard case .object(let members) = content else { return nil }
        return members
    }

    package var elements: [Document]? {
        guard case .list(let elements) = content else { return nil }
        return elements
    }

    package var string: String? {
        guard case .string(let string) = content else { return nil }
        return string
    }

    package subscript(_ key: String) -> Document? { members?.last { $0.key == key }?.value }

    /// The same value without lines, and so comparable.
    package var withoutLines: Document {
        switch content {
        case .list(let elements): Document(.list(elements.map(\.withoutLines)))
        case .object(let members):
            Document(.object(members.map { Member(key: $0.key, line: 0, value: $0.value.withoutLines) }))
        default: Document(content)
        }
    }
}

/// Why a text is no document at all.
package struct DocumentError: Error, Equatable, Sendable {
    package let message: String
    package let line: Int?
}
