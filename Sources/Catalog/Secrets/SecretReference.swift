package import EventModel

/// The places of a destination's configuration that refer to secrets: `${secret:NAME}` within a text, and texts that are a
/// secret's name because the connector's manifest says so with `"format": "secret-name"`.
package struct SecretReference: Equatable, Sendable {
    package let name: String
    /// From the configuration on: `headers.X-Key`, `keys[0]`.
    package let path: String
    /// Whether it is a name alone, which the plugin gets as it is and gives back in a request.
    package let isName: Bool

    private static let opening = "${secret:"

    /// How a configuration refers to a secret.
    static func text(of name: String) -> String { "\(opening)\(name)}" }

    /// What a text refers to that is a reference and nothing else, whether it can be a name or not.
    static func name(in text: String) -> String? {
        guard let match = matches(in: text).first, match.range == text.startIndex..<text.endIndex else { return nil }
        return match.name
    }

    /// Whether a text may hold a reference; all that most configurations are asked.
    static func mayStand(in config: String) -> Bool { config.contains(opening) }

    /// Every reference of a configuration, in its order.
    static func all(in config: String, manifest: String?) -> [SecretReference] {
        let schema = manifest.flatMap { try? Document.json($0) }?["config_schema"]
        let isAsked = mayStand(in: config) || manifest?.contains(nameFormat) == true
        guard isAsked, let document = try? Document.json(config) else { return [] }
        var references: [SecretReference] = []
        collect(document, schema, "", &references)
        return references
    }

    /// The configuration as the plugin gets it, with something else in the place of each reference.
    ///
    /// A configuration that has none comes back as it is.
    package static func replace(in config: String, with word: (String) -> String) -> String {
        guard mayStand(in: config), let document = try? Document.json(config) else { return config }
        return replaced(document, word).canonicalJSON
    }

    /// The format by which a manifest says that a text is a secret's name.
    private static let nameFormat = "secret-name"

    private static func collect(
        _ value: Document,
        _ schema: Document?,
        _ path: String,
        _ found: inout [SecretReference]
    ) {
        switch value.content {
        case .string(let text):
            let names = matches(in: text)
            if names.isEmpty, schema?["format"]?.string == nameFormat, !text.isEmpty {
                found.append(SecretReference(name: text, path: path, isName: true))
            }
            found += names.map { SecretReference(name: $0.name, path: path, isName: false) }
        case .list(let elements):
            for (number, element) in elements.enumerated() {
                collect(element, schema?["items"], "\(path)[\(number)]", &found)
            }
        case .object(let members):
            for member in members {
                let below = schema?["properties"]?[member.key] ?? schema?["additionalProperties"]
                collect(member.value, below, path.isEmpty ? member.key : "\(path).\(member.key)", &found)
            }
        case .null, .bool, .number: break
        }
    }

    private static func replaced(_ value: Document, _ word: (String) -> String) -> Document {
        switch value.content {
        case .string(let text):
            var result = ""
            var rest = text.startIndex
            for match in matches(in: text) {
                result += text[rest..<match.range.lowerBound] + word(match.name)
                rest = match.range.upperBound
            }
            return Document(.string(result + text[rest...]))
        case .list(let elements): return Document(.list(elements.map { replaced($0, word) }))
        case .object(let members):
            return Document(
                .object(
                    members.map { Document.Member(key: $0.key, line: $0.line, value: replaced($0.value, word)) }
                )
            )
        case .null, .bool, .number: return value
        }
    }

    /// What stands between the braces, whether it can be a name or not: a slip must not be sent as it is.
    private static func matches(in text: String) -> [(range: Range<String.Index>, name: String)] {
        var found: [(range: Range<String.Index>, name: String)] = []
        var rest = text[...]
        while let start = rest.firstRange(of: opening) {
            guard let end = rest[start.upperBound...].firstIndex(of: "}") else { break }
            let after = rest.index(after: end)
            found.append((start.lowerBound..<after, String(rest[start.upperBound..<end])))
            rest = rest[after...]
        }
        return found
    }
}

extension SecretPermissions {
    /// What a manifest says under `permissions.secrets`.
    package init(manifest: String) {
        let list = (try? Document.json(manifest))?["permissions"]?["secrets"]?.elements ?? []
        self.init(patterns: list.compactMap(\.string))
    }
}
