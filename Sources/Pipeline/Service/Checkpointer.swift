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
    /// A lane and the lease under which it may commit.
    struct Entry: Sendable {
        let lane: Lane
        let lease: Lease
        /// Another node has taken over: nothing of the lane is committed any more.
        var isFenced = false
    }

    private typealias Page = (entry: Entry, checkpoint: LaneCheckpoint)

    private let log: EventLog
    private let period: Duration
    private let logger: Logger
    private let entries = Mutex<[LaneID: Entry]>([:])
    private let turn = Turn()
    /// Told when a lease turns out to be gone.
    private let lost: @Sendable (Lease) -> Void

    init(log: EventLog, period: Duration, logger: Logger, lost: @escaping @Sendable (Lease) -> Void) {
        self.lost = lost
        self.log = log
        self.period = period
        self.logger = logger
    }

    func enter(_ lane: Lane, _ lease: Lease) {
        entries.withLock { $0[lane.key] = Entry(lane: lane, lease: lease) }
    }

    /// Commits every period until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: period, clock: .continuous)
            await commit()
            for entry in entries.withLock({ Array($0.values) })
            where entry.lane.ledger.hasNews.load(ordering: .relaxed) { entry.lane.post(.checkpoint) }
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
    /// Without the database it waits, at most for `bound`, since whoever starts the lane again must find what happened. A lane whose lease
    /// is gone is forgotten at once: another node goes on from what was committed.
    func settle(_ key: LaneID, atMost bound: Duration?) async {
        let deadline = bound.map { ContinuousClock.now + $0 }
        while let entry = entries.withLock({ $0[key] }), !entry.isFenced, !entry.lane.ledger.isEmpty {
            await commit()
            if entry.lane.ledger.isEmpty || Task.isCancelled { break }
            if let deadline, ContinuousClock.now >= deadline { break }
            try? await Task.sleep(for: period, clock: .continuous)
        }
        entries.withLock { $0[key] = nil }
    }

    private func commitInTurn() async {
        let pages = entries.withLock { entries in
            entries.values.compactMap { entry -> Page? in
                guard !entry.isFenced else { return nil }
                return entry.lane.ledger.take().map { (entry, $0) }
            }
        }
        guard !pages.isEmpty else { return }
        do throws(EventLogError) {
            try await commit(pages)
        } catch {
            if error == .leaseLost {
                await commitApart(pages)
            } else {
                putBack(pages, error)
            }
        }
    }

    private func commit(_ pages: [Page]) async throws(EventLogError) {
        var checkpoint = Checkpoint()
        for page in pages {
            let lane = page.entry.lane
            checkpoint.add(page.checkpoint, of: lane.key, start: lane.start.record.start)
        }
        try await log.commit(checkpoint, under: Array(Set(pages.map(\.entry.lease))))
    }

    /// Finds out which lease is gone; the lanes under all others are committed.
    private func commitApart(_ pages: [Page]) async {
        for (lease, own) in Dictionary(grouping: pages, by: \.entry.lease) {
            do throws(EventLogError) {
                try await commit(own)
            } catch {
                guard error == .leaseLost else {
                    putBack(own, error)
                    continue
                }
                for page in own {
                    entries.withLock { $0[page.entry.lane.key]?.isFenced = true }
                    page.entry.lane.post(.stop)
                }
                logger.warning(
                    "Another node has taken over a partition, so its lanes stop here.",
                    metadata: ["partition": "\(lease.partition)", "epoch": "\(lease.epoch)"]
                )
                lost(lease)
            }
        }
    }

    private func putBack(_ pages: [Page], _ error: EventLogError) {
        for page in pages { page.entry.lane.ledger.putBack(page.checkpoint) }
        logger.warning(
            "Progress could not be committed and is kept for the next time.",
            metadata: ["error.code": "\(error.code)", "error": "\(error)"]
        )
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
