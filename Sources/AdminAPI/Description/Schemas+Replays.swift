import Catalog
import EventModel

extension Schemas {
    static let replayRate: Document = [
        "type": "integer", "minimum": .integer(Replay.rateRange.lowerBound),
        "maximum": .integer(Replay.rateRange.upperBound), "default": .integer(Replay.standardRate),
    ]
    private static let replayFilter = object(
        [],
        optional: [
            (
                "events",
                [
                    "type": "array", "items": text, "maxItems": .integer(ReplayFilter.maximumNames),
                    "description": "Names of track events.",
                ]
            ),
            (
                "types",
                [
                    "type": "array",
                    "items": ["type": "string", "enum": .list(EventType.allCases.map { .text($0.name) })],
                ]
            ),
            ("user", ["type": "string", "description": "The user id, or the anonymous id of a user who has none."]),
            ("where", ["type": "string", "description": "A condition upon the event as it was accepted."]),
        ]
    )
    private static let counts = object(
        [
            "read", "duplicates", "filtered", "dropped", "failed", "transformed", "emitted", "delivered",
            "deadLettered", "waiting",
        ].map { ($0, count) }
    )
    private static let replayMembers: [(String, Document)] = [
        ("id", count), ("connection", text), ("kind", ["type": "string", "enum": ["log", "letters"]]),
        ("from", moment), ("until", moment), ("filter", replayFilter), ("rate", replayRate),
        ("state", ["type": "string", "enum": .list(Replay.State.allCases.map { .text($0.rawValue) })]),
        ("reason", text), ("who", text), ("createdAt", moment), ("endedAt", orNothing("string")),
        ("holdsLogUntil", orNothing("string")), ("events", count), ("remaining", count), ("expired", count),
        ("counts", counts), ("eventsPerSecond", ["type": "number"]), ("secondsLeft", orNothing("number")),
    ]

    /// What is told of replays.
    static let replays: [(name: String, schema: Document)] = [
        (
            "ReplayWish",
            object(
                [
                    ("connection", ["type": "string", "description": "source/destination"]),
                    ("from", ["type": "string", "description": "A time, or how long ago, such as 24h."]),
                ],
                optional: [
                    ("until", ["type": "string", "description": "A time, or how long ago; now, if it is left out."]),
                    ("filter", replayFilter), ("rate", replayRate),
                ]
            )
        ),
        ("Replay", object(replayMembers)),
        (
            "ReplayDetail",
            object(
                replayMembers + [
                    (
                        "partitions",
                        array(
                            of: object([
                                ("partition", partition), ("start", count), ("end", count), ("position", count),
                                ("remaining", count), ("parked", count), ("counts", counts),
                            ])
                        )
                    )
                ]
            )
        ),
        (
            "ReplayPlan",
            object([
                ("events", count), ("wanted", count), ("isEstimate", truth), ("looked", count),
                (
                    "partitions",
                    array(of: object([("partition", partition), ("start", count), ("end", count)]))
                ),
                ("plugins", array(of: reference("PathPlugin"))),
                (
                    "samples",
                    array(
                        of: object([
                            ("partition", partition), ("offset", count), ("event", text),
                            ("outcome", ["type": "string", "enum": ["emitted", "filtered", "dropped", "failed"]]),
                            ("reason", text), ("parts", array(of: text)), ("earlier", reference("ReplayEarlier")),
                        ])
                    )
                ), ("remark", text),
            ])
        ),
        (
            "ReplayEarlier",
            object([
                (
                    "basis",
                    [
                        "type": "string", "enum": .list(ReplayEarlier.Basis.allCases.map { .text($0.rawValue) }),
                        "description":
                            "Written down when it was sent, worked out now with the versions of then, not sent, or unknown.",
                    ]
                ), ("outcome", text), ("reason", text), ("plugins", array(of: reference("PathPlugin"))),
                ("parts", array(of: reference("PathPayload"))),
                (
                    "differences",
                    [
                        "type": "array", "items": array(of: reference("PathDifference")),
                        "description":
                            "For each part, what differs now from what was sent; a whole part has no pointer.",
                    ]
                ), ("whole", ["type": "boolean", "description": "Whether all that was sent could be compared."]),
            ])
        ),
    ]
}
