import Catalog
import EventModel

/// What a call may say about the dead letters that it means.
enum LetterQuery {
    static let places: [Operation.Query] = [
        .init(name: "destination", schema: Schemas.slug, meaning: "Only those on the way to one destination."),
        .init(
            name: "connection",
            schema: ["type": "string", "pattern": "^[a-z0-9-]+/[a-z0-9-]+$"],
            meaning: "Only those of one connection, as source/destination."
        ), .init(name: "source", schema: Schemas.slug, meaning: "Only those of one source."),
        .init(
            name: "replay",
            schema: ["type": "integer", "minimum": 1],
            meaning: "Only those that one replay made, by its number."
        ),
    ]
    static let times: [Operation.Query] = [
        .init(name: "from", schema: Schemas.moment, meaning: "Not those that died before."),
        .init(name: "until", schema: Schemas.moment, meaning: "Not those that died after."),
    ]
    /// Which kind of dead letters is meant.
    static let kinds: [Operation.Query] =
        places + times + [
            .init(name: "code", schema: Schemas.text, meaning: "Only those with this reason, such as http_400."),
            .init(
                name: "stage",
                schema: ["type": "string", "enum": .list(LetterSelection.stages.map { .text($0) })],
                meaning: "Only those that ended there."
            ),
            .init(name: "plugin", schema: Schemas.plugin, meaning: "Only those of a plugin, or of one version of it."),
            .init(
                name: "user",
                schema: Schemas.text,
                meaning: "Only those of one user: the userId, or the anonymousId where there is none."
            ),
            .init(name: "messageId", schema: Schemas.text, meaning: "Only those of one event."),
        ]
    /// The same, and whether they were taken up again.
    static let queries: [Operation.Query] =
        kinds + [.init(name: "requeued", schema: ["type": "boolean"], meaning: "Only those that were, or were not.")]

    /// The longest word that is asked for, in bytes.
    private static let longestWord = 1024

    static func id(_ text: String) throws(APIError) -> DeadLetterID {
        guard let id = DeadLetterID(text: text) else {
            throw .invalid(
                "A dead letter is named like 1.0.3-7-1764000000123456-42; leat dead-letters shows the names."
            )
        }
        return id
    }

    /// `all` are those who may have dead letters.
    static func filter(_ call: APICall, _ all: [LetterConsumer]) throws(APIError) -> DeadLetterFilter {
        var filter = DeadLetterFilter()
        filter.from = try time("from", call)
        filter.until = try time("until", call)
        filter.code = try word("code", call)
        filter.plugin = try word("plugin", call)
        filter.user = try word("user", call)
        filter.messageID = try word("messageId", call)
        filter.isRequeued = try call.flag("requeued")
        filter.stage = try word("stage", call)
        if let stage = filter.stage, !LetterSelection.stages.contains(stage) {
            throw .invalid("The query parameter stage must be read, transform, connect or deliver.")
        }
        filter.consumers = try consumers(call, all)?.map(\.id)
        return filter
    }

    /// Those whom the call names by destination, connection, source or replay; nil where it names none.
    static func consumers(_ call: APICall, _ all: [LetterConsumer]) throws(APIError) -> [LetterConsumer]? {
        let wishes: [(noun: String, name: (LetterConsumer) -> String)] = [
            ("destination", \.destination), ("connection", \.name), ("source", \.source),
        ]
        var consumers: [LetterConsumer]?
        for wish in wishes {
            guard let name = call.query(wish.noun) else { continue }
            let isKnown = all.contains { wish.name($0) == name }
            guard isKnown else { throw .notFound(wish.noun, name) }
            consumers = (consumers ?? all).filter { wish.name($0) == name }
        }
        guard let number = call.query("replay") else { return consumers }
        guard let replay = Int64(number), replay > 0 else {
            throw .invalid("The query parameter replay must be the number of a replay.")
        }
        // One that is not among them has no dead letters.
        return (consumers ?? all).filter { $0.replay == ConsumerID(rawValue: replay) }
    }

    private static func word(_ name: String, _ call: APICall) throws(APIError) -> String? {
        guard let word = call.query(name) else { return nil }
        guard !word.isEmpty, word.utf8.count <= longestWord, !word.utf8.contains(0) else {
            throw .invalid("The query parameter \(name) must be 1 to \(longestWord) bytes of text.")
        }
        return word
    }

    private static func time(_ name: String, _ call: APICall) throws(APIError) -> Int64? {
        guard let text = call.query(name) else { return nil }
        guard let moment = Timestamp.microseconds(text) else {
            throw .invalid("The query parameter \(name) must be a time such as 2026-11-22T14:30:00Z.")
        }
        return moment
    }
}
