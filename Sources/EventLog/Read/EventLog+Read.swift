package import EventModel
import PostgreSQL

/// How much one read may bring.
package struct ReadLimit: Sendable {
    package var chunks: Int
    /// Of bodies; the first chunk comes whatever its size.
    package var bytes: Int

    package init(chunks: Int = 32, bytes: Int = 2 * 1024 * 1024) {
        self.chunks = chunks
        self.bytes = bytes
    }
}

extension EventLog {
    /// Chunks in order until the sum of those before passes the bound; every slice from the reader's time on.
    private static let read = Statement(
        "read",
        """
        SELECT first_offset, slice_time, event_count, payload FROM (
            SELECT first_offset, slice_time, event_count, payload, sum(byte_count) OVER (ORDER BY slice_time) AS bytes,
                byte_count
            FROM leat.chunk
            WHERE partition_id = $1 AND slice_time >= $2 AND first_offset + event_count > $3
            ORDER BY slice_time LIMIT $4
        ) AS c WHERE c.bytes - c.byte_count < $5 ORDER BY slice_time
        """
    )
    private static let tail = Statement("tail", "SELECT next_offset, slice_time FROM leat.tail($1)")

    /// The chunks that hold the events from `position` on; empty if there are none yet.
    ///
    /// The first chunk may begin before the position; one that begins behind it says that what lies between has left the
    /// log, and is empty where nothing came since. All lanes of the node share one read of a chunk, and while the
    /// log runs, a reader at the end asks the database once per signal, unless it asks `afresh`, because it takes for gone
    /// what does not come. What lies before a damaged chunk is given.
    ///
    /// - Throws: `database` (try again), `corruptChunk` if the first one's directory is damaged.
    package func read(
        _ partition: PartitionID,
        after position: LogPosition,
        limit: ReadLimit = ReadLimit(),
        afresh: Bool = false
    ) async throws(EventLogError) -> [Chunk] {
        while true {
            let cached = cache.run(partition, from: position.offset, limit)
            if !cached.isEmpty || !afresh && signals.isSettled(partition, at: position.offset) { return cached }
            guard cache.begin(partition, at: position.offset) else {
                await cache.waitForReader(partition, at: position.offset)
                continue
            }
            defer { cache.finish(partition, at: position.offset) }
            let version = signals.version(of: partition)
            let chunks = try await fetch(partition, after: position, limit)
            for chunk in chunks { cache.insert(chunk) }
            if chunks.isEmpty { signals.settle(partition, at: position.offset, since: version) }
            return chunks
        }
    }

    /// The same for somebody who reads alone: nothing is taken from memory or kept there.
    package func readAside(
        _ partition: PartitionID,
        after position: LogPosition,
        limit: ReadLimit = ReadLimit()
    ) async throws(EventLogError) -> [Chunk] {
        try await fetch(partition, after: position, limit)
    }

    /// Where the partition ends now: the position of somebody who has read everything.
    package func tail(_ partition: PartitionID) async throws(EventLogError) -> LogPosition {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(Self.tail, [.int8(partition.rawValue)])
            guard let row = rows.first else { return .beginning }
            return LogPosition(offset: try row.int8(0), sliceTime: try row.timestamp(1))
        }
    }

    private func fetch(
        _ partition: PartitionID,
        after position: LogPosition,
        _ limit: ReadLimit
    ) async throws(EventLogError) -> [Chunk] {
        let rows = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(
                Self.read,
                [
                    .int8(partition.rawValue), .timestamp(position.sliceTime), .int8(position.offset),
                    .int8(Int64(limit.chunks)), .int8(Int64(limit.bytes)),
                ]
            )
        }
        var chunks: [Chunk] = []
        chunks.reserveCapacity(rows.count)
        for row in rows {
            let stored: (offset: Int64, time: Int64, count: Int, payload: [UInt8])
            do throws(PostgreSQLError) {
                stored = (try row.int8(0), try row.timestamp(1), try row.int(2), try row.bytes(3))
            } catch {
                throw EventLogError(error)
            }
            guard stored.count > 0 else {
                chunks.append(Chunk(emptyAt: stored.offset, of: partition, sliceTime: stored.time))
                continue
            }
            do throws(EventLogError) {
                chunks.append(
                    try Chunk(
                        partition: partition,
                        firstOffset: stored.offset,
                        sliceTime: stored.time,
                        count: stored.count,
                        payload: stored.payload
                    )
                )
            } catch {
                note(error)
                if chunks.isEmpty { throw error }
                break
            }
        }
        return chunks
    }
}
