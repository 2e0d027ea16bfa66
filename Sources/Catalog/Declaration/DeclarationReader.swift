/// Reads one mapping of a document key by key, gathers everything that is wrong, and refuses what nobody asked for.
///
/// Reading goes on after a mistake, so that a person sees all of them at once.
struct DeclarationReader {
    let members: [Document.Member]
    let place: Place
    private var asked: Set<String> = []

    /// The mapping at a place, or nil with a complaint when there is something else.
    init?(_ document: Document, at path: String, problems: inout [Problem]) {
        place = Place(path: path, line: document.line)
        guard let members = document.members else {
            problems.append(Problem(place, "must be a mapping, but is \(document.kind)"))
            return nil
        }
        self.members = members
    }

    /// Where the value of a key stands, whether it is there or not.
    func place(of key: String) -> Place {
        let path = place.path.isEmpty ? key : "\(place.path).\(key)"
        return Place(path: path, line: members.last { $0.key == key }?.line ?? place.line)
    }

    /// The value of a key; an explicit nothing counts as absent.
    mutating func value(_ key: String) -> Document? {
        asked.insert(key)
        guard let value = members.last(where: { $0.key == key })?.value, value.content != .null else { return nil }
        return value
    }

    mutating func string(_ key: String, _ problems: inout [Problem]) -> String? {
        guard let value = value(key) else { return nil }
        if case .string(let string) = value.content { return string }
        var hint = ""
        if case .number = value.content { hint = "; put it in quotes" }
        problems.append(Problem(place(of: key), "must be a text, but is \(value.kind)\(hint)"))
        return nil
    }

    /// A text that must be there.
    mutating func requiredString(_ key: String, _ problems: inout [Problem]) -> String? {
        guard value(key) != nil else {
            problems.append(Problem(place, "lacks the key \"\(key)\""))
            return nil
        }
        return string(key, &problems)
    }

    mutating func bool(_ key: String, default standard: Bool, _ problems: inout [Problem]) -> Bool {
        guard let value = value(key) else { return standard }
        if case .bool(let bool) = value.content { return bool }
        problems.append(Problem(place(of: key), "must be true or false, but is \(value.kind)"))
        return standard
    }

    mutating func int(_ key: String, in range: ClosedRange<Int>, _ problems: inout [Problem]) -> Int? {
        guard let value = value(key) else { return nil }
        if case .number(let word) = value.content, let number = Int(word), range.contains(number) { return number }
        let message = "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        problems.append(Problem(place(of: key), message))
        return nil
    }

    /// A number that may have a fraction.
    mutating func rate(_ key: String, in range: ClosedRange<Double>, _ problems: inout [Problem]) -> Double? {
        guard let value = value(key) else { return nil }
        if case .number(let word) = value.content, let number = Double(word), range.contains(number) { return number }
        let least = Document.number(range.lowerBound).canonicalJSON
        let most = Document.number(range.upperBound).canonicalJSON
        problems.append(Problem(place(of: key), "must be a number from \(least) to \(most), such as 0.5 or 50"))
        return nil
    }

    /// - Unit: milliseconds.
    mutating func duration(_ key: String, in range: ClosedRange<Int64>, _ problems: inout [Problem]) -> Int64? {
        guard let value = value(key) else { return nil }
        if case .string(let text) = value.content, let milliseconds = DurationText.milliseconds(text),
            range.contains(milliseconds)
        {
            return milliseconds
        }
        let least = DurationText.text(milliseconds: range.lowerBound)
        let most = DurationText.text(milliseconds: range.upperBound)
        let message = "must be a duration from \(least) to \(most), such as 500ms, 30s or 5m"
        problems.append(Problem(place(of: key), message))
        return nil
    }

    /// A mapping that is passed on as it is.
    mutating func config(_ key: String, _ problems: inout [Problem]) -> String {
        guard let value = value(key) else { return "{}" }
        guard value.members != nil else {
            problems.append(Problem(place(of: key), "must be a mapping, but is \(value.kind)"))
            return "{}"
        }
        return value.canonicalJSON
    }

    /// The entries of a list with their paths; nil when the key is absent.
    mutating func list(
        _ key: String,
        atMost limit: Int,
        _ problems: inout [Problem]
    ) -> [(path: String, document: Document)]? {
        asked.insert(key)
        guard let value = members.last(where: { $0.key == key })?.value else { return nil }
        let place = place(of: key)
        if case .null = value.content { return [] }
        guard let elements = value.elements else {
            problems.append(Problem(place, "must be a list, but is \(value.kind)"))
            return nil
        }
        guard elements.count <= limit else {
            problems.append(Problem(place, "has \(elements.count) entries; at most \(limit) are allowed"))
            return nil
        }
        return elements.enumerated().map { ("\(place.path)[\($0.offset)]", $0.element) }
    }

    /// Complains about every key that nobody asked for; call it last.
    func refuseOtherKeys(_ problems: inout [Problem]) {
        for member in members where !asked.contains(member.key) {
            let known = asked.sorted().joined(separator: ", ")
            problems.append(
                Problem(
                    Place(path: place(of: member.key).path, line: member.line),
                    "is an unknown key; known here: \(known)"
                )
            )
        }
    }
}
