package import EventModel

/// What an event was after a stage: the first parts of many.
package struct StageOutput: Sendable {
    package var parts: [PathPayload]
    /// How many there were.
    package var count: Int
    /// Of which part of what came in each of `parts` was made; nil where that is not known.
    package var from: [Int]?

    init(parts: [PathPayload], count: Int, from: [Int]?) {
        self.parts = parts
        self.count = count
        self.from = from
    }

    /// Of the parts of one event, in their order.
    init(_ parts: some Collection<LanePart>) {
        let shown = parts.prefix(PathStage.maximumParts)
        self.init(parts: shown.map { PathPayload($0.json) }, count: parts.count, from: shown.map { Int($0.from) })
    }

    /// - Unit: bytes.
    var bytes: Int { parts.reduce(0) { $0 + $1.text.utf8.count } }
}

/// When a stage handled an event, and how many events it handled with it.
struct StageTime: Equatable {
    /// - Unit: microseconds since 1970, as the next.
    let startedAt: Int64
    let endedAt: Int64
    let events: Int
}
