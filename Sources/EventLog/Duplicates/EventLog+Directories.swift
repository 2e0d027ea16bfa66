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
    private static let lastDirectories = Statement(
        "directories_last",
        """
        SELECT first_offset, slice_time, event_count, substring(payload FROM 1 FOR 32 + 48 * event_count)
        FROM leat.chunk WHERE partition_id = $1 AND slice_time >= $2 AND slice_time < $3 AND event_count > 0
        ORDER BY slice_time DESC LIMIT $4
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
        try await directories(
            partition,
            Self.directories,
            [.int8(partition.rawValue), .timestamp(time), .int8(from), .int8(end), .int8(Int64(limit))]
        )
    }

    /// The message ids that the partition's users have in earlier generations since `time`; nil where there are none.
    ///
    /// Not many more than `limit` are read, the newest first. It follows from the log: a user's partition is a remainder of the user's hash, and directories hold the hashes.
    func inherited(
        by partition: PartitionID,
        since time: Int64,
        until now: Int64,
        limit: Int
    ) async throws(EventLogError) -> InheritedMessages? {
        guard let (own, older) = try await ancestry(of: partition, since: time), !older.isEmpty else { return nil }
        var inherited = InheritedMessages(since: time)
        /// The partitions of which something older than `before` may be left.
        var places = older.flatMap { $0.partitionIDs(sharing: partition.number, of: own.partitions) }
            .map { (partition: $0, before: Self.farFuture) }
        while let place = places.indices.max(by: { places[$0].before < places[$1].before }) {
            guard inherited.count < limit else {
                inherited.pass(at: min(places[place].before, now))
                break
            }
            let found = try await directories(
                places[place].partition,
                Self.lastDirectories,
                [
                    .int8(places[place].partition.rawValue), .timestamp(time), .timestamp(places[place].before),
                    .int8(Int64(DuplicateWindow.directories)),
                ]
            )
            for directory in found {
                guard let entries = directory.entries else {
                    inherited.pass(at: directory.sliceTime)
                    continue
                }
                for entry in entries where own.number(of: entry.userHash) == partition.number {
                    inherited.take(entry.messageHash, at: directory.sliceTime, limit: limit)
                }
            }
            if let last = found.last, found.count == DuplicateWindow.directories {
                places[place].before = last.sliceTime
            } else {
                places.remove(at: place)
            }
        }
        return inherited
    }

    /// The far end of PostgreSQL's own range.
    private static let farFuture: Int64 = 9_000_000_000_000_000

    private func directories(
        _ partition: PartitionID,
        _ statement: Statement,
        _ parameters: [Parameter]
    ) async throws(EventLogError) -> [ChunkDirectory] {
        let rows = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(statement, parameters)
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
