/// What a JSON value must be, in the words of JSON Schema that are few enough to be kept exactly.
///
/// A schema with any other word is refused instead of being half obeyed. Words that only describe are left alone; `format`
/// is one of them.
///
/// - Source: JSON Schema 2020-12, validation.
package struct JSONSchema: Equatable, Sendable {
    /// The kinds of value that `type` can name.
    enum Kind: String, CaseIterable {
        case null, boolean, integer, number, string, array, object
    }

    /// One thing that is wrong, and where.
    package struct Problem: Equatable, Sendable {
        /// From the value that was looked at, such as `headers.accept` or `paths[2]`; empty for itself.
        package let path: String
        /// Goes on behind the place: `is missing`.
        package let what: String

        package init(_ path: String, _ what: String) {
            self.path = path
            self.what = what
        }
    }

    /// What is left when a word does not stand there, and a schema where it does.
    indirect enum Rest: Equatable {
        case anything
        case schema(JSONSchema)
    }

    /// The schema `false`.
    var isNever = false
    /// Empty for any.
    var kinds: [Kind] = []
    /// The only values that are taken, each as JSON; nil for any.
    var choices: [[UInt8]]?
    var properties: [String: JSONSchema] = [:]
    var required: [String] = []
    var additional = Rest.anything
    var items = Rest.anything
    var minimum: Double?
    var maximum: Double?
    var exclusiveMinimum: Double?
    var exclusiveMaximum: Double?
    /// Of a string, in Unicode code points.
    var shortest: Int?
    var longest: Int?
    /// Of an array, in elements.
    var fewest: Int?
    var most: Int?

    private static let descriptive: Set<String> = [
        "$schema", "$id", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly",
        "writeOnly", "format",
    ]
    private static let words = [
        "type", "enum", "const", "properties", "required", "additionalProperties", "items", "minimum", "maximum",
        "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "minItems", "maxItems",
    ]

    private init() {}

    /// Reads a schema; what cannot be kept is added to `problems`, each with its path below `path`.
    package init(_ node: JSONNode, in tape: JSONTape, at path: String = "", _ problems: inout [Problem]) {
        if let bool = tape.bool(node) {
            isNever = !bool
            return
        }
        guard tape.kind(node) == .object else {
            problems.append(Problem(path, "must be a schema: an object, true or false"))
            return
        }
        for member in tape.members(of: node) {
            guard let word = tape.string(member.key), !Self.descriptive.contains(word), !word.hasPrefix("x-") else {
                continue
            }
            let place = path.isEmpty ? word : "\(path).\(word)"
            guard Self.words.contains(word) else {
                let what = "is a word that this server does not check; it knows "
                problems.append(Problem(place, what + Self.words.joined(separator: ", ")))
                continue
            }
            if !take(word, member.value, tape, place, &problems) {
                problems.append(Problem(place, "is not what JSON Schema wants there"))
            }
        }
    }

    /// False when the value is none that the word can have.
    private mutating func take(
        _ word: String,
        _ node: JSONNode,
        _ tape: JSONTape,
        _ path: String,
        _ problems: inout [Problem]
    ) -> Bool {
        switch word {
        case "type": return takeKinds(node, tape)
        case "enum": return takeChoices(tape.kind(node) == .array ? Array(tape.elements(of: node)) : [], tape)
        case "const": return takeChoices([node], tape)
        case "properties":
            guard tape.kind(node) == .object else { return false }
            for member in tape.members(of: node) {
                guard let name = tape.string(member.key) else { continue }
                properties[name] = JSONSchema(member.value, in: tape, at: "\(path).\(name)", &problems)
            }
        case "required":
            let names = tape.elements(of: node).map { tape.string($0) }
            guard tape.kind(node) == .array, !names.contains(nil) else { return false }
            required = names.compactMap(\.self)
        case "additionalProperties": additional = .schema(JSONSchema(node, in: tape, at: path, &problems))
        case "items": items = .schema(JSONSchema(node, in: tape, at: path, &problems))
        case "minimum": return take(tape.double(node), into: \.minimum)
        case "maximum": return take(tape.double(node), into: \.maximum)
        case "exclusiveMinimum": return take(tape.double(node), into: \.exclusiveMinimum)
        case "exclusiveMaximum": return take(tape.double(node), into: \.exclusiveMaximum)
        case "minLength": return take(Self.size(node, tape), into: \.shortest)
        case "maxLength": return take(Self.size(node, tape), into: \.longest)
        case "minItems": return take(Self.size(node, tape), into: \.fewest)
        case "maxItems": return take(Self.size(node, tape), into: \.most)
        default: return false
        }
        return true
    }

    private mutating func takeKinds(_ node: JSONNode, _ tape: JSONTape) -> Bool {
        let names = tape.kind(node) == .array ? tape.elements(of: node).map { tape.string($0) } : [tape.string(node)]
        kinds = names.compactMap { $0.flatMap(Kind.init(rawValue:)) }
        return !names.isEmpty && kinds.count == names.count
    }

    private mutating func takeChoices(_ nodes: [JSONNode], _ tape: JSONTape) -> Bool {
        guard choices == nil, !nodes.isEmpty else { return false }
        choices = nodes.map { Array(tape.written($0)) }
        return true
    }

    private mutating func take<Value>(_ value: Value?, into word: WritableKeyPath<JSONSchema, Value?>) -> Bool {
        self[keyPath: word] = value
        return value != nil
    }

    private static func size(_ node: JSONNode, _ tape: JSONTape) -> Int? {
        tape.int64(node).flatMap { Int(exactly: $0) }.flatMap { $0 >= 0 ? $0 : nil }
    }
}
