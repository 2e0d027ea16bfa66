package import EventModel
import Synchronization

/// Consecutive events of one partition, as they came out of the log.
///
/// The directory is read at once, the bodies are inflated when somebody first asks and then shared by everybody.
package final class Chunk: Sendable {
    package let partition: PartitionID
    package let firstOffset: Int64
    /// When PostgreSQL accepted it; grows strictly with the offset.
    /// - Unit: microseconds since 1970.
    package let sliceTime: Int64
    package let entries: [DirectoryEntry]
    /// The bodies' length in bytes.
    package let byteCount: Int
    private let stored: Stored
    private let inflated: Mutex<ChunkBodies?>

    private enum Stored: Sendable {
        case payload([UInt8], ChunkHead)
        /// The bodies never left this process.
        case here
    }

    package var count: Int { entries.count }
    /// The offset behind the last event.
    package var endOffset: Int64 { firstOffset + Int64(entries.count) }
    /// Where a reader stands who has read this chunk.
    package var end: LogPosition { LogPosition(offset: endOffset, sliceTime: sliceTime) }

    /// Reads a stored payload.
    /// - Throws: `corruptChunk` if anything in it contradicts anything else; the bodies are checked when asked for.
    package init(
        partition: PartitionID,
        firstOffset: Int64,
        sliceTime: Int64,
        count: Int,
        payload: [UInt8]
    ) throws(EventLogError) {
        self.partition = partition
        self.firstOffset = firstOffset
        self.sliceTime = sliceTime
        do throws(ChunkFailure) {
            let head = try ChunkHead(payload)
            guard head.count == count, payload.count == head.bodyStart + head.storedLength else {
                throw ChunkFailure(.lengths)
            }
            entries = try head.entries(payload)
            byteCount = head.rawLength
            stored = .payload(payload, head)
            inflated = Mutex(nil)
        } catch {
            throw .corruptChunk(partition: partition, firstOffset: firstOffset, fault: error.fault)
        }
    }

    /// A chunk that this process has just appended.
    init(_ draft: ChunkDraft, firstOffset: Int64, sliceTime: Int64) {
        partition = draft.partition
        self.firstOffset = firstOffset
        self.sliceTime = sliceTime
        entries = draft.entries
        byteCount = draft.bodies.count
        stored = .here
        inflated = Mutex(ChunkBodies(draft.bodies, draft.entries))
    }

    /// A chunk that carries a quiet partition's next offset over the end of a slice.
    init(emptyAt offset: Int64, of partition: PartitionID, sliceTime: Int64) {
        self.partition = partition
        firstOffset = offset
        self.sliceTime = sliceTime
        entries = []
        byteCount = 0
        stored = .here
        inflated = Mutex(ChunkBodies([], []))
    }

    /// The events' bytes.
    /// - Throws: `corruptChunk`.
    package func bodies() throws(EventLogError) -> ChunkBodies {
        let bodies = inflated.withLock { (bodies: inout sending ChunkBodies?) -> ChunkBodies? in
            if bodies == nil { bodies = inflate() }
            return bodies
        }
        guard let bodies else {
            throw .corruptChunk(partition: partition, firstOffset: firstOffset, fault: .bodies)
        }
        return bodies
    }

    private func inflate() -> ChunkBodies? {
        guard case .payload(let payload, let head) = stored else { return nil }
        let bytes = payload[head.bodyStart...]
        guard EventHash.key(bytes) == head.bodyHash,
            let raw = Compression.inflate(bytes, with: head.codec, count: head.rawLength)
        else { return nil }
        return ChunkBodies(raw, entries)
    }
}

/// The bodies of a chunk's events; slices share their storage.
package struct ChunkBodies: Sendable {
    package let bytes: [UInt8]
    /// Where each body begins, and where the last ends.
    private let starts: [Int]

    init(_ bytes: [UInt8], _ entries: [DirectoryEntry]) {
        self.bytes = bytes
        var starts: [Int] = []
        starts.reserveCapacity(entries.count + 1)
        var place = 0
        for entry in entries {
            starts.append(place)
            place += Int(entry.length)
        }
        starts.append(place)
        self.starts = starts
    }

    package var count: Int { starts.count - 1 }

    /// The JSON text of event `index` of the chunk, from 0.
    package subscript(index: Int) -> ArraySlice<UInt8> { bytes[starts[index]..<starts[index + 1]] }
}
