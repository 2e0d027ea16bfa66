import Catalog
import EventModel

extension Schemas {
    /// What delivery to a destination may use.
    static let destinationLimits: [(String, Document)] = [
        ("requestsPerSecond", rate("Requests that are begun in a second, over all nodes; no limit without it.")),
        ("eventsPerSecond", rate("Events in the requests that are begun in a second; no limit without it.")),
        (
            "concurrency",
            whole(
                in: DestinationLimits.concurrencyRange,
                default: DestinationLimits.standard.concurrency,
                "Requests in flight at once, on each node."
            )
        ),
        (
            "batchEvents",
            whole(in: DestinationLimits.batchEventsRange, "The most events of one request; without it the connector's.")
        ),
        ("linger", duration("How long to wait for more events while there are fewer; without it nothing waits.")),
        ("timeout", duration("How long one request may take.", default: DestinationLimits.standard.timeout)),
        (
            "retries",
            whole(
                in: DestinationLimits.retriesRange,
                default: DestinationLimits.standard.retries,
                "How often an event that fails alone is tried again before it is a dead letter."
            )
        ),
        (
            "retryFor",
            duration("How long such an event waits for its tries.", default: DestinationLimits.standard.retryFor)
        ), ("ordered", flag(default: DestinationLimits.standard.ordered)),
    ]

    /// The same where each can be taken away.
    static let limitsWish: [(String, Document)] = destinationLimits.map { key, schema in
        let members = (schema.members ?? []).filter { $0.key != "default" }
        let open: [(String, Document)] = members.map { member in
            member.key == "type" ? ("type", [member.value, "null"]) : (member.key, member.value)
        }
        return (key, .object(open))
    }

    static let destinationState: Document = [
        "type": "string", "enum": ["running", "paused", "draining"],
        "description": "Paused: nothing is sent. Draining: only what was accepted up to drainUntil.",
    ]

    private static func rate(_ meaning: String) -> Document {
        [
            "type": "number", "minimum": .number(DestinationLimits.rateRange.lowerBound),
            "maximum": .number(DestinationLimits.rateRange.upperBound), "description": .text(meaning),
        ]
    }

    private static func duration(_ meaning: String, default standard: Duration? = nil) -> Document {
        let schema: Document = [
            "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$", "description": .text(meaning),
        ]
        guard let standard else { return schema }
        return schema.adding("default", .text(DurationText.text(milliseconds: standard.milliseconds)))
    }

    private static func whole(in range: ClosedRange<Int>, default standard: Int? = nil, _ meaning: String) -> Document {
        let schema: Document = [
            "type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound),
            "description": .text(meaning),
        ]
        return standard.map { schema.adding("default", .integer($0)) } ?? schema
    }
}
