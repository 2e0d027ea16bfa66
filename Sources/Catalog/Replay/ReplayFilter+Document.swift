import Conditions
import EventModel

extension ReplayFilter {
    /// What the filter says, as it is kept and shown.
    package var document: Document {
        var members: [(String, Document)] = []
        if !events.isEmpty { members.append(("events", .list(events.map { .text($0) }))) }
        if !types.isEmpty { members.append(("types", .list(types.map { .text($0.name) }))) }
        if let user { members.append(("user", .text(user))) }
        if let condition { members.append(("where", .text(condition.text))) }
        return .object(members)
    }

    /// Reads it from a body, with everything that is wrong.
    package init(reading document: Document, at path: String, _ problems: inout [Problem]) {
        self.init()
        guard var reader = DeclarationReader(document, at: path, problems: &problems) else { return }
        events = reader.words("events", &problems)
        types = reader.words("types", &problems).compactMap { word in
            let type = EventType(name: word)
            if type == nil {
                let known = EventType.allCases.map(\.name).joined(separator: ", ")
                problems.append(Problem(reader.place(of: "types"), "\"\(word)\" is no type of event; known: \(known)"))
            }
            return type
        }
        user = reader.string("user", &problems)
        if let user, user.isEmpty || user.utf8.count > Self.maximumBytes {
            problems.append(Problem(reader.place(of: "user"), "must have 1 to \(Self.maximumBytes) bytes"))
        }
        if let text = reader.string("where", &problems) {
            do throws(ConditionError) {
                condition = try Condition(parsing: text)
            } catch {
                problems.append(Problem(reader.place(of: "where"), "is no condition: \(error)"))
            }
        }
        reader.refuseOtherKeys(&problems)
    }
}

extension DeclarationReader {
    /// A list of short texts.
    fileprivate mutating func words(_ key: String, _ problems: inout [Problem]) -> [String] {
        let entries = list(key, atMost: ReplayFilter.maximumNames, &problems) ?? []
        return entries.compactMap { entry in
            guard let word = entry.document.string, !word.isEmpty, word.utf8.count <= ReplayFilter.maximumBytes else {
                let message = "must be a text of 1 to \(ReplayFilter.maximumBytes) bytes"
                problems.append(Problem(Place(path: entry.path, line: entry.document.line), message))
                return nil
            }
            return word
        }
    }
}

extension ReplayWish {
    /// What a body says of a replay besides the connection and its times, which need more than the body to be read.
    package struct Body: Equatable, Sendable {
        /// As source/destination.
        package var connection = ""
        /// Times as they are written.
        package var from = ""
        package var until: String?
        package var filter = ReplayFilter()
        package var rate = Replay.standardRate

        package init?(reading document: Document, at path: String, _ problems: inout [Problem]) {
            guard var reader = DeclarationReader(document, at: path, problems: &problems) else { return nil }
            connection = reader.requiredString("connection", &problems) ?? ""
            from = reader.requiredString("from", &problems) ?? ""
            until = reader.string("until", &problems)
            rate = reader.int("rate", in: Replay.rateRange, &problems) ?? Replay.standardRate
            if let value = reader.value("filter") {
                filter = ReplayFilter(reading: value, at: reader.place(of: "filter").path, &problems)
            }
            reader.refuseOtherKeys(&problems)
        }
    }
}
