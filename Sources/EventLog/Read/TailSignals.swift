package import EventModel
import Synchronization

/// Wakes readers when a partition may have grown.
///
/// A signal says "look again", never what there is, so that many appends need one signal and a lost one costs a poll.
///
/// - Owner: the log.
package final class TailSignals: Sendable {
    private struct State {
        /// The highest end of each partition that this node has heard of.
        var ends: [PartitionID: Int64] = [:]
        var waiting: [PartitionID: [UInt64: @Sendable () -> Void]] = [:]
        var nextNumber: UInt64 = 0
        /// Where each partition ended at its last signal; nothing here if that is not known.
        var settled: [PartitionID: Int64] = [:]
        /// Grows with every signal of the partition.
        var versions: [PartitionID: UInt64] = [:]
        var wakes: UInt64 = 0
        /// Whether signals of other nodes come at all.
        var isListening = false
        /// Appended here and not yet told to other nodes.
        var untold: Set<PartitionID> = []
        /// Whoever tells other nodes.
        var teller: AsyncStream<Void>.Continuation?

        func version(of partition: PartitionID) -> UInt64 { wakes &+ (versions[partition] ?? 0) }
    }

    private let state = Mutex(State())

    /// Yields after appends of this node that other nodes have not been told of; there is one such stream at a time.
    func appends() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        state.withLock { $0.teller = continuation }
        continuation.yield()
        return stream
    }

    /// Calls `look` once or more after every growth of the partition, from any thread; it must return at once.
    ///
    /// - Returns: what ``unwatch(_:_:)`` is told.
    package func watch(_ partition: PartitionID, _ look: @escaping @Sendable () -> Void) -> UInt64 {
        state.withLock { state in
            state.nextNumber += 1
            state.waiting[partition, default: [:]][state.nextNumber] = look
            return state.nextNumber
        }
    }

    package func unwatch(_ partition: PartitionID, _ number: UInt64) {
        state.withLock { state in
            state.waiting[partition]?[number] = nil
            if state.waiting[partition]?.isEmpty == true { state.waiting[partition] = nil }
        }
    }

    /// The partitions that somebody reads here.
    var watched: [PartitionID] { state.withLock { Array($0.waiting.keys) } }

    /// Takes in where partitions end, and wakes the readers of those that grew beyond all that was heard of them.
    func found(_ ends: [PartitionID: Int64]) {
        let looks = state.withLock { state in
            var looks: [@Sendable () -> Void] = []
            for (partition, end) in ends where end > max(state.ends[partition] ?? 0, state.settled[partition] ?? 0) {
                state.ends[partition] = end
                state.versions[partition, default: 0] += 1
                state.settled[partition] = nil
                looks += (state.waiting[partition] ?? [:]).values
            }
            return looks
        }
        for look in looks { look() }
    }

    /// The highest end of the partition that this node has heard of; there may be more.
    package func knownEnd(of partition: PartitionID) -> Int64 { state.withLock { $0.ends[partition] ?? 0 } }

    /// Notes that this node has made the partition grow to `end`, which is where it ends unless a signal came since
    /// `version`.
    func moved(_ partition: PartitionID, to end: Int64, since version: UInt64) {
        let (looks, teller) = state.withLock { state in
            let isLast = state.version(of: partition) == version
            state.ends[partition] = max(state.ends[partition] ?? 0, end)
            state.settled[partition] = isLast ? end : nil
            state.versions[partition, default: 0] += 1
            state.untold.insert(partition)
            return (Array((state.waiting[partition] ?? [:]).values), state.teller)
        }
        for look in looks { look() }
        teller?.yield()
    }

    /// Wakes the readers of some partitions, or of all.
    func wake(_ partitions: [PartitionID]?) {
        let looks = state.withLock { state in
            state.wakes += 1
            if let partitions {
                for partition in partitions { state.settled[partition] = nil }
            } else {
                state.settled.removeAll(keepingCapacity: true)
            }
            return (partitions ?? Array(state.waiting.keys)).flatMap { Array((state.waiting[$0] ?? [:]).values) }
        }
        for look in looks { look() }
    }

    /// Says whether signals of other nodes come, without which an end is never taken for settled.
    func setListening(_ isListening: Bool) {
        state.withLock { state in
            state.isListening = isListening
            state.settled.removeAll(keepingCapacity: true)
        }
    }

    /// Whether a reader at this offset has seen all that there was at the last signal: asking the database again before
    /// the next signal would only cost.
    func isSettled(_ partition: PartitionID, at offset: Int64) -> Bool {
        state.withLock { $0.isListening && $0.settled[partition] == offset }
    }

    /// Names the present state of the partition's signals.
    func version(of partition: PartitionID) -> UInt64 {
        state.withLock { $0.version(of: partition) }
    }

    /// Notes that nothing was found beyond `offset`, unless a signal came since `version`.
    func settle(_ partition: PartitionID, at offset: Int64, since version: UInt64) {
        state.withLock { state in
            guard state.version(of: partition) == version else { return }
            state.settled[partition] = offset
        }
    }

    /// Takes the partitions that other nodes have not been told of.
    func takeUntold() -> Set<PartitionID> {
        state.withLock { state in
            defer { state.untold.removeAll(keepingCapacity: true) }
            return state.untold
        }
    }
}
