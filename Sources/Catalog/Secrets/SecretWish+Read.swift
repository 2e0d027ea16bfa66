import EventModel

extension SecretWish {
    /// Reads what the interface is sent: `name`, `value`, `destinations`, `plugins`, `any`, `as`, `header`.
    ///
    /// No problem repeats the value.
    package init?(reading document: Document, at path: String, _ problems: inout [Problem]) {
        guard var reader = DeclarationReader(document, at: path, problems: &problems) else { return nil }
        let before = problems.count
        let name = reader.requiredString("name", &problems) ?? ""
        if let problem = StoredSecret.problem(withName: name) {
            problems.append(Problem(reader.place(of: "name"), "the name \(problem)"))
        }
        var value: SecretValue?
        if let text = reader.string("value", &problems) {
            value = SecretValue(Array(text.utf8))
            if let problem = SecretValue.problem(with: Array(text.utf8)) {
                problems.append(Problem(reader.place(of: "value"), "the value \(problem)"))
            }
        }
        let scope = Self.scope(&reader, &problems)
        let placement = Self.placement(&reader, &problems)
        reader.refuseOtherKeys(&problems)
        guard problems.count == before else { return nil }
        self.init(name: name, value: value, scope: scope, placement: placement)
    }

    /// Nil where nothing is said of it.
    private static func scope(_ reader: inout DeclarationReader, _ problems: inout [Problem]) -> SecretScope? {
        let destinations = names("destinations", &reader, &problems, Slug.isValid)
        let plugins = names("plugins", &reader, &problems, Slug.isPluginID)
        let isAny = reader.bool("any", default: false, &problems)
        let isNamed = !(destinations ?? []).isEmpty || !(plugins ?? []).isEmpty
        if isAny, isNamed {
            problems.append(Problem(reader.place(of: "any"), "contradicts the destinations or plugins that are named"))
        }
        if isAny { return .any }
        return isNamed ? SecretScope(destinations: destinations ?? [], plugins: plugins ?? []) : nil
    }

    private static func names(
        _ key: String,
        _ reader: inout DeclarationReader,
        _ problems: inout [Problem],
        _ isValid: (String) -> Bool
    ) -> [String]? {
        reader.list(key, atMost: SecretScope.maximumNames, &problems)?.compactMap { entry in
            if let text = entry.document.string, isValid(text) { return text }
            problems.append(Problem(Place(path: entry.path, line: entry.document.line), "is no name of one"))
            return nil
        }
    }

    private static func placement(
        _ reader: inout DeclarationReader,
        _ problems: inout [Problem]
    ) -> SecretPlacement? {
        let word = reader.string("as", &problems)
        let header = reader.string("header", &problems)
        guard word != nil || header != nil else { return nil }
        let scheme = SecretPlacement.Scheme(rawValue: word ?? SecretPlacement.Scheme.raw.rawValue)
        if scheme == nil {
            let words = SecretPlacement.Scheme.allCases.map(\.rawValue).joined(separator: ", ")
            problems.append(Problem(reader.place(of: "as"), "must be one of \(words)"))
        }
        let placement = SecretPlacement(scheme: scheme ?? .raw, header: header ?? SecretPlacement.standardHeader)
        if let problem = placement.problem { problems.append(Problem(reader.place(of: "header"), problem)) }
        return placement
    }
}
