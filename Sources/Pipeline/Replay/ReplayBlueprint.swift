import Catalog
import EventLog
import EventModel

/// What makes a lane one of a replay, as values.
struct ReplayBlueprint: Equatable {
    let id: ConsumerID
    let sieve: ReplaySieve
    /// - Unit: events a second, over all nodes.
    let rate: Int
    /// Whether it reads dead letters instead of the log.
    let readsLetters: Bool

    init(_ replay: Replay) {
        id = replay.id
        sieve = ReplaySieve(replay.filter)
        rate = replay.rate
        readsLetters = replay.kind == .letters
    }
}

extension LaneBlueprint {
    /// Nil while the replay stands still, or its connection does, or its destination drains; the lanes lose nothing by that.
    init?(_ replay: Replay, in snapshot: CatalogSnapshot, _ vault: SecretVault) {
        guard replay.state == .running, replay.halt(in: snapshot) == nil,
            let connection = snapshot.connection(replay.connection)
        else { return nil }
        self.init(connection, in: snapshot, vault)
        self.replay = ReplayBlueprint(replay)
    }
}
