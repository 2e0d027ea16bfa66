extension JSONSchema {
    /// The most problems that one check tells.
    private static let mostProblems = 20

    /// Everything that is wrong with a value, in the order in which it was written.
    package func problems(with node: JSONNode, in tape: JSONTape) -> [Problem] {
        var check = Check(tape: tape)
        check.look(at: node, self, "")
        return Array(check.problems.prefix(Self.mostProblems))
    }

    private struct Check {
        let tape: JSONTape
        var problems: [Problem] = []

        mutating func look(at node: JSONNode, _ schema: JSONSchema, _ path: String) {
            guard problems.count < JSONSchema.mostProblems else { return }
            if schema.isNever { return note(path, "is not taken") }
            guard schema.kinds.isEmpty || schema.kinds.contains(where: { isKind(node, $0) }) else {
                return note(path, "must be \(schema.kinds.map(\.words).joined(separator: " or "))")
            }
            if let choices = schema.choices, !choices.contains(where: { isEqual(node, toJSON: $0) }) {
                let words = choices.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ", ")
                return note(path, "must be \(choices.count > 1 ? "one of " : "")\(words)")
            }
            switch tape.kind(node) {
            case .number: lookAtNumber(node, schema, path)
            case .string: lookAtString(node, schema, path)
            case .array: lookAtArray(node, schema, path)
            case .object: lookAtObject(node, schema, path)
            case .null, .boolean: break
            }
        }

        private mutating func lookAtNumber(_ node: JSONNode, _ schema: JSONSchema, _ path: String) {
            // A number beyond all doubles is beyond every bound on its side.
            let value = tape.double(node) ?? (tape.bytes(of: node)[0] == UInt8(ascii: "-") ? -.infinity : .infinity)
            if let least = schema.minimum, value < least { note(path, "must be \(Self.text(least)) or more") }
            if let most = schema.maximum, value > most { note(path, "must be \(Self.text(most)) or less") }
            if let low = schema.exclusiveMinimum, value <= low { note(path, "must be more than \(Self.text(low))") }
            if let high = schema.exclusiveMaximum, value >= high { note(path, "must be less than \(Self.text(high))") }
        }

        private mutating func lookAtString(_ node: JSONNode, _ schema: JSONSchema, _ path: String) {
            guard schema.shortest != nil || schema.longest != nil else { return }
            let length = tape.string(node)?.unicodeScalars.count ?? 0
            if let bound = schema.shortest, length < bound { note(path, "must have \(bound) characters or more") }
            if let bound = schema.longest, length > bound { note(path, "must have \(bound) characters or fewer") }
        }

        private mutating func lookAtArray(_ node: JSONNode, _ schema: JSONSchema, _ path: String) {
            let count = tape.count(of: node)
            if let bound = schema.fewest, count < bound { note(path, "must have \(bound) elements or more") }
            if let bound = schema.most, count > bound { note(path, "must have \(bound) elements or fewer") }
            guard case .schema(let items) = schema.items else { return }
            for (number, element) in tape.elements(of: node).enumerated() {
                look(at: element, items, "\(path)[\(number)]")
            }
        }

        private mutating func lookAtObject(_ node: JSONNode, _ schema: JSONSchema, _ path: String) {
            var names: Set<String> = []
            for member in tape.members(of: node) {
                guard let name = tape.string(member.key) else { continue }
                names.insert(name)
                let place = path.isEmpty ? name : "\(path).\(name)"
                if let property = schema.properties[name] {
                    look(at: member.value, property, place)
                } else if case .schema(let additional) = schema.additional {
                    if additional.isNever {
                        let known = schema.properties.keys.sorted().joined(separator: ", ")
                        note(place, "is an unknown key\(known.isEmpty ? "" : "; known here: \(known)")")
                    } else {
                        look(at: member.value, additional, place)
                    }
                }
            }
            for name in schema.required where !names.contains(name) {
                note(path.isEmpty ? name : "\(path).\(name)", "is missing")
            }
        }

        private func isKind(_ node: JSONNode, _ kind: Kind) -> Bool {
            switch kind {
            case .null: tape.kind(node) == .null
            case .boolean: tape.kind(node) == .boolean
            case .number: tape.kind(node) == .number
            // 1.0 is a whole number too.
            case .integer: tape.int64(node) != nil || tape.double(node).map { $0 == $0.rounded() } ?? false
            case .string: tape.kind(node) == .string
            case .array: tape.kind(node) == .array
            case .object: tape.kind(node) == .object
            }
        }

        private func isEqual(_ node: JSONNode, toJSON bytes: [UInt8]) -> Bool {
            var other = JSONTape(limits: tape.limits)
            guard (try? other.parse(bytes)) != nil else { return false }
            return tape.isEqual(node, to: other.root, of: other)
        }

        private mutating func note(_ path: String, _ what: String) { problems.append(Problem(path, what)) }

        private static func text(_ value: Double) -> String {
            Int64(exactly: value).map(String.init) ?? value.description
        }
    }
}

extension JSONSchema.Kind {
    fileprivate var words: String {
        switch self {
        case .null: "null"
        case .boolean: "true or false"
        case .integer: "a whole number"
        case .number: "a number"
        case .string: "a text"
        case .array: "a list"
        case .object: "an object"
        }
    }
}

extension JSONTape {
    /// Whether two values mean the same, however they are written: 1.0 is 1, and the order of members does not count.
    func isEqual(_ node: JSONNode, to other: JSONNode, of tape: JSONTape) -> Bool {
        guard kind(node) == tape.kind(other) else { return false }
        switch kind(node) {
        case .null: return true
        case .boolean: return bool(node) == tape.bool(other)
        case .string: return string(node) == tape.string(other)
        case .number:
            if let mine = int64(node), let its = tape.int64(other) { return mine == its }
            return double(node) == tape.double(other)
        case .array:
            guard count(of: node) == tape.count(of: other) else { return false }
            return zip(elements(of: node), tape.elements(of: other)).allSatisfy { isEqual($0, to: $1, of: tape) }
        case .object:
            guard count(of: node) == tape.count(of: other) else { return false }
            return members(of: node).allSatisfy { member in
                guard let name = string(member.key), let its = tape.member(of: other, key: name.utf8.span) else {
                    return false
                }
                return isEqual(member.value, to: its, of: tape)
            }
        }
    }
}
