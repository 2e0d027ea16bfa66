import Catalog

extension Schemas {
    static let letterID: Document = [
        "type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+-[0-9]+-[0-9]+-[0-9]+(-[0-9]+)?$",
        "description": "Partition, connection, time, offset and, of a part, its number.",
    ]
    private static let deed: Document = [
        "type": ["object", "null"], "properties": ["at": moment, "by": text], "required": ["at", "by"],
        "additionalProperties": false,
    ]
    private static let replay: Document = [
        "type": ["integer", "null"],
        "description": "The replay, or the requeue, to the connection that it died of; null where it was live.",
    ]
    private static let letter: [(String, Document)] = [
        ("id", letterID), ("connection", text), ("replay", replay), ("partition", partition), ("offset", count),
        ("part", orNothing("integer")), ("at", moment),
        ("stage", ["type": "string", "enum": .list(LetterSelection.stages.map { .text($0) })]), ("code", text),
        ("message", text), ("plugin", orNothing("string")), ("attempts", count), ("edited", deed), ("requeued", deed),
    ]
    private static let whole: [(String, Document)] = [
        ("acceptedAt", moment), ("event", orNothing("string")), ("transformed", orNothing("string")),
        ("editedEvent", orNothing("string")),
        (
            "history",
            [
                "description":
                    "The latest attempts with what was answered, and with what was sent where that is not as before."
            ]
        ), ("inLog", ["type": "boolean", "description": "Whether the log still holds the event."]),
        (
            "again",
            [
                "type": "array", "items": letterID,
                "description": "The dead letters that became of it when it was taken up again, the newest ten.",
            ]
        ),
    ]

    /// What is told of dead letters.
    static let letters: [(name: String, schema: Document)] = [
        (
            "DeadLetters",
            object([
                ("deadLetters", array(of: reference("DeadLetter"))),
                (
                    "next",
                    ["type": ["string", "null"], "description": "The cursor of the next page; null at the end."]
                ),
            ])
        ),
        ("DeadLetter", object(letter)),
        ("DeadLetterWhole", object(letter + whole)),
        (
            "DeadLetterSummary",
            object([
                (
                    "groups",
                    array(
                        of: object([
                            ("connection", text), ("replay", replay), ("destination", orNothing("string")),
                            ("stage", text), ("code", text), ("plugin", orNothing("string")), ("letters", count),
                            ("first", moment), ("last", moment),
                        ])
                    )
                ), ("cut", ["type": "boolean", "description": "Whether there are more than were counted."]),
                (
                    "countedSince",
                    ["type": ["string", "null"], "description": "From when on everything was counted that was begun."]
                ), ("uncountedConnections", count),
                ("expired", array(of: object([("connection", text), ("letters", count)]))),
            ])
        ),
        (
            "Requeue",
            object([
                ("connection", text), ("letters", count), ("events", count),
                ("replay", ["oneOf": [reference("Replay"), ["type": "null"]]]),
            ])
        ),
        ("Requeued", object([("letters", count), ("events", count), ("requeues", array(of: reference("Requeue")))])),
    ]
}
