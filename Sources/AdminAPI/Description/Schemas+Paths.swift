import Catalog

extension Schemas {
    private static let basis: Document = [
        "type": "string", "enum": ["recorded", "recomputed", "unknown"],
        "description": "Written when it happened, worked out now with the recorded versions, or neither.",
    ]
    private static let maybeBasis: Document = [
        "type": ["string", "null"], "enum": ["recorded", "recomputed", "unknown", nil],
        "description": "Where it is known from what came in, or what came out.",
    ]
    private static let maybe = orNothing("string")
    private static let maybeCount = orNothing("integer")
    /// An object of one of the components, or nothing: said in words, since a reference takes no second type.
    private static func orNothing(_ name: String, _ meaning: String) -> Document {
        ["type": ["object", "null"], "description": .text("\(meaning) Of the shape \(name), or nothing.")]
    }

    /// What is told of a single event.
    static let paths: [(name: String, schema: Document)] = [
        (
            "EventPath",
            object([
                ("messageId", text), ("partitions", count), ("since", maybe),
                ("copies", array(of: reference("EventCopy"))),
            ])
        ),
        (
            "EventCopy",
            object([
                ("source", text), ("partition", partition), ("offset", count), ("acceptedAt", maybe),
                ("receivedAt", maybe), ("type", maybe), ("chunkEvents", maybeCount), ("duplicateOf", maybeCount),
                ("inLog", truth), ("event", orNothing("PathPayload", "As it was accepted.")),
                ("consumers", array(of: reference("EventConsumer"))),
            ])
        ),
        (
            "EventConsumer",
            object([
                ("connection", text), ("consumer", count),
                ("state", ["type": "string", "enum": ["unread", "read", "earlier", "unknown"]]),
                ("outcome", text), ("outcomeBasis", basis), ("plugins", array(of: reference("PathPlugin"))),
                ("pluginsBasis", basis), ("passes", array(of: reference("EventPass"))),
                ("deadLetters", array(of: reference("PathLetter"))), ("parked", array(of: reference("PathParked"))),
                ("note", maybe),
            ])
        ),
        (
            "PathPlugin",
            object([
                ("plugin", text), ("version", text), ("sha256", text), ("configHash", text),
                (
                    "rule",
                    [
                        "type": ["string", "null"],
                        "description": """
                        What must hold for what it is given: a transformation's condition, or what the connection of a \
                        connector wants, as JSON. Empty for everything, nothing where it was not written down.
                        """,
                    ]
                ), ("ofSource", truth),
            ])
        ),
        ("PathPayload", object([("text", text), ("bytes", count), ("whole", truth)])),
        (
            "EventPass",
            object([
                ("basis", basis), ("cause", maybe), ("outcome", text), ("part", maybeCount), ("code", maybe),
                ("reason", maybe), ("nextAttemptAt", maybe), ("readAt", maybe), ("endedAt", maybe),
                ("writtenAt", maybe), ("node", maybe), ("stages", array(of: reference("PathStage"))),
                ("sends", array(of: reference("PathSend"))), ("requests", array(of: reference("PathRequest"))),
            ])
        ),
        (
            "PathStage",
            object([
                ("stage", ["type": "string", "enum": ["transform", "connect"]]), ("plugin", reference("PathPlugin")),
                ("startedAt", maybe),
                (
                    "seconds",
                    [
                        "type": ["number", "null"],
                        "description": "How long all events took that went through the stage together, with the wait.",
                    ]
                ), ("events", maybeCount), ("verdict", text), ("asked", maybeCount),
                ("before", orNothing("PathPayload", "What came in, if it was one part and that is known.")),
                ("beforeBasis", maybeBasis), ("parts", array(of: reference("PathPayload"))),
                ("partsBasis", maybeBasis), ("partCount", count),
                (
                    "differences",
                    [
                        "type": ["array", "null"],
                        "description": """
                        For each part, the places that differ from what it was made of, at most 100; nothing for one \
                        that could not be compared.
                        """,
                        "items": ["type": ["array", "null"], "items": reference("PathDifference")],
                    ]
                ),
                (
                    "comparisons",
                    [
                        "type": ["array", "null"], "description": "For each part, how it was compared.",
                        "items": reference("PathComparison"),
                    ]
                ), ("note", maybe),
            ])
        ),
        (
            "PathComparison",
            object([
                (
                    "from",
                    [
                        "type": ["integer", "null"],
                        "description": "Of which part of the stage before it was made, where that is known.",
                    ]
                ), ("compared", truth),
                ("more", ["type": "integer", "description": "How many places differ beyond those that are listed."]),
                ("note", maybe),
            ])
        ),
        ("PathDifference", object([("pointer", text), ("before", maybe), ("after", maybe)])),
        (
            "PathSend",
            object([
                ("parts", array(of: count)), ("carried", count), ("ending", text),
                ("attempts", array(of: reference("PathAttempt"))),
            ])
        ),
        (
            "PathRequest",
            object([
                ("method", text), ("url", text), ("headers", array(of: reference("PathHeader"))), ("body", text),
                ("bodyBytes", count),
            ])
        ),
        ("PathHeader", object([("name", text), ("value", text)])),
        (
            "PathAttempt",
            object([
                ("number", count), ("at", moment), ("seconds", ["type": "number"]),
                ("firstByteSeconds", orNothing("number")), ("code", text), ("answer", text),
                ("answerHeaders", array(of: reference("PathHeader"))),
                ("request", orNothing("PathRequest", "What was sent, where it differs from the try before.")),
            ])
        ),
        (
            "PathLetter",
            object([
                ("part", maybeCount), ("diedAt", moment), ("stage", text), ("code", text), ("reason", text),
                ("plugin", maybe), ("attempts", count),
            ])
        ),
        (
            "PathParked",
            object([("part", maybeCount), ("attempts", count), ("code", text), ("nextAttemptAt", maybe)])
        ),
        ("Trace", object([("subject", text), ("until", moment), ("who", text)])),
    ]
}
