import Catalog

extension Schemas {
    static let partition: Document = [
        "type": "string", "pattern": "^[0-9]+\\.[0-9]+\\.[0-9]+$",
        "description": "source.generation.number",
    ]
    private static let backlog: [(String, Document)] = [
        ("unread", count), ("bytes", count), ("bytesAreEstimate", truth), ("oldestSeconds", orNothing("number")),
        ("lagSeconds", orNothing("number")),
    ]

    /// What is told of the log and its lanes.
    static let log: [(name: String, schema: Document)] = [
        (
            "Backlog",
            object(
                [("source", slug), ("connection", orNothing("string")), ("partition", orNothing("string"))]
                    + [("lanes", count)] + backlog + [("parked", count)] + [
                        (
                            "partitions",
                            array(
                                of: object([
                                    ("partition", partition), ("holder", orNothing("string")),
                                    ("epoch", orNothing("integer")),
                                ])
                            )
                        )
                    ]
            )
        ),
        (
            "Lane",
            object(
                [
                    ("connection", text), ("partition", partition), ("start", orNothing("integer")),
                    ("position", orNothing("integer")), ("end", count), ("settledBeyond", count),
                ] + backlog + [
                    ("parkedEvents", count), ("parkedParts", count), ("parkedSeconds", orNothing("number")),
                    (
                        "state",
                        [
                            "type": "string",
                            "enum": ["missing", "off", "paused", "unheld", "silent", "reading", "waiting", "idle"],
                        ]
                    ),
                    ("holder", orNothing("string")), ("epoch", orNothing("integer")),
                    ("checkpointSeconds", orNothing("number")),
                ]
            )
        ),
        ("Partition", object([("partition", partition), ("first", count), ("end", count)])),
        (
            "LoggedEvent",
            object([
                ("partition", partition), ("offset", count), ("count", count), ("acceptedAt", moment),
                ("receivedAt", moment), ("type", text), ("event", ["description": "As it was accepted."]),
            ])
        ),
        (
            "Audit",
            object([
                ("complete", truth), ("partitions", count), ("allPartitions", count), ("seconds", ["type": "number"]),
                (
                    "checks",
                    array(of: object([("check", text), ("rule", text), ("looked", count), ("faults", count)]))
                ),
                ("faults", array(of: object([("check", text), ("place", text), ("fault", text)]))),
            ])
        ),
    ]
}
