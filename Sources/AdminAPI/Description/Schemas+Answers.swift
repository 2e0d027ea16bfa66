import Catalog

extension Schemas {
    /// What a change or a refusal looks like.
    static let answers: [(name: String, schema: Document)] = [
        (
            "Applied",
            object([
                ("changes", ["type": "array", "items": text, "description": "Lines that begin with +, ~ or -."]),
                (
                    "writeKeys",
                    [
                        "type": "array", "items": object([("source", slug), ("key", text)]),
                        "description": "Generated keys in clear; they are shown nowhere else.",
                    ]
                ), ("revision", count),
            ])
        ),
        ("NewToken", object([("name", slug), ("token", text)])),
        ("Nodes", object([("partitions", count), ("nodes", array(of: reference("Node")))])),
        (
            "Node",
            object([
                ("identity", text), ("name", text), ("address", text), ("version", text), ("since", moment),
                ("lastSeen", moment), ("state", ["type": "string", "enum": ["alive", "draining", "silent"]]),
                (
                    "draining",
                    ["type": "boolean", "description": "Whether it is to run no lanes, also while it is silent."]
                ), ("partitions", ["type": "integer", "minimum": 0, "description": "How many it holds."]),
            ])
        ),
        (
            "Error",
            object(
                [("code", ["type": "string", "pattern": "^[a-z0-9_]+$"]), ("message", text)],
                optional: [("details", object([], optional: [("problems", array(of: reference("Problem")))]))]
            )
        ),
        ("Problem", object([("path", text), ("message", text)], optional: [("line", count)])),
    ]

    /// What is told of the events' way.
    static let reports: [(name: String, schema: Document)] = [
        (
            "Timings",
            object([
                ("plugin", text), ("version", text), ("creationSeconds", reference("Quantiles")),
                ("executionSeconds", reference("Quantiles")), ("inputBytes", reference("Quantiles")),
                (
                    "failures",
                    ["type": "object", "additionalProperties": count, "description": "How many failed, by cause."]
                ),
            ])
        ),
        (
            "Quantiles",
            object([
                ("count", count), ("p50", orNothing("number")), ("p90", orNothing("number")),
                ("p99", orNothing("number")), ("max", orNothing("number")),
            ])
        ),
        (
            "StageCounts",
            object([
                ("sources", array(of: object([("source", slug), ("accepted", count), ("refused", count)]))),
                (
                    "connections",
                    array(of: object([("connection", text)] + stages.map { ($0, count) } + [("reasons", reasons)]))
                ),
            ])
        ),
        (
            "Refused",
            object([("source", slug), ("at", moment), ("code", text), ("message", text), ("event", text)])
        ),
    ]

    private static let reasons: Document = [
        "type": "object", "additionalProperties": count,
        "description": """
        Why events were filtered or dropped: sample, filter, consent, or a plugin's id and its words. What begins with \
        \"part dropped by\" counts parts of events of which something else went on.
        """,
    ]

    private static let stages = [
        "read", "unread", "expired", "duplicates", "filtered", "dropped", "failed", "transformed", "emitted",
        "delivered", "deadLettered", "waiting",
    ]
}
