import EventLog
import EventModel
import Synchronization

/// A chunk on its way to the log, with everybody who waits for it.
struct GatheredChunk {
    var draft: ChunkDraft
    var waiters: [PendingRequest] = []

    init(partition: PartitionID) {
        draft = ChunkDraft(partition: partition)
    }

    func settle(_ outcome: PendingRequest.Outcome) {
        for waiter in waiters { waiter.settle(outcome) }
    }
}

/// Gathers one partition's events while the flush before is under way.
///
/// - Owner: the append queue; requests add, the partition's flusher takes.
final class Gather: Sendable {
    /// What the flusher needs to hear after an event was added.
    enum Signal {
        case nothing
        /// The first event after a quiet time.
        case begun
        /// There is enough for a flush that pays.
        case full
    }

    private struct State {
        var filling: GatheredChunk?
        /// Chunks that reached their size, the oldest first.
        var filled: [GatheredChunk] = []
        /// The flusher has heard of these events.
        var announced = false
        /// Statements under way with what was taken from here.
        var flushes = 0

        var isEmpty: Bool { filling == nil && filled.isEmpty }
    }

    let partition: PartitionID
    /// Which flusher takes from here.
    let flusher: Int
    private let chunkBytes: Int
    private let flushEvents: Int
    private let state = Mutex(State())

    init(partition: PartitionID, flusher: Int, settings: AppendQueueSettings) {
        self.partition = partition
        self.flusher = flusher
        chunkBytes = settings.chunkBytes
        flushEvents = settings.flushEvents
    }

    /// Copies one event into the partition's chunk.
    func add(_ entry: DirectoryEntry, _ bytes: [UInt8], for request: PendingRequest) -> Signal {
        state.withLock { state in
            var signal = Signal.nothing
            if let filling = state.filling, filling.draft.byteCount + bytes.count > chunkBytes {
                state.filled.append(filling)
                state.filling = nil
                signal = .full
            }
            if state.filling == nil { state.filling = GatheredChunk(partition: partition) }
            if state.filling?.waiters.last !== request {
                state.filling?.waiters.append(request)
                request.join()
            }
            state.filling?.draft.append(entry, bytes)
            if state.filling?.draft.count == flushEvents { signal = .full }
            guard !state.announced else { return signal }
            state.announced = true
            return signal == .full ? .full : .begun
        }
    }

    /// Takes what is gathered, in order; the one who takes says when it has met its end.
    func take() -> [GatheredChunk] {
        state.withLock { state in
            var chunks = state.filled
            if let filling = state.filling { chunks.append(filling) }
            state = State(flushes: state.flushes + 1)
            return chunks
        }
    }

    /// What was taken has met its end.
    func finish() { state.withLock { $0.flushes -= 1 } }

    /// Tells everybody who waits here to come again.
    func dismiss() {
        for chunk in take() { chunk.settle(.unavailable) }
        finish()
    }

    /// Whether nothing waits here or is on its way from here.
    var isIdle: Bool { state.withLock { $0.isEmpty && $0.flushes == 0 } }
}
