import TestSupport

/// A value of a generated event, as plain as it can be.
indirect enum Plain {
    case null
    case boolean(Bool)
    /// digits × 10^exponent
    case number(Int64, Int)
    case text(String)
    case list([Plain])
    case object([(String, Plain)])

    var isList: Bool { if case .list = self { true } else { false } }

    /// As JSON, with escapes where the generator wants them.
    func json(_ random: inout SplitMix) -> String {
        switch self {
        case .null: "null"
        case .boolean(let value): "\(value)"
        case .number(let digits, let exponent): Self.written(digits, exponent, &random)
        case .text(let text): Self.quoted(text, &random)
        case .list(let elements): "[" + elements.map { $0.json(&random) }.joined(separator: ",") + "]"
        case .object(let members):
            "{" + members.map { Self.quoted($0, &random) + " :" + $1.json(&random) }.joined(separator: ",") + "}"
        }
    }

    static func quoted(_ text: String, _ random: inout SplitMix) -> String {
        var written = "\""
        for scalar in text.unicodeScalars {
            if Int.random(in: 0..<6, using: &random) == 0 {
                for unit in Character(scalar).utf16 {
                    let digits = String(unit, radix: 16)
                    written += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
                }
            } else if scalar == "\"" || scalar == "\\" {
                written += "\\\(scalar)"
            } else {
                written.unicodeScalars.append(scalar)
            }
        }
        return written + "\""
    }

    private static func written(_ digits: Int64, _ exponent: Int, _ random: inout SplitMix) -> String {
        switch (exponent, Int.random(in: 0..<3, using: &random)) {
        case (0, 0): return "\(digits)"
        case (..<0, 0):
            // As a fraction.
            let sign = digits < 0 ? "-" : ""
            let all = "\(digits.magnitude)"
            let padded = String(repeating: "0", count: max(0, 1 - exponent - all.count)) + all
            return "\(sign)\(padded.dropLast(-exponent)).\(padded.suffix(-exponent))"
        case (_, 1): return "\(digits)E\(exponent < 0 ? "" : "+")\(exponent)"
        default: return "\(digits)\(digits == 0 ? "" : "0")e\(exponent - 1)"
        }
    }
}

/// A condition as a tree, with its text and an evaluator that is as simple as the table of the documentation.
indirect enum Conjecture {
    case exists([Key])
    case compare([Key], String, Plain)
    case among([Key], [Plain])
    case not(Conjecture)
    case all([Conjecture])
    case any([Conjecture])

    enum Key {
        case name(String)
        case index(Int)
    }

    func text(_ random: inout SplitMix) -> String {
        switch self {
        case .exists(let path): return "exists( \(Self.text(path, &random)) )"
        case .compare(let path, let verb, let value):
            return "\(Self.text(path, &random)) \(verb) \(value.json(&random))"
        case .among(let path, let values):
            return "\(Self.text(path, &random)) in [\(values.map { $0.json(&random) }.joined(separator: " , "))]"
        case .not(let inner): return "!(\(inner.text(&random)))"
        case .all(let parts): return parts.map { "(\($0.text(&random)))" }.joined(separator: "&&")
        case .any(let parts): return parts.map { "(\($0.text(&random)))" }.joined(separator: " ||\n")
        }
    }

    private static func text(_ path: [Key], _ random: inout SplitMix) -> String {
        var text = ""
        for key in path {
            switch key {
            case .index(let index): text += "[\(index)]"
            case .name(let name):
                let isPlain = name.allSatisfy { $0.isLetter || $0 == "_" } && name != "in" && !name.isEmpty
                if isPlain, Bool.random(using: &random) {
                    text += text.isEmpty ? name : ".\(name)"
                } else {
                    text += "[\(Plain.quoted(name, &random))]"
                }
            }
        }
        return text
    }

    func holds(for event: Plain) -> Bool {
        switch self {
        case .exists(let path): return Self.find(path, in: event) != nil
        case .compare(let path, let verb, let value):
            let found = Self.find(path, in: event)
            if verb == "!=" { return !(found.map { Self.isEqual($0, value) } ?? false) }
            guard let found else { return false }
            return Self.compare(found, verb, value)
        case .among(let path, let values):
            guard let found = Self.find(path, in: event) else { return false }
            return values.contains { Self.isEqual(found, $0) }
        case .not(let inner): return !inner.holds(for: event)
        case .all(let parts): return parts.allSatisfy { $0.holds(for: event) }
        case .any(let parts): return parts.contains { $0.holds(for: event) }
        }
    }

    private static func compare(_ found: Plain, _ verb: String, _ value: Plain) -> Bool {
        switch verb {
        case "==": return isEqual(found, value)
        case "<": return order(found, value).map { $0 < 0 } ?? false
        case "<=": return order(found, value).map { $0 <= 0 } ?? false
        case ">": return order(found, value).map { $0 > 0 } ?? false
        case ">=": return order(found, value).map { $0 >= 0 } ?? false
        case "contains":
            if case .list(let elements) = found { return elements.contains { isEqual($0, value) } }
            guard case .text(let text) = found, case .text(let part) = value else { return false }
            let (all, wanted) = (Array(text.utf8), Array(part.utf8))
            return (0...all.count).contains { all[$0...].starts(with: wanted) }
        default:
            guard case .text(let text) = found, case .text(let part) = value else { return false }
            let (all, wanted) = (Array(text.utf8), Array(part.utf8))
            return verb == "startsWith" ? all.starts(with: wanted) : all.reversed().starts(with: wanted.reversed())
        }
    }

    private static func find(_ path: [Key], in event: Plain) -> Plain? {
        var place = event
        for key in path {
            switch (key, place) {
            case (.name(let name), .object(let members)):
                guard let member = members.last(where: { $0.0.utf8.elementsEqual(name.utf8) }) else { return nil }
                place = member.1
            case (.index(let index), .list(let elements)):
                guard elements.indices.contains(index) else { return nil }
                place = elements[index]
            default: return nil
            }
        }
        return place
    }

    private static func isEqual(_ one: Plain, _ other: Plain) -> Bool {
        switch (one, other) {
        case (.null, .null): true
        case (.boolean(let one), .boolean(let other)): one == other
        case (.number, .number), (.text, .text): order(one, other) == 0
        default: false
        }
    }

    private static func order(_ one: Plain, _ other: Plain) -> Int? {
        switch (one, other) {
        case (.number(let digits, let exponent), .number(let otherDigits, let otherExponent)):
            let lowest = min(exponent, otherExponent)
            let (left, right) = (scaled(digits, exponent - lowest), scaled(otherDigits, otherExponent - lowest))
            return left < right ? -1 : left == right ? 0 : 1
        case (.text(let one), .text(let other)):
            if one.utf8.elementsEqual(other.utf8) { return 0 }
            return one.utf8.lexicographicallyPrecedes(other.utf8) ? -1 : 1
        default: return nil
        }
    }

    private static func scaled(_ digits: Int64, _ exponent: Int) -> Int128 {
        (0..<exponent).reduce(Int128(digits)) { value, _ in value * 10 }
    }
}
