import AdminAPI
import EventLog
import Pipeline

extension ReplayDesk {
    /// Replays as the log keeps them, and plans by this node.
    static func live(_ pipeline: Pipeline, _ log: EventLog) -> ReplayDesk {
        ReplayDesk(
            lanes: { try await log.replayLanes($0) },
            plan: { try await pipeline.plan($0) },
            now: { log.databaseTime }
        )
    }
}
