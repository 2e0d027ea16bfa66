import EventModel
import PostgreSQL

/// A chunk's directory without its bodies.
struct ChunkDirectory: Sendable {
    let firstOffset: Int64
    let sliceTime: Int64
    let count: Int
    /// Nil for a damaged one.
    let entries: [DirectoryEntry]?
}

extension EventLog {
    /// Only the beginning of the payload leaves the disk: it is stored uncompressed by PostgreSQL for that.
    private static let directories = Statement(
        "directories",
        """
        SELECT first_offset, slice_time, event_count, substring(payload FROM 1 FOR 32 + 48 * event_count)
        FROM leat.chunk
        WHERE partition_id = $1 AND slice_time >= $2 AND first_offset >= $3 AND first_offset < $4 AND event_count > 0
        ORDER BY slice_time LIMIT $5
        """
    )

    /// The message ids that the partition's users have in earlier generations; nil where there are none.
    ///
    /// It follows from the log: a user's partition is a remainder of the user's hash, and directories hold the hashes.
    func inherited(
        by partition: PartitionID,
        since time: Int64,
        limit: Int
    ) async throws(EventLogError) -> InheritedMessages? {
        guard let (own, older) = try await ancestry(of: partition, since: time), !older.isEmpty else { return nil }
        var inherited = InheritedMessages(since: time)
        for old in older.flatMap({ $0.partitionIDs(sharing: partition.number, of: own.partitions) }) {
            try await forEachDirectory(of: old, notBefore: time) { directory in
                guard let entries = directory.entries else { return inherited.pass(at: directory.sliceTime) }
                for entry in entries where own.number(of: entry.userHash) == partition.number {
                    inherited.take(entry.messageHash, at: directory.sliceTime, limit: limit)
                }
            }
        }
        return inherited
    }

    /// Gives every directory of a partition that takes no more events, from a time on.
    private func forEachDirectory(
        of partition: PartitionID,
        notBefore time: Int64,
        _ body: (ChunkDirectory) -> Void
    ) async throws(EventLogError) {
        var (next, after) = (Int64(0), time)
        while true {
            let limit = DuplicateWindow.directories
            let found = try await directories(partition, from: next, notBefore: after, below: .max, limit: limit)
            for directory in found { body(directory) }
            guard let last = found.last, found.count == limit else { return }
            (next, after) = (last.firstOffset + Int64(last.count), last.sliceTime)
        }
    }

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
            let stored: (time: Int64, count: Int, bytes: [UInt8])
            do throws(PostgreSQLError) {
                offset = try row.int8(0)
                stored = (try row.timestamp(1), try row.int(2), try row.bytes(3))
            } catch {
                throw EventLogError(error)
            }
            var entries: [DirectoryEntry]?
            do throws(ChunkFailure) {
                let head = try ChunkHead(stored.bytes)
                guard head.count == stored.count else { throw ChunkFailure(.lengths) }
                entries = try head.entries(stored.bytes)
            } catch {
                note(.corruptChunk(partition: partition, firstOffset: offset, fault: error.fault))
            }
            found.append(
                ChunkDirectory(firstOffset: offset, sliceTime: stored.time, count: stored.count, entries: entries)
            )
        }
        return found
    }
}
