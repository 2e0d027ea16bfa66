import EventLog
import EventModel
import Logging
import Synchronization

/// Commits the progress of all lanes of this node together.
///
/// Nothing is written while nothing happens. One commit follows another, so what is committed later happened later. What
/// was sent without an answer is sent again as it was, before anything newer, so that each of its numbers is kept once.
///
/// - Owner: the pipeline.
final class Checkpointer: Sendable {
    /// What the pipeline is told.
    enum News: Sendable {
        /// A lease turned out to be gone.
        case lost(Lease)
        /// The database will not take what happened to this lane.
        case refused(LaneID)
    }

    private struct State {
        var lanes: [LaneID: Lane] = [:]
        /// Lanes that have something to publish and were not asked for it yet.
        var changed: Set<LaneID> = []
        var roll = CheckpointRoll()
        var queue = CheckpointQueue()
        /// Whether the last commit failed, which is said once.
        var isFailing = false
        /// When a failing database is not waited for any longer.
        var deadline: ContinuousClock.Instant?

        /// Events whose outcome could not be committed because their lease was gone.
        var fenced: Int64 = 0

        var isLate: Bool { deadline.map { isFailing && ContinuousClock.now >= $0 } ?? false }
    }

    private let log: EventLog
    private let period: Duration
    private let logger: Logger
    private let state = Mutex(State())
    private let turn = Turn()
    private let tell: @Sendable (News) -> Void
    /// Something is to be published or committed.
    private let signals: AsyncStream<Void>
    private let signal: AsyncStream<Void>.Continuation

    init(log: EventLog, period: Duration, logger: Logger, tell: @escaping @Sendable (News) -> Void) {
        self.log = log
        self.period = period
        self.logger = logger
        self.tell = tell
        (signals, signal) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Learns that a lane has something; called by the lane's ledger.
    func hear(_ lane: LaneID, _ news: LaneLedger.News) {
        state.withLock { state in
            switch news {
            case .change: state.changed.insert(lane)
            case .page: state.roll.fill(lane)
            }
        }
        signal.yield()
    }

    /// Events that were handed to delivery and are not committed: what would be delivered again if this node ended now.
    var uncommittedEvents: Int { state.withLock { $0.roll.uncommitted } }

    /// Events whose outcome could not be committed because their lease was gone.
    var fencedEvents: Int64 { state.withLock { $0.fenced } }

    func enter(_ lane: Lane, _ lease: Lease) {
        state.withLock { state in
            state.lanes[lane.key] = lane
            state.roll.enter(lane.key, lane.ledger, lease, after: lane.start.record)
        }
    }

    /// Commits the progress of all lanes once more: the database came back, and may have lost what did not wait for its disk.
    func doubt() {
        state.withLock { $0.roll.doubt() }
        signal.yield()
    }

    /// Commits every period while there is something, until the task is cancelled; while that fails, less often.
    func run() async {
        for await _ in signals {
            for lane in takeChanged() { lane.post(.checkpoint) }
            let pause = state.withLock { $0.isFailing ? max(period, Self.pause) : period }
            try? await Task.sleep(for: pause, clock: .continuous)
            if Task.isCancelled { break }
            await commit()
            if state.withLock({ !$0.queue.batches.isEmpty || !$0.roll.isEmpty }) { signal.yield() }
        }
    }

    private func takeChanged() -> [Lane] {
        state.withLock { state in
            defer { state.changed.removeAll(keepingCapacity: true) }
            return state.changed.compactMap { state.lanes[$0] }
        }
    }

    /// Commits what lanes have left here so far.
    func commit() async {
        await turn.take()
        if !state.withLock(\.isLate), await sendAll() {
            gather()
            _ = await sendAll()
        }
        await turn.give()
    }

    /// How long it waits while commits fail.
    private static let pause = Duration.milliseconds(250)

    /// Commits the last of a lane that has ended, and forgets it.
    ///
    /// Without the database it waits until ``close(by:)`` says otherwise, since whoever starts the lane again must find
    /// what happened. A lane that may not commit is forgotten at once: whoever goes on goes on from what was committed.
    func settle(_ key: LaneID) async {
        while isOpen(key), !Task.isCancelled {
            await commit()
            guard isOpen(key), !state.withLock(\.isLate) else { break }
            try? await Task.sleep(for: period, clock: .continuous)
        }
        state.withLock { state in
            state.lanes[key] = nil
            state.changed.remove(key)
            state.roll.forget(key)
        }
    }

    /// Waits for a failing database until then and no longer, for lanes that have ended already and those that will.
    func close(by deadline: ContinuousClock.Instant) { state.withLock { $0.deadline = deadline } }

    /// Whether there is something of the lane that may still be committed.
    private func isOpen(_ key: LaneID) -> Bool {
        state.withLock { state in
            guard let entry = state.roll[key], !entry.isOver else { return false }
            return !entry.ledger.isEmpty || state.queue.holds(key)
        }
    }

    /// Makes a batch of what the lanes have published that have nothing on its way.
    private func gather() {
        state.withLock { state in
            let pages = state.roll.gather(except: state.queue.lanes)
            // Those that waited for room read on.
            for page in pages where state.roll[page.lane]?.ledger.isFilled(by: page.checkpoint) == true {
                state.lanes[page.lane]?.post(.look)
            }
            state.queue.append(pages)
        }
    }

    /// Sends batch after batch; false if the database cannot be asked now.
    private func sendAll() async -> Bool {
        state.withLock { $0.queue.begin() }
        while let batch = state.withLock({ $0.queue.next }) {
            var failure: EventLogError?
            do throws(EventLogError) {
                try await log.commit(batch.checkpoint, under: batch.leases)
                state.withLock { state in
                    for page in batch.pages { state.roll.commit(page) }
                }
            } catch {
                failure = error
            }
            switch state.withLock({ $0.queue.answer(failure) }) {
            case .goOn: continue
            case .pause:
                report(failure)
                return false
            case .pass: report(failure)
            case .fenced(let batch): fence(batch)
            case .refused(let batch): refuse(batch, failure)
            }
        }
        if !state.withLock(\.queue.hasPassed) { report(nil) }
        return true
    }

    /// Nothing more is committed of lanes whose partition another node has taken.
    private func fence(_ batch: CheckpointBatch) {
        state.withLock { state in
            for page in batch.pages { state.fenced += state.roll.news(of: page) }
        }
        // Whoever has the lease now goes on at once, and what is on its way here must not come in between.
        end(batch, within: .zero)
        guard let lease = batch.leases.first else { return }
        logger.warning(
            "Another node has taken over a partition, so its lanes stop here.",
            metadata: ["partition": "\(lease.partition)", "epoch": "\(lease.epoch)"]
        )
        tell(.lost(lease))
    }

    /// Stops one lane alone; what it did since its last commit it does again when somebody has put it right.
    private func refuse(_ batch: CheckpointBatch, _ error: EventLogError?) {
        for page in batch.pages { tell(.refused(page.lane)) }
        end(batch, within: Lane.farewell)
        // Its connection was removed, and the catalog says so soon.
        guard let error, error != .laneRemoved else { return }
        for page in batch.pages {
            logger.error(
                """
                The database refuses what happened in a lane, so the lane stands still. Mend the cause, then switch its \
                connection off and on; events since its last commit are delivered again.
                """,
                metadata: [
                    "lane": "\(page.lane.consumer)/\(page.lane.partition)", "error.code": "\(error.code)",
                    "error": "\(error)",
                ]
            )
        }
    }

    private func end(_ batch: CheckpointBatch, within bound: Duration) {
        for page in batch.pages {
            let lane = state.withLock { state in
                state.roll.end(page.lane)
                return state.lanes[page.lane]
            }
            lane?.post(.stop(within: bound))
        }
    }

    /// Says that committing fails, or goes on, when that changes.
    private func report(_ error: EventLogError?) {
        let isNews = state.withLock { state in
            defer { state.isFailing = error != nil }
            return state.isFailing != (error != nil)
        }
        guard isNews else { return }
        if let error {
            logger.warning(
                "Progress could not be committed and is sent again.",
                metadata: ["error.code": "\(error.code)", "error": "\(error)"]
            )
        } else {
            logger.notice("Progress is committed again.")
        }
    }
}
