import Catalog
import EventLog
import EventModel
import Logging

/// How replays are kept to their rates and come to their ends.
extension Pipeline {
    /// How often replays that are under way are looked at.
    private static let replayLook = Duration.seconds(1)
    /// How long after a replay was stopped its lanes are ended: by then every node has heard of it and has committed what
    /// its lanes did last.
    private static let stopTime = Lane.farewell + .seconds(3)

    /// Looks after the replays that there are, until the task is cancelled.
    func followReplays() async {
        var stoppedAt: [ConsumerID: ContinuousClock.Instant] = [:]
        while !Task.isCancelled {
            let snapshot = catalog.current
            let replays = snapshot.replays
            paces.forget(allBut: Set(replays.map(\.id)))
            guard !replays.isEmpty else {
                stoppedAt = [:]
                await catalogChange(since: snapshot.revision, atMost: nil)
                continue
            }
            do throws(EventLogError) {
                let lanes = Dictionary(grouping: try await log.replayLanes(replays.map(\.id)), by: \.replay)
                for replay in replays {
                    pace(replay, lanes[replay.id] ?? [])
                    let end = end(of: replay, lanes[replay.id] ?? [], in: snapshot, &stoppedAt)
                    if let end { await finish(replay, end) }
                }
            } catch {
                logger.warning(
                    "Replays could not be looked after and are again in a moment.",
                    metadata: ["error.code": "\(error.code)", "error": "\(error)"]
                )
            }
            await catalogChange(since: snapshot.revision, atMost: Self.replayLook)
        }
    }

    /// Gives this node its part of the rate: as much as its lanes have of all that is left.
    private func pace(_ replay: Replay, _ lanes: [ReplayLane]) {
        let mine = Set(log.holding.tenanted)
        let left = lanes.reduce(0) { $0 + $1.remaining }
        let own = lanes.reduce(0) { $0 + (mine.contains($1.partition) ? $1.remaining : 0) }
        // What was read and is under way is not committed yet: at the very end nothing may be left to divide.
        paces[replay.id].set(share: left > 0 ? Double(own) / Double(left) : 1)
        paces[replay.id].set(rate: replay.rate)
    }

    /// How a replay came to its end, and why.
    private struct End {
        /// Nil for one that was stopped.
        var state: Replay.State?
        var reason = ""
    }

    private func end(
        of replay: Replay,
        _ lanes: [ReplayLane],
        in snapshot: CatalogSnapshot,
        _ stoppedAt: inout [ConsumerID: ContinuousClock.Instant]
    ) -> End? {
        if replay.state.isOpen, snapshot.connection(replay.connection) == nil {
            return End(state: .failed, reason: "its connection was removed")
        }
        if replay.state.isOpen { return lanes.allSatisfy(\.isOver) ? End(state: .done) : nil }
        let since = stoppedAt[replay.id] ?? .now
        stoppedAt[replay.id] = since
        return since.duration(to: .now) >= Self.stopTime ? End() : nil
    }

    private func finish(_ replay: Replay, _ end: End) async {
        do throws(CatalogError) {
            try await catalog.endReplay(replay.id, as: end.state, because: end.reason)
        } catch {
            logger.warning(
                "A replay could not be ended and is in a moment.",
                metadata: ["replay": "\(replay.id)", "error.code": "\(error.code)", "error": "\(error)"]
            )
        }
    }
}
