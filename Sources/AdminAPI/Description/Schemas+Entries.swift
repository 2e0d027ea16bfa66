import Catalog
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
                ("limits", reference("SourceLimits")), ("writeKeys", array(of: reference("WriteKey"))),
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
                ("limits", reference("Limits")), ("enabled", truth),
            ])
        ),
        (
            "Connection",
            object([
                ("name", ["type": "string", "description": "source/destination"]), ("id", count), ("source", slug),
                ("destination", slug), ("enabled", truth), ("lag", lag),
                ("transformations", array(of: reference("Transformation"))),
            ])
        ),
        ("Transformation", object([("plugin", plugin)], optional: [("config", config)])),
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
        ("Limits", object([], optional: limits)),
        ("SourceLimits", object([], optional: sourceLimits)),
    ]

    static let lag: Document = [
        "type": "string", "enum": .list(LagPolicy.allCases.map { .text($0.rawValue) }),
        "default": .text(LagPolicy.hold.rawValue),
        "description": "Whether slices of the log stay until they are read, or go at their time.",
    ]

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

    private static let limits: [(String, Document)] = [
        (
            "concurrency",
            whole(
                in: DestinationLimits.concurrencyRange,
                default: DestinationLimits.standard.concurrency,
                "Requests in flight at once."
            )
        ),
        (
            "timeout",
            [
                "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$",
                "default": .text(DurationText.text(milliseconds: DestinationLimits.standard.timeout.milliseconds)),
                "description": "How long one request may take.",
            ]
        ),
        (
            "retries",
            whole(
                in: DestinationLimits.retriesRange,
                default: DestinationLimits.standard.retries,
                "How often an event that fails alone is tried again before it is a dead letter."
            )
        ),
    ]

    private static func whole(in range: ClosedRange<Int>, default standard: Int, _ meaning: String) -> Document {
        [
            "type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
            "default": .integer(standard), "description": .text(meaning),
        ]
    }
}
