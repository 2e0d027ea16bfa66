import Catalog
package import EventModel

/// What the admin interface can show of delivery to a destination.
package struct DeliveryDesk: Sendable {
    /// What each server that lives last said of a destination, by their names.
    package let nodes: @Sendable (_ destination: DestinationID) async throws -> [NodeDelivery]
    /// What connections have still to settle of what was accepted up to a time, in microseconds since 1970, and whether
    /// nothing can be added to that any more.
    package let left: @Sendable (_ connections: [ConsumerID], _ until: Int64) async throws -> DrainRest

    package init(
        nodes: @escaping @Sendable (_ destination: DestinationID) async throws -> [NodeDelivery],
        left: @escaping @Sendable (_ connections: [ConsumerID], _ until: Int64) async throws -> DrainRest
    ) {
        self.nodes = nodes
        self.left = left
    }

    /// Nobody delivers anything, as where no pipeline runs.
    package static let none = DeliveryDesk(nodes: { _ in [] }, left: { _, _ in (0, true) })
}

/// What is left of a drain.
package typealias DrainRest = (events: Int64, isFinal: Bool)

/// What one server last said of delivery to a destination.
package struct NodeDelivery: Equatable, Sendable {
    package let node: String
    /// - Unit: seconds since it said so.
    package let age: Double
    /// - Shape: a JSON object, as the server wrote it.
    package let text: String

    package init(node: String, age: Double, text: String) {
        self.node = node
        self.age = age
        self.text = text
    }
}

/// How delivery to one destination stands, over all servers.
struct DeliveryStatus {
    let destination: Destination
    let lanes: [LaneReport]
    let nodes: [NodeDelivery]
    /// What is left of a drain; nil while there is none.
    let rest: DrainRest?

    /// In one word; `drained` when nothing is left of a drain.
    var state: String {
        if !destination.enabled { return "disabled" }
        return rest.map { $0.events == 0 && $0.isFinal } ?? false ? "drained" : destination.state.name
    }

    private var unread: Int64 { lanes.reduce(0) { $0 + $1.unread } }
    private var parked: Int64 { lanes.reduce(0) { $0 + $1.parkedEvents + $1.parkedParts } }

    var document: Document {
        let said = nodes.map { ($0, (try? Document.json($0.text)) ?? Document(.object([]))) }
        let texts = said.map(\.1)
        let waits = own + said.flatMap { node, text in (text["waits"]?.elements ?? []).map { wait($0, node.node) } }
        return [
            "destination": .text(destination.name),
            "state": .text(state),
            "pausedAt": destination.state.halt.map { Timestamp.document($0.at) } ?? nil,
            "pausedBy": .text(destination.state.halt?.by),
            "pauseReason": .text(destination.state.halt?.reason),
            "drainUntil": destination.state.until.map(Timestamp.document) ?? nil,
            "left": rest.map { .integer($0.events) } ?? nil,
            "limits": destination.limits.document,
            "effective": [
                "requestsPerSecond": .number(Self.sum(texts, Self.rate)),
                "eventsPerSecond": .number(Self.sum(texts) { $0.value("eventsPerSecond") }),
                "concurrency": .integer(Self.total(texts, "concurrency")),
            ],
            "inFlight": .integer(Self.total(texts, "inFlight")),
            "waiting": .integer(Self.total(texts, "waiting")),
            "parked": .integer(parked),
            "unread": .integer(unread),
            "oldestSeconds": .number(lanes.compactMap { [$0.age, $0.parkedAge].compactMap { $0 }.max() }.max()),
            "nextRetry": Self.time(texts.compactMap { $0.value("nextRetry") }.min()),
            "waits": .list(waits),
            "nodes": .list(said.map(entry)),
        ]
    }

    /// What waits for a person, whatever the servers say.
    private var own: [Document] {
        let words: String
        if !destination.enabled {
            words = "the destination is not enabled"
        } else if let halt = destination.state.halt {
            let reason = halt.reason.isEmpty ? "" : ": \(halt.reason)"
            switch state {
            case "drained": words = "drained by \(halt.by)\(reason); what was accepted later waits"
            case "draining": words = "being drained by \(halt.by)\(reason); what was accepted later waits"
            default: words = "paused by \(halt.by)\(reason)"
            }
        } else {
            return []
        }
        let count = max(0, unread - (rest?.events ?? 0))
        return [
            [
                "reason": .text(state), "words": .text(words), "count": .integer(count), "until": nil, "node": nil,
            ]
        ]
    }

    private func wait(_ wait: Document, _ node: String) -> Document {
        [
            "reason": wait["reason"] ?? nil, "words": wait["words"] ?? nil, "count": wait["count"] ?? nil,
            "until": Self.time(wait.value("until")), "node": .text(node),
        ]
    }

    private func entry(_ node: NodeDelivery, _ text: Document) -> Document {
        var entry: [(String, Document)] = [("node", .text(node.node)), ("ageSeconds", .number(max(0, node.age)))]
        entry += NodeDelivery.counts.map { ($0, text[$0] ?? 0) }
        entry += NodeDelivery.rates.map { ($0, text[$0] ?? nil) }
        entry.append(("circuit", text["circuit"] ?? "closed"))
        entry.append(("nextRetry", Self.time(text.value("nextRetry"))))
        return .object(entry)
    }

    /// The narrowest of what the configuration and 429 answers leave.
    private static func rate(_ text: Document) -> Double? {
        [text.value("requestsPerSecond"), text.value("adaptiveRate")].compactMap { $0 }.min()
    }

    private static func total(_ texts: [Document], _ key: String) -> Int64 {
        Int64(texts.reduce(0) { $0 + ($1.value(key) ?? 0) })
    }

    /// The sum of what each has; nil if there is nobody, or somebody without a limit.
    private static func sum(_ texts: [Document], _ value: (Document) -> Double?) -> Double? {
        let values = texts.map(value)
        return values.isEmpty || values.contains { $0 == nil } ? nil : values.reduce(0) { $0 + ($1 ?? 0) }
    }

    /// From seconds since 1970.
    private static func time(_ seconds: Double?) -> Document {
        seconds.map { Timestamp.document(Int64($0) * 1_000_000) } ?? nil
    }
}

extension NodeDelivery {
    /// What every server says, by its key.
    static let counts = [
        "lanes", "concurrency", "inFlight", "waiting", "parked", "lingering", "throttledLately", "failedLately",
    ]
    static let rates = ["share", "requestsPerSecond", "eventsPerSecond", "adaptiveRate"]
}

extension Document {
    /// The number of a key; nil where there is none.
    fileprivate func value(_ key: String) -> Double? {
        guard case .number(let word)? = self[key]?.content else { return nil }
        return Double(word)
    }
}
