package import Conditions

/// What a connection wants, as it stands in a declaration and in the database.
extension DeclarationReader {
    mutating func condition(_ key: String, _ problems: inout [Problem]) -> Condition? {
        guard let text = string(key, &problems) else { return nil }
        do throws(ConditionError) {
            return try Condition(parsing: text)
        } catch {
            problems.append(Problem(place(of: key), "is no condition: \(error.description)"))
            return nil
        }
    }

    mutating func selection(_ problems: inout [Problem]) -> Selection {
        Selection(filter: condition("filter", &problems), sample: sample(&problems), consent: consent(&problems))
    }

    private mutating func sample(_ problems: inout [Problem]) -> SampleRate? {
        guard let value = value("sample") else { return nil }
        if case .number(let word) = value.content, let rate = SampleRate(word) { return rate }
        let message = "must be a share of the users between 0 and 1, such as 0.1, with at most six digits"
        problems.append(Problem(place(of: "sample"), message))
        return nil
    }

    private mutating func consent(_ problems: inout [Problem]) -> ConsentRule? {
        guard let document = value("consent"),
            var reader = DeclarationReader(document, at: place(of: "consent").path, problems: &problems)
        else { return nil }
        let limit = ConsentRule.maximumCategories
        var categories: [String] = []
        for entry in reader.list("categories", atMost: limit, &problems) ?? [] {
            if let name = entry.document.string, (1...ConsentRule.maximumCategoryBytes).contains(name.utf8.count) {
                categories.append(name)
            } else {
                let message = "must be the name of a category, of at most \(ConsentRule.maximumCategoryBytes) bytes"
                problems.append(Problem(Place(path: entry.path, line: entry.document.line), message))
            }
        }
        let match = reader.word("match", ConsentRule.Match.self, &problems)
        let missing = reader.word("missing", ConsentRule.Missing.self, &problems)
        reader.refuseOtherKeys(&problems)
        if reader.value("categories")?.elements?.isEmpty ?? true {
            problems.append(Problem(reader.place, "needs \"categories\", a list of those that a user must consent to"))
        }
        return ConsentRule(categories: categories, match: match, missing: missing ?? .withhold)
    }

    /// One of the words that a type knows.
    private mutating func word<Word: RawRepresentable<String> & CaseIterable>(
        _ key: String,
        _ type: Word.Type,
        _ problems: inout [Problem]
    ) -> Word? {
        guard let text = string(key, &problems) else { return nil }
        if let word = Word(rawValue: text) { return word }
        let words = Word.allCases.map(\.rawValue).joined(separator: " or ")
        problems.append(Problem(place(of: key), "must be \(words)"))
        return nil
    }
}

extension Selection {
    /// As members of a connection; what is not set is left out.
    package var members: [Document.Member] {
        var members: [Document.Member] = []
        members.add("filter", filter?.text)
        if let sample { members.add("sample", Document(.number(sample.description))) }
        if let consent { members.add("consent", consent.document) }
        return members
    }

    /// As a person reads it in one line.
    package var line: String {
        var words: [String] = []
        if let sample { words.append("sample \(sample)") }
        if let filter { words.append("filter \(filter)") }
        if let consent { words.append("consent \(consent.line)") }
        return words.joined(separator: ", ")
    }

    /// As it is kept.
    package var canonicalJSON: String { Document(.object(members)).canonicalJSON }

    /// Reads what is kept; nil for what this program does not understand.
    package init?(stored text: String) {
        var problems: [Problem] = []
        guard let document = try? Document.json(text),
            var reader = DeclarationReader(document, at: "", problems: &problems)
        else { return nil }
        self = reader.selection(&problems)
        reader.refuseOtherKeys(&problems)
        guard problems.isEmpty else { return nil }
    }
}

extension ConsentRule {
    /// As a person reads it: `all of Advertising, Analytics`.
    package var line: String {
        let names = categories.joined(separator: ", ")
        let several = categories.count == 1 ? names : "\(match?.rawValue ?? "all or any") of \(names)"
        return missing == .deliver ? "\(several), or nothing said" : several
    }

    fileprivate var document: Document {
        var members: [Document.Member] = []
        members.add("categories", Document(.list(categories.map { Document(.string($0)) })))
        members.add("match", match?.rawValue)
        if missing != .withhold { members.add("missing", missing.rawValue) }
        return Document(.object(members))
    }
}
