import Catalog
import Conditions
import EventModel

extension Schemas {
    /// What there is.
    static let entries: [(name: String, schema: Document)] = [
        (
            "Source",
            object([
                ("name", slug), ("id", count), ("enabled", truth), ("partitions", partitions),
                (
                    "generation",
                    ["type": "integer", "description": "How often the number of partitions was changed."]
                ),
                ("closedGenerations", array(of: reference("ClosedGeneration"))),
                ("limits", reference("SourceLimits")), ("transformations", array(of: reference("Transformation"))),
                ("writeKeys", array(of: reference("WriteKey"))),
            ])
        ),
        (
            "ClosedGeneration",
            object([
                ("generation", count), ("partitions", partitions),
            ])
        ),
        (
            "WriteKey",
            object([
                ("id", ["type": "string", "description": "Names the key where it is revoked."]),
                ("hint", ["type": "string", "description": "The key's last four characters."]), ("createdAt", moment),
            ])
        ),
        (
            "Destination",
            object([
                ("name", slug), ("id", count), ("connector", plugin), ("config", config),
                ("limits", reference("Limits")), ("transport", reference("Transport")), ("enabled", truth),
                ("state", destinationState),
                ("pausedAt", orNothing("string")), ("pausedBy", orNothing("string")),
                ("pauseReason", orNothing("string")), ("drainUntil", orNothing("string")),
            ])
        ),
        (
            "Connection",
            object(
                [
                    ("name", ["type": "string", "description": "source/destination"]), ("id", count), ("source", slug),
                    ("destination", slug), ("enabled", truth), ("lag", lag), ("trace", trace),
                    ("transformations", array(of: reference("Transformation"))),
                ],
                optional: selection
            )
        ),
        (
            "Transformation",
            object(
                [("plugin", plugin)],
                optional: [
                    ("when", condition("What it is asked of; everything else passes unchanged.")), ("config", config),
                ]
            )
        ),
        (
            "ConsentRule",
            object(
                [("categories", ["type": "array", "items": text, "minItems": 1, "maxItems": categories])],
                optional: [
                    ("match", words(ConsentRule.Match.allCases, "Nothing stands for what the event itself says.")),
                    ("missing", words(ConsentRule.Missing.allCases, "Of an event that says nothing of consent.")),
                ]
            )
        ),
        (
            "Plugin",
            object([
                ("id", text), ("kind", kind), ("active", orNothing("string")),
                ("versions", array(of: reference("PluginVersion"))),
            ])
        ),
        (
            "PluginVersion",
            object([
                ("version", text), ("sha256", ["type": "string", "pattern": "^[0-9a-f]{64}$"]), ("size", count),
                ("uploadedAt", moment), ("active", truth),
            ])
        ),
        ("Token", object([("name", slug), ("createdAt", moment)])),
        ("Limits", object([], optional: destinationLimits)),
        ("Transport", object([], optional: destinationTransport)),
        ("SourceLimits", object([], optional: sourceLimits)),
    ]

    static let trace = object(
        [],
        optional: [
            (
                "sample",
                [
                    "type": "number", "minimum": .number(Connection.sampleRange.lowerBound),
                    "maximum": .number(Connection.sampleRange.upperBound),
                    "default": .number(Connection.standardSample),
                    "description": "The share of events whose ways are written down though nothing happened to them.",
                ]
            )
        ]
    )

    static let lag: Document = [
        "type": "string", "enum": .list(LagPolicy.allCases.map { .text($0.rawValue) }),
        "default": .text(LagPolicy.hold.rawValue),
        "description": "Whether slices of the log stay until they are read, or go at their time.",
    ]

    /// What a connection wants of its source's events.
    static let selection: [(String, Document)] = [
        ("filter", condition("Which events it wants.")),
        (
            "sample",
            [
                "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1,
                "description": "The share of users whose events it wants, with at most six digits.",
            ]
        ), ("consent", reference("ConsentRule")),
    ]

    private static let categories = Document.integer(ConsentRule.maximumCategories)

    private static func condition(_ meaning: String) -> Document {
        ["type": "string", "maxLength": .integer(Condition.maximumBytes), "description": .text(meaning)]
    }

    private static func words(_ words: [some RawRepresentable<String>], _ meaning: String) -> Document {
        ["type": "string", "enum": .list(words.map { .text($0.rawValue) }), "description": .text(meaning)]
    }

    private static let sourceLimits: [(String, Document)] = [
        ("eventsPerSecond", limit("Events that it may send in a second.")),
        ("bytesPerSecond", limit("Bytes of request bodies, once inflated, that it may send in a second.")),
        ("bytesPerDay", limit("Bytes of events that are accepted in a day in UTC.")),
    ]

    private static func limit(_ meaning: String) -> Document {
        [
            "type": "integer", "minimum": .integer(SourceLimits.range.lowerBound),
            "maximum": .integer(SourceLimits.range.upperBound), "description": .text(meaning),
        ]
    }
}
