import EventLog
import EventModel

/// What is sent to the database together, and again in the same form when no answer comes.
struct CheckpointBatch: Sendable {
    /// What one lane wants committed.
    struct Page: Sendable {
        let lane: LaneID
        let lease: Lease
        /// See ``EventLog/LaneRecord/number``.
        let number: Int64
        /// Where the lane began.
        let start: Int64
        let checkpoint: LaneCheckpoint
    }

    let pages: [Page]

    var leases: [Lease] { Array(Set(pages.map(\.lease))) }

    func holds(_ lane: LaneID) -> Bool { pages.contains { $0.lane == lane } }

    /// Lanes under one lease in each.
    var byLease: [CheckpointBatch] {
        Dictionary(grouping: pages, by: \.lease).sorted { $0.key.partition < $1.key.partition }
            .map { CheckpointBatch(pages: $0.value) }
    }

    /// One lane in each.
    var byLane: [CheckpointBatch] { pages.map { CheckpointBatch(pages: [$0]) } }

    var checkpoint: Checkpoint {
        var whole = Checkpoint()
        for page in pages { whole.add(page) }
        return whole
    }
}
