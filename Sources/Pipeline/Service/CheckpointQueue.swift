import EventLog
import EventModel

/// What was taken from the lanes and is not known to be kept, and what follows from each answer of the database.
///
/// What was sent without an answer is sent again as it was, before anything newer, so that each of its numbers is kept
/// once. A batch that is refused is cut, so that the lanes it is not about go on.
struct CheckpointQueue {
    /// What an answer means for the batch that it is about.
    enum Consequence {
        /// Nothing beyond the queue itself.
        case goOn
        /// The database cannot be asked now, or gave no answer; begin again after a while.
        case pause
        /// Somebody must mend something; the other batches need not wait for that.
        case pass
        /// Another node has the lease, so nothing more of these lanes is committed here.
        case fenced(CheckpointBatch)
        /// The database will never take what happened to this lane.
        case refused(CheckpointBatch)
    }

    /// The first was sent first.
    private(set) var batches: [CheckpointBatch] = []
    /// The batch whose turn it is in this round.
    private var place = 0

    /// The lanes that have something on its way.
    var lanes: Set<LaneID> { Set(batches.flatMap { $0.pages.map(\.lane) }) }

    func holds(_ lane: LaneID) -> Bool { batches.contains { $0.holds(lane) } }

    mutating func append(_ pages: [CheckpointBatch.Page]) {
        if !pages.isEmpty { batches.append(CheckpointBatch(pages: pages)) }
    }

    /// Begins a round with the first batch.
    mutating func begin() { place = 0 }

    /// What is to be sent next in this round.
    var next: CheckpointBatch? { batches.dropFirst(place).first }

    /// Whether the round left out a batch that cannot be committed now.
    var hasPassed: Bool { place > 0 }

    /// Takes in the answer to ``next``; nil when it was kept.
    mutating func answer(_ error: EventLogError?) -> Consequence {
        guard batches.indices.contains(place) else { return .goOn }
        let batch = batches[place]
        guard let error else { return replace(by: [], .goOn) }
        switch error {
        case .leaseLost where batch.leases.count > 1: return replace(by: batch.byLease, .goOn)
        case .leaseLost: return replace(by: [], .fenced(batch))
        case _ where error.mayPass: return .pause
        case _ where batch.pages.count > 1: return replace(by: batch.byLane, .goOn)
        case _ where error.isFinal: return replace(by: [], .refused(batch))
        default:
            place += 1
            return .pass
        }
    }

    private mutating func replace(by others: [CheckpointBatch], _ consequence: Consequence) -> Consequence {
        batches.replaceSubrange(place..<place + 1, with: others)
        return consequence
    }
}

extension EventLogError {
    /// Whether the same may succeed later; it may also have succeeded, and only the answer was lost.
    fileprivate var mayPass: Bool { if case .retry = disposition { true } else { false } }

    /// Whether the same is refused whenever it is sent.
    fileprivate var isFinal: Bool { disposition == .bury || self == .laneRemoved }
}
