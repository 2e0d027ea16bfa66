import EventJSON

/// Reads a condition from left to right, once.
///
/// - Source: the grammar in `docs/filters.md`.
struct ConditionParser {
    let text: [UInt8]
    var position = 0
    var program = Program()
    private var depth = 0

    init(_ text: [UInt8]) { self.text = text }

    static func parse(_ text: String) throws(ConditionError) -> Program {
        var parser = ConditionParser([UInt8](text.utf8))
        guard parser.text.count <= Condition.maximumBytes else {
            throw parser.error(
                at: Condition.maximumBytes,
                found: "\(parser.text.count) bytes",
                "at most \(Condition.maximumBytes)"
            )
        }
        let expression = try parser.alternatives()
        parser.skipSpace()
        guard parser.position == parser.text.count else { throw parser.error("&&, || or the end") }
        parser.program.append(expression)
        return parser.program
    }

    // MARK: Operators

    private mutating func alternatives() throws(ConditionError) -> Expression {
        var parts = [try requirements()]
        while take("||") { parts.append(try requirements()) }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private mutating func requirements() throws(ConditionError) -> Expression {
        var parts = [try single()]
        while take("&&") { parts.append(try single()) }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    private mutating func single() throws(ConditionError) -> Expression {
        skipSpace()
        guard byte == UInt8(ascii: "(") || byte == UInt8(ascii: "!") else { return try comparison() }
        guard depth < Condition.maximumDepth else {
            throw error("at most \(Condition.maximumDepth) parentheses and ! within each other")
        }
        depth += 1
        defer { depth -= 1 }
        if take("!") { return .not(try single()) }
        position += 1
        let inner = try alternatives()
        guard take(")") else { throw error("&&, || or )") }
        return inner
    }

    // MARK: Comparisons

    private mutating func comparison() throws(ConditionError) -> Expression {
        if let path = try existence() { return add(path, .exists, 0..<0) }
        let path = try path()
        skipSpace()
        if take("!=") { return .not(add(path, .equal, try one())) }
        for (sign, verb) in Self.signs where take(sign) { return add(path, verb, try one()) }
        let start = position
        switch String(decoding: word(), as: UTF8.self) {
        case "in": return add(path, .among, try list())
        case "contains": return add(path, .contains, try one())
        case "startsWith": return add(path, .startsWith, try oneText())
        case "endsWith": return add(path, .endsWith, try oneText())
        default:
            position = start
            throw error("one of \(Self.operators)")
        }
    }

    private static let operators = "==, !=, <, <=, >, >=, in, contains, startsWith and endsWith"

    /// The longer ones first.
    private static let signs: [(StaticString, Program.Verb)] = [
        ("==", .equal), ("<=", .lessOrEqual), (">=", .greaterOrEqual), ("<", .less), (">", .greater),
    ]

    private mutating func add(_ path: Range<Int>, _ verb: Program.Verb, _ values: Range<Int>) -> Expression {
        program.tests.append(Program.Test(path: path, verb: verb, values: values))
        return .test(program.tests.count - 1)
    }

    /// The path of `exists(path)`, if that is what stands here.
    private mutating func existence() throws(ConditionError) -> Range<Int>? {
        let start = position
        guard word().elementsEqual("exists".utf8), take("(") else {
            position = start
            return nil
        }
        skipSpace()
        let path = try path()
        guard take(")") else { throw error(")") }
        return path
    }

    // MARK: Paths

    private mutating func path() throws(ConditionError) -> Range<Int> {
        let first = program.steps.count
        let start = position
        if byte != UInt8(ascii: "[") {
            let name = word()
            guard let initial = name.first, !Self.isDigit(initial), initial != UInt8(ascii: "-"),
                !Self.reserved.contains(String(decoding: name, as: UTF8.self))
            else {
                position = start
                throw error("a path such as event or properties.total, exists, ! or (")
            }
            append(member: name)
        }
        while true {
            if byte == UInt8(ascii: ".") {
                position += 1
                let name = word()
                if name.isEmpty { throw error("a name; write others as [\"a name\"]") }
                append(member: name)
            } else if byte == UInt8(ascii: "[") {
                position += 1
                try bracket()
            } else {
                return first..<program.steps.count
            }
        }
    }

    /// Words that mean something else where a path begins.
    private static let reserved: Set<String> = ["true", "false", "null", "in", "contains", "startsWith", "endsWith"]

    private mutating func bracket() throws(ConditionError) {
        skipSpace()
        if byte == UInt8(ascii: "\"") {
            program.steps.append(.member(try quoted()))
        } else {
            let start = position
            var index = 0
            while let byte, Self.isDigit(byte), index <= Self.largestIndex {
                index = index * 10 + Int(byte - UInt8(ascii: "0"))
                position += 1
            }
            guard position > start, index <= Self.largestIndex else {
                position = start
                throw error("a name in quotes or an index from 0 to \(Self.largestIndex)")
            }
            program.steps.append(.element(index))
        }
        guard take("]") else { throw error("]") }
    }

    private static let largestIndex = 99_999

    private mutating func append(member name: ArraySlice<UInt8>) {
        program.steps.append(.member(add(name)))
    }

    // MARK: Values

    private mutating func one() throws(ConditionError) -> Range<Int> {
        let first = program.values.count
        program.values.append(try value())
        return first..<first + 1
    }

    private mutating func oneText() throws(ConditionError) -> Range<Int> {
        skipSpace()
        guard byte == UInt8(ascii: "\"") else { throw error("a text in double quotes") }
        return try one()
    }

    private mutating func list() throws(ConditionError) -> Range<Int> {
        guard take("[") else { throw error("a list such as [\"track\", \"page\"]") }
        let first = program.values.count
        repeat { program.values.append(try value()) } while take(",")
        guard take("]") else { throw error(", or ]") }
        return first..<program.values.count
    }

    private mutating func value() throws(ConditionError) -> Program.Value {
        skipSpace()
        let start = position
        guard let byte else { throw error(Self.values) }
        if byte == UInt8(ascii: "\"") { return .text(try quoted()) }
        if Self.isDigit(byte) || byte == UInt8(ascii: "-") { return .number(try number()) }
        switch String(decoding: word(), as: UTF8.self) {
        case "true": return .boolean(true)
        case "false": return .boolean(false)
        case "null": return .null
        default:
            position = start
            throw error(Self.values)
        }
    }

    private static let values = "a text in double quotes, a number, true, false or null"

    private mutating func number() throws(ConditionError) -> Range<Int> {
        let start = position
        while let byte, Self.isNumber(byte) { position += 1 }
        var tape = JSONTape()
        guard (try? tape.parse(text[start..<position])) != nil else {
            let written = String(decoding: text[start..<position], as: UTF8.self)
            throw error(at: start, found: "\"\(written)\"", "a number as JSON writes it")
        }
        return add(text[start..<position])
    }

    /// A text in quotes, with the escapes that JSON has.
    private mutating func quoted() throws(ConditionError) -> Range<Int> {
        let start = position
        position += 1
        while let byte, byte != UInt8(ascii: "\"") {
            position += byte == UInt8(ascii: "\\") ? 2 : 1
        }
        guard position < text.count else {
            position = text.count
            throw error("\" at the end of the text that begins at byte \(start + 1)")
        }
        position += 1
        var tape = JSONTape()
        do throws(JSONError) {
            try tape.parse(text[start..<position])
        } catch {
            let place = start + error.offset
            throw self.error(at: place, found: shown(at: place), "a text as JSON writes it: \(error.kind.hint)")
        }
        let first = program.bytes.count
        tape.unescape(tape.root, into: &program.bytes)
        return first..<program.bytes.count
    }

    private mutating func add(_ bytes: ArraySlice<UInt8>) -> Range<Int> {
        let first = program.bytes.count
        program.bytes.append(contentsOf: bytes)
        return first..<program.bytes.count
    }
}

extension JSONError.Kind {
    fileprivate var hint: String {
        switch self {
        case .controlCharacter: "line ends and other control characters are escaped"
        default: "\\\" \\\\ \\/ \\b \\f \\n \\r \\t and \\u with four digits are its escapes"
        }
    }
}
