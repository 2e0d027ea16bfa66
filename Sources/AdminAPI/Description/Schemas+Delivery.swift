import Catalog

extension Schemas {
    /// How delivery to a destination stands.
    static let delivery: [(name: String, schema: Document)] = [
        (
            "DeliveryStatus",
            object([
                ("destination", slug),
                (
                    "state",
                    ["type": "string", "enum": ["running", "paused", "draining", "drained", "disabled"]]
                ), ("pausedAt", orNothing("string")), ("pausedBy", orNothing("string")),
                ("pauseReason", orNothing("string")), ("drainUntil", orNothing("string")),
                ("left", orNothing("integer")), ("limits", reference("Limits")), ("effective", effective),
                ("inFlight", count), ("waiting", count), ("parked", count), ("unread", count),
                ("oldestSeconds", orNothing("number")), ("nextRetry", orNothing("string")),
                ("waits", array(of: reference("Wait"))), ("nodes", array(of: reference("NodeDelivery"))),
            ])
        ),
        (
            "Wait",
            object([
                ("reason", text), ("words", text), ("count", count), ("until", orNothing("string")),
                ("node", orNothing("string")),
            ])
        ),
        (
            "NodeDelivery",
            object(
                [("node", text), ("ageSeconds", ["type": "number", "minimum": 0])]
                    + NodeDelivery.counts.map { ($0, count) } + NodeDelivery.rates.map { ($0, orNothing("number")) }
                    + [
                        ("circuit", ["type": "string", "enum": ["closed", "open", "probing"]]),
                        ("nextRetry", orNothing("string")),
                    ]
            )
        ),
    ]

    private static let effective = object([
        ("requestsPerSecond", orNothing("number")), ("eventsPerSecond", orNothing("number")), ("concurrency", count),
    ])
}
