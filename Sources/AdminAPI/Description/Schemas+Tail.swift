import Catalog
import EventModel

extension Schemas {
    /// What is told to those who watch.
    static let tail: [(name: String, schema: Document)] = [
        (
            "TailMessage",
            object(
                [
                    ("stage", ["type": "string", "enum": .list(TailStage.allCases.map { .text($0.rawValue) })]),
                    ("at", moment), ("partition", partition), ("offset", count), ("source", text),
                    (
                        "event",
                        [
                            "description":
                                "As it was at that stage; nothing where the directory of its chunk was enough to reject it."
                        ]
                    ),
                ],
                optional: [
                    ("part", count), ("connection", text), ("plugins", array(of: text)),
                    (
                        "outcome",
                        ["type": "string", "enum": .list(TailFate.Outcome.allCases.map { .text($0.rawValue) })]
                    ), ("code", orNothing("string")), ("reason", orNothing("string")), ("attempts", count),
                    ("status", orNothing("integer")),
                    ("seconds", orNothing("number")),
                ]
            )
        )
    ]
}
