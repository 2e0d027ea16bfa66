import Catalog
import Conditions
import EventJSON
import EventLog
import EventModel

/// What is still known of replays that have ended: their lanes are gone, their rows and what died of them are not.
extension PathFinder {
    /// The most replays that are looked at, the newest first.
    private static let mostReplays = 500

    struct PastReplay {
        let replay: Replay
        /// Whether it was to read the event, which is told also if nothing is written of that.
        let isTold: Bool
    }

    /// The replays that have ended in whose range an event lies.
    func pastReplays(
        of partition: PartitionID,
        _ offset: Int64,
        isInLog: Bool
    ) async throws -> [ConsumerID: PastReplay] {
        var past: [ConsumerID: PastReplay] = [:]
        for replay in try await catalog.replays(of: nil, limit: Self.mostReplays) where replay.endedAt != nil {
            let range = replay.ranges.first { $0.partition == partition }
            guard let range, range.start <= offset, offset < range.end else { continue }
            var isTold = isInLog
            if isTold, replay.kind == .letters {
                let taken = try await log.requeued(partition, by: replay.id, from: offset, room: 1)
                isTold = taken.first?.offset == offset
            }
            past[replay.id] = PastReplay(replay: replay, isTold: isTold)
        }
        return past
    }

    /// Names a replay that has ended, and says where its filter did not take the event.
    func tell(
        _ replay: Replay,
        _ found: FoundEvent?,
        _ body: ArraySlice<UInt8>?,
        _ told: inout EventConsumer,
        _ snapshot: CatalogSnapshot
    ) {
        let connection = snapshot.connection(replay.connection).map { " to \(snapshot.name(of: $0))" } ?? ""
        told.connection = "replay \(replay.id)\(connection)"
        guard told.outcome == "unknown", replay.kind == .log, let found, let body else { return }
        var tape = JSONTape()
        let sieve = ReplaySieve(replay.filter)
        guard !sieve.mayTake(found.entry) || !sieve.takes(body, &tape) else { return }
        let refusal = EventPass.replayRefusal("the replay does not send it")
        (told.outcome, told.outcomeBasis, told.note) = (refusal.outcome, .recomputed, nil)
        told.passes = [refusal]
    }
}

extension EventPass {
    /// Of an event that a replay does not send.
    static func replayRefusal(_ reason: String) -> EventPass {
        var pass = EventPass(basis: .recomputed, outcome: "filtered")
        pass.code = Exclusion.replay.rawValue
        pass.reason = reason
        return pass
    }
}
