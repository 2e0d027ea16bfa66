import EventLog
import EventModel
import Logging
import Synchronization

/// Commits the progress of all lanes of this node together.
///
/// Nothing is written while nothing happens. One commit follows another, so what is committed later happened later.
///
/// - Owner: the pipeline.
final class Checkpointer: Sendable {
    /// A lane and the epoch under which it may commit.
    struct Entry: Sendable {
        let lane: Lane
        let epoch: Int64
    }

    private let log: EventLog
    private let period: Duration
    private let logger: Logger
    private let entries = Mutex<[LaneID: Entry]>([:])
    private let turn = Turn()

    init(log: EventLog, period: Duration, logger: Logger) {
        self.log = log
        self.period = period
        self.logger = logger
    }

    func enter(_ lane: Lane, epoch: Int64) {
        entries.withLock { $0[lane.key] = Entry(lane: lane, epoch: epoch) }
    }

    /// Commits every period until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: period, clock: .continuous)
            await commit()
            for entry in entries.withLock({ Array($0.values) }) { entry.lane.post(.checkpoint) }
        }
    }

    /// Commits what lanes have left here so far.
    func commit() async {
        await turn.take()
        await commitInTurn()
        await turn.giveBack()
    }

    /// Commits the last of a lane that has ended, and forgets it.
    ///
    /// Without the database it waits, since whoever starts the lane again must find what happened. A lane whose lease
    /// is gone is forgotten at once: another node goes on from what was committed.
    func settle(_ key: LaneID) async {
        while let entry = entries.withLock({ $0[key] }), !entry.lane.ledger.isEmpty {
            await commit()
            if entry.lane.ledger.isEmpty || Task.isCancelled { break }
            try? await Task.sleep(for: period, clock: .continuous)
        }
        entries.withLock { $0[key] = nil }
    }

    private func commitInTurn() async {
        let taken = entries.withLock { entries in
            entries.compactMap { key, entry in
                entry.lane.ledger.take().map { (entry: entry, checkpoint: $0) }
            }
        }
        guard !taken.isEmpty else { return }
        var checkpoint = Checkpoint()
        var leases: Set<Lease> = []
        for one in taken {
            let lane = one.entry.lane
            checkpoint.add(one.checkpoint, of: lane.key, start: lane.start.record.start)
            leases.insert(Lease(partition: lane.key.partition, epoch: one.entry.epoch))
        }
        do throws(EventLogError) {
            try await log.commit(checkpoint, under: Array(leases))
        } catch {
            for one in taken { one.entry.lane.ledger.putBack(one.checkpoint) }
            logger.warning(
                "Progress could not be committed and is kept for the next time.",
                metadata: ["error.code": "\(error.code)", "error": "\(error)"]
            )
        }
    }
}

/// Lets one caller in at a time, in the order in which they came.
private actor Turn {
    private var isTaken = false
    private var waiting: [CheckedContinuation<Void, Never>] = []

    func take() async {
        guard isTaken else {
            isTaken = true
            return
        }
        await withCheckedContinuation { waiting.append($0) }
    }

    func giveBack() {
        if waiting.isEmpty { isTaken = false } else { waiting.removeFirst().resume() }
    }
}
