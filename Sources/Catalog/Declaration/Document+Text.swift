extension Document {
    /// The value as JSON in the one form that is stored and compared: keys sorted, no spaces, numbers as written.
    package var canonicalJSON: String {
        var text = ""
        appendJSON(to: &text, sorted: true)
        return text
    }

    /// The value as JSON with its keys in their own order.
    package var json: String {
        var text = ""
        appendJSON(to: &text, sorted: false)
        return text
    }

    private func appendJSON(to text: inout String, sorted: Bool) {
        switch content {
        case .null: text += "null"
        case .bool(let value): text += value ? "true" : "false"
        case .number(let word): text += word
        case .string(let string): Self.appendQuoted(string, to: &text)
        case .list(let elements):
            text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { text += "," }
                element.appendJSON(to: &text, sorted: sorted)
            }
            text += "]"
        case .object(let members):
            let ordered =
                sorted ? members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) } : members
            text += "{"
            for (index, member) in ordered.enumerated() {
                if index > 0 { text += "," }
                Self.appendQuoted(member.key, to: &text)
                text += ":"
                member.value.appendJSON(to: &text, sorted: sorted)
            }
            text += "}"
        }
    }

    /// The value as a block of YAML that reads back as the same value.
    package var yaml: String {
        var text = ""
        appendYAML(to: &text, indent: 0, afterDash: true)
        if !text.hasSuffix("\n") { text += "\n" }
        return text
    }

    /// Writes one value; `afterDash` says that the cursor already stands where a block's first line begins.
    private func appendYAML(to text: inout String, indent: Int, afterDash: Bool) {
        switch content {
        case .list(let elements) where !elements.isEmpty:
            for (index, element) in elements.enumerated() {
                text += Self.lead(index, indent, afterDash) + "- "
                element.appendYAML(to: &text, indent: indent + 2, afterDash: true)
            }
        case .object(let members) where !members.isEmpty:
            for (index, member) in members.enumerated() {
                text += Self.lead(index, indent, afterDash) + Self.yamlWord(member.key) + ":"
                if member.value.isBlock {
                    text += "\n"
                    member.value.appendYAML(to: &text, indent: indent + 2, afterDash: false)
                } else {
                    text += " "
                    member.value.appendYAML(to: &text, indent: indent, afterDash: true)
                }
            }
        case .list: text += "[]\n"
        case .object: text += "{}\n"
        case .string(let string): text += Self.yamlWord(string) + "\n"
        default:
            appendJSON(to: &text, sorted: false)
            text += "\n"
        }
    }

    /// Whether the value takes lines of its own in YAML.
    private var isBlock: Bool { elements?.isEmpty == false || members?.isEmpty == false }

    private static func lead(_ index: Int, _ indent: Int, _ afterDash: Bool) -> String {
        index == 0 && afterDash ? "" : String(repeating: " ", count: indent)
    }

    /// A text as it is written in YAML: plain where no reader can take it for something else, quoted otherwise.
    private static func yamlWord(_ string: String) -> String {
        let word = /[A-Za-z\/][A-Za-z0-9\/._@+-]*(:\/\/[A-Za-z0-9\/._@+?=&%~:-]*[A-Za-z0-9\/])?/
        let version = /[0-9]+\.[0-9]+\.[0-9]+/
        let isPlain = string.wholeMatch(of: word) != nil || string.wholeMatch(of: version) != nil
        guard isPlain, !reservedWords.contains(string.lowercased()) else {
            var text = ""
            appendQuoted(string, to: &text)
            return text
        }
        return string
    }

    /// What some YAML reader or other takes for something else than a text.
    private static let reservedWords: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]

    /// Writes a text in JSON's quotes, which YAML reads too.
    static func appendQuoted(_ string: String, to text: inout String) {
        text += "\""
        for scalar in string.unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || isUnsafeInYAML(scalar):
                let digits = String(scalar.value, radix: 16)
                text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: text.unicodeScalars.append(scalar)
            }
        }
        text += "\""
    }

    /// Line and paragraph separators, the byte order mark and the two non-characters: legal in JSON, not in YAML.
    private static func isUnsafeInYAML(_ scalar: Unicode.Scalar) -> Bool {
        [0x2028, 0x2029, 0xFEFF, 0xFFFE, 0xFFFF].contains(scalar.value)
    }
}
