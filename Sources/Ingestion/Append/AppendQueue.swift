import Catalog
package import EventLog
import EventModel
package import Logging
import ServiceLifecycle
import Synchronization

/// Gathers the events of all requests by partition and commits them in chunks.
///
/// While one flush of a partition is under way the next one gathers, so the busier the server, the fuller its chunks and
/// the cheaper its commits. Every partition belongs to one flusher, hence its events are numbered in the order in which
/// they were accepted.
///
/// - Owner: `Ingestion` adds; `run()` starts the flushers and ends when the queue is closed and empty.
package final class AppendQueue: Service, Sendable {
    /// Writes chunks durably, all of them or none, or throws; those of one partition in their order.
    package typealias Append = @Sendable ([ChunkDraft]) async throws -> Void

    private enum Gate: Equatable {
        case open
        /// The database is away: senders are told at once.
        case resting(until: ContinuousClock.Instant)
        /// A commit takes longer than its deadline.
        case stalled
        case closed
    }

    let settings: AppendQueueSettings
    let budget: ByteBudget
    private let append: Append
    private let logger: Logger
    private let signals: [FlushSignal]
    private let gate = Mutex(Gate.open)
    /// Where each source's events are gathered since the start.
    private let places = Mutex<[SourceID: GatherPlaces]>([:])

    package init(settings: AppendQueueSettings = .init(), logger: Logger, append: @escaping Append) {
        self.settings = settings
        self.logger = logger
        self.append = append
        budget = ByteBudget(limit: settings.waitingBytes)
        signals = (0..<max(settings.flushers, 1)).map { _ in FlushSignal() }
    }

    /// Whether a request that comes now may hope for a commit.
    package var isAccepting: Bool {
        gate.withLock { gate in
            switch gate {
            case .open: true
            case .resting(let until): until <= .now
            case .stalled, .closed: false
            }
        }
    }

    /// The request bodies that are being read or wait for their commit, in bytes.
    package var waitingBytes: Int { budget.bytesInUse }

    /// Where the events of `source` are gathered, in the order of the partitions' numbers.
    ///
    /// When the source has other partitions than before, it waits until what was gathered for those is committed: a
    /// user's events may now belong to the other flusher, and must not overtake. Nil if that takes too long.
    func gathers(of source: Source) async -> [Gather]? {
        let deadline = ContinuousClock.now + settings.flushDeadline
        while true {
            let found = places.withLock { places in
                places[source.id, default: GatherPlaces()].gathers(of: source.current) { partition in
                    let flusher = (Int(partition.number) + Int(truncatingIfNeeded: source.id.rawValue)) % signals.count
                    return Gather(partition: partition, flusher: flusher, settings: settings)
                }
            }
            if let found { return found }
            guard ContinuousClock.now < deadline, (try? await Task.sleep(for: Self.changePause)) != nil else {
                return nil
            }
        }
    }

    /// How often it is looked whether the events of an earlier generation are committed.
    private static let changePause = Duration.milliseconds(2)

    /// Copies one event into its partition's chunk.
    func add(_ entry: DirectoryEntry, _ bytes: [UInt8], to gather: Gather, for request: PendingRequest) {
        let heard =
            switch gather.add(entry, bytes, for: request) {
            case .nothing: true
            case .begun: signals[gather.flusher].raise(.begun, by: gather)
            case .full: signals[gather.flusher].raise(.full, by: gather)
            }
        guard !heard else { return }
        // The flushers are gone; nobody must wait for them.
        gather.dismiss()
    }

    // MARK: Flushing

    package func run() async throws {
        await withGracefulShutdownHandler {
            await withDiscardingTaskGroup { group in
                for signal in signals { group.addTask { await self.flush(on: signal) } }
            }
        } onGracefulShutdown: {
            self.close()
        }
    }

    /// Refuses what comes from now on and lets `run()` end after what was gathered is committed.
    package func close() {
        gate.withLock { $0 = .closed }
        for signal in signals { signal.close() }
    }

    private func flush(on signal: FlushSignal) async {
        while true {
            await signal.wait(for: .begun)
            await gatherMore(signal)
            let gathers = signal.take()
            let chunks = gathers.flatMap { $0.take() }
            if !chunks.isEmpty { await commit(chunks, of: signal) }
            for gather in gathers { gather.finish() }
            if chunks.isEmpty, signal.isClosed || Task.isCancelled, signal.finish() { return }
        }
    }

    /// Waits until a chunk is full or the oldest event has waited long enough.
    private func gatherMore(_ signal: FlushSignal) async {
        guard let since = signal.begun else { return }
        await withTaskGroup { group in
            group.addTask { await signal.wait(for: .full) }
            group.addTask {
                // Ends early only by cancellation, which is what is wanted then.
                try? await Task.sleep(until: since + self.settings.flushAfter, clock: .continuous)
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// Writes `chunks` and settles them, in time: when the database does not answer, everybody who waits is told to come
    /// again, and so are those who join while it is silent.
    private func commit(_ chunks: [GatheredChunk], of signal: FlushSignal) async {
        let flush = Flush(chunks)
        await withTaskGroup(of: Bool.self) { group in
            group.addTask {
                await self.write(flush)
                return true
            }
            group.addTask { await Self.elapsed(self.settings.flushDeadline) }
            while await group.next() == false, !Task.isCancelled {
                if flush.settleAll(.unavailable) {
                    logger.warning("A commit takes too long; senders are told to come again")
                    gate.withLock { if $0 != .closed { $0 = .stalled } }
                }
                for gather in signal.take() { gather.dismiss() }
                group.addTask { await Self.elapsed(.milliseconds(100)) }
            }
            group.cancelAll()
            await group.waitForAll()
        }
        gate.withLock { if $0 == .stalled { $0 = .open } }
    }

    private static func elapsed(_ time: Duration) async -> Bool {
        // Cancelled when the write has ended; nobody looks at the answer then.
        try? await Task.sleep(for: time)
        return false
    }

    private func write(_ flush: Flush) async {
        do {
            try await append(flush.drafts)
            flush.settleAll(.committed)
            reopen()
        } catch  where flush.drafts.count > 1 && !Self.isPassing(error) {
            // One chunk that the database refuses must not take the others of its flush along.
            await writeSingly(flush)
        } catch {
            lost(error)
            flush.settleAll(.unavailable)
        }
    }

    private func writeSingly(_ flush: Flush) async {
        for (place, draft) in flush.drafts.enumerated() {
            do {
                try await append([draft])
                flush.settle(place, .committed)
            } catch {
                lost(error)
                flush.settle(place, .unavailable)
            }
        }
    }

    // MARK: The database away and back

    private static func isPassing(_ error: any Error) -> Bool {
        guard let error = error as? any ClassifiedError else { return true }
        if case .retry = error.disposition { return true }
        return false
    }

    private func lost(_ error: any Error) {
        let details: Logger.Metadata = ["error": "\(error)"]
        guard Self.isPassing(error) else {
            logger.error("A chunk was refused by the database", metadata: details)
            return
        }
        let wasOpen = gate.withLock { gate in
            guard gate != .closed else { return false }
            let wasOpen = gate == .open
            gate = .resting(until: .now + settings.restAfterLoss)
            return wasOpen
        }
        if wasOpen { logger.warning("The database is away; events are refused until it is back", metadata: details) }
    }

    private func reopen() {
        let wasAway = gate.withLock { gate in
            guard case .resting = gate else { return false }
            gate = .open
            return true
        }
        if wasAway { logger.notice("The database is back; events are accepted again") }
    }
}
