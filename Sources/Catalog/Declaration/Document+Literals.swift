// A document that the program itself writes looks in the source as it looks in JSON.

extension Document: ExpressibleByStringInterpolation {
    package init(stringLiteral value: String) { self.init(.string(value)) }
}

extension Document: ExpressibleByBooleanLiteral {
    package init(booleanLiteral value: Bool) { self.init(.bool(value)) }
}

extension Document: ExpressibleByIntegerLiteral {
    package init(integerLiteral value: Int64) { self.init(.number(String(value))) }
}

extension Document: ExpressibleByNilLiteral {
    package init(nilLiteral: ()) { self.init(.null) }
}

extension Document: ExpressibleByArrayLiteral {
    package init(arrayLiteral elements: Document...) { self.init(.list(elements)) }
}

extension Document: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral members: (String, Document)...) {
        self.init(.object(members.map { Member(key: $0.0, line: 0, value: $0.1) }))
    }
}

extension Document {
    package static func text(_ value: String?) -> Document { value.map { Document(.string($0)) } ?? nil }
    package static func truth(_ value: Bool) -> Document { Document(.bool(value)) }
    package static func integer(_ value: some BinaryInteger) -> Document { Document(.number("\(value)")) }

    /// A number with a fraction; what JSON cannot write becomes nothing.
    package static func number(_ value: Double?) -> Document {
        guard let value, value.isFinite else { return nil }
        return Document(.number(value == value.rounded() && abs(value) < 1e15 ? "\(Int64(value))" : "\(value)"))
    }

    package static func list(_ elements: some Sequence<Document>) -> Document { Document(.list(Array(elements))) }

    /// An object of members whose names are not known to the source.
    package static func object(_ members: some Sequence<(String, Document)>) -> Document {
        Document(.object(members.map { Member(key: $0.0, line: 0, value: $0.1) }))
    }

    /// The object with one more member.
    package func adding(_ key: String, _ value: Document) -> Document {
        Document(.object((members ?? []) + [Member(key: key, line: 0, value: value)]), line: line)
    }
}
