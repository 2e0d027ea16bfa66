package import EventModel
import PostgreSQL

/// Where somebody begins to read a partition: at an offset, at a time, or at the later of the two.
package struct CatPlace: Equatable, Sendable {
    package var offset: Int64?
    /// - Unit: microseconds since 1970.
    package var time: Int64?

    package init(offset: Int64? = nil, time: Int64? = nil) {
        self.offset = offset
        self.time = time
    }
}

/// Events for people to look at, past the cache that the lanes share.
extension EventLog {
    /// Chunks of one partition until the sum of those before passes the bound.
    private static let cat = Statement(
        "report_events",
        """
        SELECT first_offset, slice_time, event_count, payload FROM (
            SELECT first_offset, slice_time, event_count, payload, sum(byte_count) OVER (ORDER BY slice_time) AS bytes,
                byte_count
            FROM leat.chunk
            WHERE partition_id = $1 AND slice_time >= $2
                AND first_offset + event_count > $3 AND event_count > 0
            ORDER BY slice_time LIMIT $4
        ) AS c WHERE c.bytes - c.byte_count < $5 ORDER BY slice_time
        """,
        timeout: peopleTimeout
    )
    /// Where to begin when only an offset is known.
    private static let seek = Statement("report_place", "SELECT leat.seek($1, $2)", timeout: peopleTimeout)
    /// What one answer may bring: bytes of bodies, beyond which no chunk is begun.
    private static let pageBytes: Int64 = 1024 * 1024

    /// The next events of a partition, at most `limit` and fewer where they are large; empty at the end of the log.
    ///
    /// What cannot be read is told in its place, and reading goes on behind it.
    package func events(
        _ partition: PartitionID,
        from place: CatPlace,
        limit: Int
    ) async throws(EventLogError) -> [LoggedEvent] {
        let rows = try await translated { () async throws(PostgreSQLError) in
            let id = Parameter.int8(partition.rawValue)
            var time = place.time
            if time == nil {
                let row = try await pool.query(Self.seek, [id, .int8(place.offset ?? 0)]).first
                time = try row.flatMap { row throws(PostgreSQLError) in row.isNull(0) ? nil : try row.timestamp(0) }
            }
            return try await pool.query(
                Self.cat,
                [id, .timestamp(time ?? 0), .int8(place.offset ?? 0), .int8(Int64(limit)), .int8(Self.pageBytes)]
            )
        }
        var events: [LoggedEvent] = []
        for row in rows where events.count < limit {
            let stored: (offset: Int64, time: Int64, count: Int, payload: [UInt8])
            do throws(PostgreSQLError) {
                stored = (try row.int8(0), try row.timestamp(1), try row.int(2), try row.bytes(3))
            } catch {
                throw EventLogError(error)
            }
            events += Self.events(partition, stored, from: place.offset ?? 0)
        }
        return Array(events.prefix(limit))
    }

    private static func events(
        _ partition: PartitionID,
        _ stored: (offset: Int64, time: Int64, count: Int, payload: [UInt8]),
        from first: Int64
    ) -> [LoggedEvent] {
        guard
            let chunk = try? Chunk(
                partition: partition,
                firstOffset: stored.offset,
                sliceTime: stored.time,
                count: stored.count,
                payload: stored.payload
            )
        else {
            let begin = max(first, stored.offset)
            let count = stored.offset + Int64(stored.count) - begin
            return [
                LoggedEvent(
                    offset: begin,
                    count: count,
                    acceptedAt: stored.time,
                    receivedAt: 0,
                    type: "damaged",
                    body: nil
                )
            ]
        }
        let bodies = try? chunk.bodies()
        return chunk.entries.enumerated().compactMap { index, entry in
            let offset = chunk.firstOffset + Int64(index)
            guard offset >= first else { return nil }
            return LoggedEvent(
                offset: offset,
                acceptedAt: chunk.sliceTime,
                receivedAt: entry.receivedAt,
                type: entry.eventType?.name ?? "unknown",
                body: bodies.map { Array($0[index]) }
            )
        }
    }
}
