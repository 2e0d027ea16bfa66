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
        var waiting: [PartitionID: [UInt64: AsyncStream<Void>.Continuation]] = [:]
        var nextNumber: UInt64 = 0
        /// Appended here and not yet told to other nodes.
        var untold: Set<PartitionID> = []
    }

    private let state = Mutex(State())
    /// Yields after appends of this node that other nodes have not been told of.
    let untold: AsyncStream<Void>
    private let tell: AsyncStream<Void>.Continuation

    init() {
        (untold, tell) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    }

    /// An element now, and one or more after every growth of the partition; signals that nobody took yet are one.
    package func changes(of partition: PartitionID) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let number = state.withLock { state in
            state.nextNumber += 1
            state.waiting[partition, default: [:]][state.nextNumber] = continuation
            return state.nextNumber
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { state in
                state.waiting[partition]?[number] = nil
                if state.waiting[partition]?.isEmpty == true { state.waiting[partition] = nil }
            }
        }
        continuation.yield()
        return stream
    }

    /// The highest end of the partition that this node has heard of; there may be more.
    package func knownEnd(of partition: PartitionID) -> Int64 { state.withLock { $0.ends[partition] ?? 0 } }

    /// Notes that the partition has grown to `end`.
    func moved(_ partition: PartitionID, to end: Int64, here: Bool) {
        let continuations = state.withLock { state -> [AsyncStream<Void>.Continuation] in
            state.ends[partition] = max(state.ends[partition] ?? 0, end)
            if here { state.untold.insert(partition) }
            return Array((state.waiting[partition] ?? [:]).values)
        }
        for continuation in continuations { continuation.yield() }
        if here { tell.yield() }
    }

    /// Wakes the readers of some partitions, or of all.
    func wake(_ partitions: [PartitionID]?) {
        let continuations = state.withLock { state in
            (partitions ?? Array(state.waiting.keys)).flatMap { Array((state.waiting[$0] ?? [:]).values) }
        }
        for continuation in continuations { continuation.yield() }
    }

    /// Takes the partitions that other nodes have not been told of.
    func takeUntold() -> Set<PartitionID> {
        state.withLock { state in
            defer { state.untold.removeAll(keepingCapacity: true) }
            return state.untold
        }
    }
}
