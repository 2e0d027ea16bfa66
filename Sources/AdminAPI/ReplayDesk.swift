package import Catalog
package import EventModel

/// What the admin interface asks of the log and of the plugins about replays; the rest is the catalog's.
package struct ReplayDesk: Sendable {
    /// The lanes of replays that have not ended.
    package let lanes: @Sendable (_ replays: [ConsumerID]) async throws -> [ReplayLane]
    /// What a replay would do.
    package let plan: @Sendable (_ wish: ReplayWish) async throws -> ReplayPlan
    /// PostgreSQL's time.
    /// - Unit: microseconds since 1970.
    package let now: @Sendable () -> Int64

    package init(
        lanes: @escaping @Sendable (_ replays: [ConsumerID]) async throws -> [ReplayLane],
        plan: @escaping @Sendable (_ wish: ReplayWish) async throws -> ReplayPlan,
        now: @escaping @Sendable () -> Int64
    ) {
        self.lanes = lanes
        self.plan = plan
        self.now = now
    }
}

extension Counts {
    /// The counts of several lanes together.
    static func sum(_ lanes: [ReplayLane]) -> Counts { lanes.reduce(into: Counts()) { $0 += $1.counts } }

    var replayDocument: Document {
        [
            "read": .integer(read), "duplicates": .integer(duplicates), "filtered": .integer(filtered),
            "dropped": .integer(dropped), "failed": .integer(failed), "transformed": .integer(transformed),
            "emitted": .integer(emitted), "delivered": .integer(delivered), "deadLettered": .integer(deadLettered),
            "waiting": .integer(waiting),
        ]
    }
}

extension Replay {
    /// The replay with what its lanes have counted; `lanes` are those that it still has.
    func document(in snapshot: CatalogSnapshot, _ lanes: [ReplayLane], at now: Int64) -> Document {
        var counts = counts ?? .sum(lanes)
        let expired = endedAt == nil ? lanes.reduce(0) { $0 + $1.expired } : self.expired
        var remaining = endedAt == nil ? lanes.reduce(0) { $0 + $1.remaining } : 0
        if let letters {
            // What lies between the dead letters is none of its events.
            counts.read -= counts.filtered
            counts.filtered = 0
            remaining = endedAt == nil ? max(0, letters - counts.read - expired) : 0
        }
        let seconds = Double(max(1, (endedAt ?? now) - createdAt)) / 1_000_000
        let pace = Double(counts.read) / seconds
        return [
            "id": .integer(id.rawValue),
            "connection": .text(snapshot.name(ofConnection: connection)),
            "kind": .text(kind.rawValue),
            "from": Timestamp.document(from),
            "until": Timestamp.document(until),
            "filter": filter.document,
            "rate": .integer(rate),
            "state": .text(state.rawValue),
            "reason": .text(reason.isEmpty && state == .running ? halt(in: snapshot) ?? "" : reason),
            "who": .text(who),
            "createdAt": Timestamp.document(createdAt),
            "endedAt": endedAt.map { Timestamp.document($0) } ?? nil,
            "holdsLogUntil": endedAt == nil ? Timestamp.document(createdAt + Self.holdTime.microseconds) : nil,
            "events": .integer(events),
            "remaining": .integer(remaining),
            "expired": .integer(expired),
            "counts": counts.replayDocument,
            "eventsPerSecond": .number((pace * 10).rounded() / 10),
            "secondsLeft": state == .running && pace > 0 && endedAt == nil
                ? .number((Double(remaining) / pace).rounded()) : nil,
        ]
    }
}

extension ReplayLane {
    var document: Document {
        [
            "partition": .text(partition.description), "start": .integer(start), "end": .integer(end),
            "position": .integer(next), "remaining": .integer(remaining), "parked": .integer(parked),
            "counts": counts.replayDocument,
        ]
    }
}

extension ReplayPlan {
    var document: Document {
        [
            "events": .integer(events),
            "wanted": .integer(wanted),
            "isEstimate": .truth(!isExact),
            "looked": .integer(looked),
            "partitions": .list(
                ranges.map {
                    [
                        "partition": .text($0.partition.description), "start": .integer($0.start),
                        "end": .integer($0.end),
                    ]
                }
            ),
            "plugins": .list(plugins.map(\.document)),
            "samples": .list(samples.map(\.document)),
            "remark": .text(remark),
        ]
    }
}

extension ReplayPlan.Sample {
    fileprivate var document: Document {
        [
            "partition": .text(partition.description), "offset": .integer(offset), "event": .text(event),
            "outcome": .text(outcome), "reason": .text(reason), "parts": .list(parts.map { .text($0) }),
            "earlier": earlier.document,
        ]
    }
}

extension ReplayEarlier {
    fileprivate var document: Document {
        [
            "basis": .text(basis.rawValue), "outcome": .text(outcome), "reason": .text(reason),
            "plugins": .list(plugins.map(\.document)), "parts": .list(parts.map(\.document)),
            "differences": .list(differences.map { .list($0.map(\.document)) }), "whole": .truth(isWhole),
        ]
    }
}
