import EventModel
import Synchronization

/// The chunks that were last appended or read on this node, so that all its lanes share one read and one inflation.
///
/// - Owner: the log. Oldest in, first out, within a bound of bytes.
final class TailCache: Sendable {
    private struct Key: Hashable {
        let partition: PartitionID
        let firstOffset: Int64
    }

    private struct State {
        var chunks: [Key: Chunk] = [:]
        /// In the order of arrival; the part before `oldest` is gone.
        var order: [Key] = []
        var oldest = 0
        var bytes = 0
        /// Reads under way, and who waits for them.
        var reading: [Key: [CheckedContinuation<Void, Never>]] = [:]
    }

    private let state = Mutex(State())
    private let bound: Int

    /// What a chunk costs beside its bodies, in bytes per event and per chunk.
    private static let costPerEvent = 64
    private static let costPerChunk = 512

    init(bytes: Int) { bound = bytes }

    func insert(_ chunk: Chunk) {
        guard chunk.count > 0 else { return }
        let key = Key(partition: chunk.partition, firstOffset: chunk.firstOffset)
        state.withLock { state in
            guard state.chunks.updateValue(chunk, forKey: key) == nil else { return }
            state.order.append(key)
            state.bytes += Self.cost(chunk)
            while state.bytes > bound, state.oldest < state.order.count {
                if let gone = state.chunks.removeValue(forKey: state.order[state.oldest]) {
                    state.bytes -= Self.cost(gone)
                }
                state.oldest += 1
            }
            if state.oldest > 4096, state.oldest > state.order.count / 2 {
                state.order.removeFirst(state.oldest)
                state.oldest = 0
            }
        }
    }

    /// The chunks from exactly this offset on, as far as they follow each other here.
    func run(_ partition: PartitionID, from offset: Int64, _ limit: ReadLimit) -> [Chunk] {
        state.withLock { state in
            var found: [Chunk] = []
            var bytes = 0
            var next = offset
            while found.count < limit.chunks, bytes < limit.bytes,
                let chunk = state.chunks[Key(partition: partition, firstOffset: next)]
            {
                found.append(chunk)
                bytes += chunk.byteCount
                next = chunk.endOffset
            }
            return found
        }
    }

    /// Whether the caller is to read from this place; it must then call ``finish(_:at:)``.
    ///
    /// False while another does.
    func begin(_ partition: PartitionID, at offset: Int64) -> Bool {
        let key = Key(partition: partition, firstOffset: offset)
        return state.withLock { state in
            guard state.reading[key] == nil else { return false }
            state.reading[key] = []
            return true
        }
    }

    /// Waits until the read from this place is finished.
    func waitForReader(_ partition: PartitionID, at offset: Int64) async {
        let key = Key(partition: partition, firstOffset: offset)
        await withCheckedContinuation { (mine: CheckedContinuation<Void, Never>) in
            let isOver = state.withLock { state in
                guard state.reading[key] != nil else { return true }
                state.reading[key]?.append(mine)
                return false
            }
            if isOver { mine.resume() }
        }
    }

    func finish(_ partition: PartitionID, at offset: Int64) {
        let key = Key(partition: partition, firstOffset: offset)
        let waiting = state.withLock { $0.reading.removeValue(forKey: key) ?? [] }
        for continuation in waiting { continuation.resume() }
    }

    private static func cost(_ chunk: Chunk) -> Int {
        costPerChunk + chunk.byteCount + chunk.count * costPerEvent
    }
}
