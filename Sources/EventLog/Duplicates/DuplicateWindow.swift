package import EventModel
import PostgreSQL
import Synchronization

/// Finds the events whose message id was already accepted, once per partition for all lanes of the node.
///
/// The answer follows from the log alone, so every node and every replay gives the same one; memory only saves asking.
///
/// - Owner: whoever runs the lanes of this node; `forget` when a lease is gone.
package final class DuplicateWindow: Sendable {
    private final class Partition: Sendable {
        let turn = Turn()
        /// The newest first; more than one only while somebody reads far behind the others.
        let windows = Mutex<[MessageWindow]>([])
    }

    private let log: EventLog
    private let partitions = Mutex<[PartitionID: Partition]>([:])

    /// How many places of one partition are remembered at a time.
    private static let places = 2
    /// How many directories one read brings.
    private static let directories = 256

    package init(_ log: EventLog) { self.log = log }

    /// The indexes of the chunk's events that repeat an earlier one, ascending; nearly always empty.
    package func duplicates(in chunk: Chunk) async throws(EventLogError) -> [Int] {
        let partition = partitions.withLock { partitions in
            if let known = partitions[chunk.partition] { return known }
            let new = Partition()
            partitions[chunk.partition] = new
            return new
        }
        await partition.turn.take()
        do throws(EventLogError) {
            let answer = try await answer(chunk, partition)
            await partition.turn.give()
            return answer
        } catch {
            await partition.turn.give()
            throw error
        }
    }

    /// Forgets what is known of a partition that this node no longer runs.
    package func forget(_ partition: PartitionID) {
        partitions.withLock { $0[partition] = nil }
    }

    /// The partitions whose window is shorter than set, because there is no memory for more.
    package var shortened: [PartitionID] {
        let all = partitions.withLock { $0 }
        return all.compactMap { name, partition in
            partition.windows.withLock { $0.contains(where: \.isShort) } ? name : nil
        }
    }

    private func answer(_ chunk: Chunk, _ partition: Partition) async throws(EventLogError) -> [Int] {
        var windows = partition.windows.withLock { $0 }
        // The windows are ours alone while it is our turn: left inside they would be copied when changed.
        if let known = windows.first(where: { $0.knows(firstOffset: chunk.firstOffset, count: chunk.count) }) {
            return known.answers(firstOffset: chunk.firstOffset, count: chunk.count)
        }
        partition.windows.withLock { $0 = [] }
        defer { partition.windows.withLock { [windows] in $0 = windows } }
        let index = windows.firstIndex { $0.from <= chunk.firstOffset && $0.next <= chunk.firstOffset }
        var window = index.map { windows.remove(at: $0) } ?? start(at: chunk)
        defer {
            windows.insert(window, at: 0)
            if windows.count > Self.places { windows.removeLast() }
        }
        if window.next < chunk.firstOffset { try await catchUp(&window, to: chunk) }
        window.take(firstOffset: chunk.firstOffset, time: chunk.sliceTime, chunk.entries)
        return window.answers(firstOffset: chunk.firstOffset, count: chunk.count)
    }

    private func start(at chunk: Chunk) -> MessageWindow {
        let count = max(1, partitions.withLock { $0.count })
        return MessageWindow(
            length: log.settings.duplicateWindow.microseconds,
            limit: max(1024, log.settings.duplicateEntries / count),
            from: chunk.firstOffset
        )
    }

    /// Takes the directories between the window's end, or its beginning in time, and the chunk.
    private func catchUp(_ window: inout MessageWindow, to chunk: Chunk) async throws(EventLogError) {
        var time = chunk.sliceTime - window.length
        while true {
            let found = try await log.directories(
                chunk.partition,
                from: max(window.next, 0),
                notBefore: time,
                below: chunk.firstOffset,
                limit: Self.directories
            )
            for directory in found {
                window.take(firstOffset: directory.firstOffset, time: directory.sliceTime, directory.entries)
                time = directory.sliceTime
            }
            if found.count < Self.directories { return }
        }
    }
}

/// A chunk's directory without its bodies.
struct ChunkDirectory: Sendable {
    let firstOffset: Int64
    let sliceTime: Int64
    let entries: [DirectoryEntry]
}

extension EventLog {
    /// Only the beginning of the payload leaves the disk: it is stored uncompressed by PostgreSQL for that.
    private static let directories = Statement(
        "directories",
        """
        SELECT first_offset, slice_time, substring(payload FROM 1 FOR 32 + 48 * event_count) FROM leat.chunk
        WHERE partition_id = $1 AND slice_time >= $2 AND first_offset >= $3 AND first_offset < $4 AND event_count > 0
        ORDER BY slice_time LIMIT $5
        """
    )

    /// Directories in order, of the chunks that begin at `from` or later and below `end`.
    func directories(
        _ partition: PartitionID,
        from: Int64,
        notBefore time: Int64,
        below end: Int64,
        limit: Int
    ) async throws(EventLogError) -> [ChunkDirectory] {
        let rows = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(
                Self.directories,
                [.int8(partition.rawValue), .timestamp(time), .int8(from), .int8(end), .int8(Int64(limit))]
            )
        }
        var found: [ChunkDirectory] = []
        for row in rows {
            let offset: Int64
            let stored: (time: Int64, bytes: [UInt8])
            do throws(PostgreSQLError) {
                offset = try row.int8(0)
                stored = (try row.timestamp(1), try row.bytes(2))
            } catch {
                throw EventLogError(error)
            }
            do throws(ChunkFailure) {
                let entries = try ChunkHead(stored.bytes).entries(stored.bytes)
                found.append(ChunkDirectory(firstOffset: offset, sliceTime: stored.time, entries: entries))
            } catch {
                throw .corruptChunk(partition: partition, firstOffset: offset, fault: error.fault)
            }
        }
        return found
    }
}
