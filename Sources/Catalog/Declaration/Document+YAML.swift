import Yams

extension Document {
    /// Reads one YAML document.
    ///
    /// Plain words mean what YAML 1.2 says: only `true` and `false` are truth values, so a country code `no` stays a
    /// text; only JSON's numbers are numbers, and they stay as they were written.
    /// - Throws: ``DocumentError`` with the line of the first mistake.
    package static func yaml(_ text: String) throws(DocumentError) -> Document {
        guard text.utf8.count <= maximumBytes else {
            throw DocumentError(message: "is longer than \(maximumBytes) bytes", line: nil)
        }
        do {
            // The parser keeps a pointer to the text's storage, which only a text of more than a few bytes has.
            let parser = try Parser(yaml: text + String(repeating: "\n", count: 64))
            guard let root = try parser.singleRoot() else { return Document(.null, line: 1) }
            var values = 0
            // The nodes' anchors live as long as their parser.
            defer { withExtendedLifetime(parser) {} }
            return try Document(root, depth: 0, counting: &values)
        } catch let error as DocumentError {
            throw error
        } catch let error as YamlError {
            // An end that comes too early is noticed in the padding.
            let lines = text.utf8.count { $0 == UInt8(ascii: "\n") } + 1
            let said = DocumentError(error)
            throw DocumentError(message: said.message, line: said.line.map { min($0, lines) })
        } catch {
            throw DocumentError(message: "is not YAML", line: nil)
        }
    }

    private init(_ node: Node, depth: Int, counting values: inout Int) throws(DocumentError) {
        let line = node.mark?.line ?? 0
        values += 1
        guard values <= Self.maximumValues else {
            throw DocumentError(message: "holds more than \(Self.maximumValues) values", line: line)
        }
        guard depth < Self.maximumDepth else {
            throw DocumentError(message: "nests deeper than \(Self.maximumDepth) levels", line: line)
        }
        guard node.anchor == nil else {
            throw DocumentError(message: "has an anchor (&), which is not used here: write the value out", line: line)
        }
        switch node {
        case .scalar(let scalar):
            self.init(Self.content(of: scalar), line: line)
        case .sequence(let sequence):
            var elements: [Document] = []
            for element in sequence {
                elements.append(try Document(element, depth: depth + 1, counting: &values))
            }
            self.init(.list(elements), line: line)
        case .mapping(let mapping):
            var members: [Member] = []
            for (key, value) in mapping {
                guard case .scalar(let name) = key else {
                    throw DocumentError(message: "has a key that is not a word", line: key.mark?.line ?? line)
                }
                members.append(
                    Member(
                        key: name.string,
                        line: name.mark?.line ?? line,
                        value: try Document(value, depth: depth + 1, counting: &values)
                    )
                )
            }
            self.init(.object(members), line: line)
        case .alias:
            throw DocumentError(message: "refers to an anchor that is not there", line: line)
        }
    }

    private static func content(of scalar: Node.Scalar) -> Content {
        guard scalar.style == .plain, !scalar.tag.description.hasSuffix(":str") else { return .string(scalar.string) }
        switch scalar.string {
        case "", "~", "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        case let word where isJSONNumber(word): return .number(word)
        case let word: return .string(word)
        }
    }

    /// Whether a word is a number by RFC 8259.
    static func isJSONNumber(_ word: String) -> Bool {
        word.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/) != nil
    }
}

extension DocumentError {
    fileprivate init(_ error: YamlError) {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            self.init(message: "is not YAML: \(problem)", line: mark.line)
        case .duplicatedKeysInMapping(let keys, let context):
            let names = keys.map { "\"\($0)\"" }.joined(separator: ", ")
            self.init(message: "has a key twice in one mapping: \(names)", line: context.mark.line)
        case .reader(let problem, _, _, _):
            self.init(message: "is not YAML: \(problem)", line: nil)
        default:
            self.init(message: "is not YAML", line: nil)
        }
    }
}
