package import EventModel
import PostgreSQL

/// Dead letters as people ask for them.
///
/// Every statement is of one consumer, whose dead letters the index holds by their time, and looks at a bounded number of
/// rows: a filter that fits nothing ends soon too, and says how far it has come.
extension EventLog {
    private static let page = Statement(
        "dead_letters",
        """
        SELECT partition_id, consumer_id, event_offset, part, died_at, user_hash, stage, code, reason, plugin, attempts,
            edited_at, edited_by, requeued_at, requeued_by, fits, looked
        FROM (
            SELECT i.*, row_number() OVER (ORDER BY died_at DESC, partition_id DESC, event_offset DESC, part DESC) AS n,
                count(*) OVER () AS looked
            FROM (
                SELECT partition_id, consumer_id, event_offset, part, died_at, user_hash, stage, code, reason, plugin,
                    attempts, edited_at, edited_by, requeued_at, requeued_by,
                    ($8::text IS NULL OR stage = $8) AND ($9::text IS NULL OR code = $9)
                        AND ($10::text IS NULL OR coalesce(plugin = $10 OR starts_with(plugin, $10 || '@'), false))
                        AND ($11::bigint IS NULL OR user_hash = $11)
                        AND ($12::boolean IS NULL OR (requeued_at IS NOT NULL) = $12)
                        AND ($13::bytea IS NULL OR payload_before IS NULL OR position($13 IN payload_before) > 0
                            OR encode(payload_before, 'escape') ~ '"messageId"\\s*:\\s*"[^"]*\\\\') AS fits
                FROM leat.dead_letter
                WHERE consumer_id = $1 AND died_at >= $2 AND died_at <= $3
                    AND (died_at, partition_id, event_offset, part) < ($3, $4, $5, $6)
                ORDER BY died_at DESC, partition_id DESC, event_offset DESC, part DESC LIMIT $7
            ) AS i
        ) AS s
        WHERE fits OR n = looked
        ORDER BY died_at DESC, partition_id DESC, event_offset DESC, part DESC LIMIT $14
        """,
        timeout: peopleTimeout
    )
    private static let records = Statement(
        "dead_letter_records",
        """
        SELECT d.partition_id, d.consumer_id, d.event_offset, d.part, d.died_at, d.user_hash, d.stage, d.code, d.reason,
            d.plugin, d.attempts, d.edited_at, d.edited_by, d.requeued_at, d.requeued_by, d.slice_time, d.payload_before,
            d.payload_after, d.edited_payload, d.history
        FROM unnest($1::bigint[], $2::bigint[], $3::timestamptz[], $4::bigint[], $5::integer[]) AS u (id, consumer, at, o, p)
            JOIN leat.dead_letter d ON d.partition_id = u.id AND d.consumer_id = u.consumer AND d.died_at = u.at
                AND d.event_offset = u.o AND d.part = u.p
        """,
        timeout: peopleTimeout
    )
    /// How many rows of one consumer one answer looks at.
    package static let lettersLooked = 20_000
    /// How many dead letters are read whole at a time, with payloads and tries of about 64 KiB each at most.
    package static let lettersRead = 100

    /// The next dead letters that fit, of all consumers or of those that the filter names, the newest first, behind a
    /// place; at most `limit`, and fewer where many had to be looked at.
    ///
    /// Of a message id only what could have it is given: whoever asks for one must look into the event.
    package func letters(
        _ filter: DeadLetterFilter,
        behind place: DeadLetterID?,
        limit: Int
    ) async throws(EventLogError) -> DeadLetterPage {
        var consumers = filter.consumers
        if consumers == nil { consumers = try await letterConsumers().map(\.id) }
        var page = DeadLetterPage()
        for consumer in consumers ?? [] {
            page.add(try await letters(of: consumer, filter, behind: place, limit: limit), limit: limit)
        }
        return page
    }

    /// The next dead letters of one consumer that fit, the newest first, behind a place; at most `limit`, and fewer where
    /// many had to be looked at.
    package func letters(
        of consumer: ConsumerID,
        _ filter: DeadLetterFilter,
        behind place: DeadLetterID?,
        limit: Int
    ) async throws(EventLogError) -> DeadLetterPage {
        var page = DeadLetterPage(next: place)
        var left = Self.lettersLooked
        // Where most of them fit, no more is looked at than is given.
        var size = min(limit, left)
        while true {
            let wanted = limit - page.letters.count
            let found = try await look(at: size, of: consumer, filter, behind: page.next, wanted)
            page.letters += found.letters
            page.next = found.last
            left -= size
            if page.letters.count >= limit { return page }
            guard found.looked >= size else {
                page.next = nil
                return page
            }
            if left <= 0 { return page }
            size = min(size * 4, left)
        }
    }

    /// Looks at so many rows; says which of them fit, how many there were, and where the last of them stands.
    private func look(
        at rows: Int,
        of consumer: ConsumerID,
        _ filter: DeadLetterFilter,
        behind place: DeadLetterID?,
        _ limit: Int
    ) async throws(EventLogError) -> (letters: [DeadLetterReport], looked: Int, last: DeadLetterID?) {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(Self.page, Self.parameters(consumer, filter, place, rows, limit))
            var letters: [DeadLetterReport] = []
            var (looked, last): (Int, DeadLetterID?) = (0, nil)
            for row in rows {
                let report = try Self.report(row)
                (looked, last) = (try row.int(16), report.id)
                if try row.bool(15) { letters.append(report) }
            }
            return (letters, looked, last)
        }
    }

    private static func parameters(
        _ consumer: ConsumerID,
        _ filter: DeadLetterFilter,
        _ place: DeadLetterID?,
        _ rows: Int,
        _ limit: Int
    ) -> [Parameter] {
        let until = min(filter.until ?? DeadLetterID.latest, DeadLetterID.latest)
        // A place of another consumer at the same time stands before or behind all of this one's in its partition.
        var (at, partition, offset, part) = (until, Int64.max, Int64.max, Int32.max)
        if let place, place.at <= until {
            (at, partition) = (place.at, place.partition.rawValue)
            if place.consumer == consumer {
                (offset, part) = (place.offset, Int32(place.part ?? -1))
            } else if place.consumer < consumer {
                (offset, part) = (-1, -1)
            }
        }
        return [
            .int8(consumer.rawValue), .timestamp(filter.from ?? 0), .timestamp(at), .int8(partition), .int8(offset),
            .int4(part), .int8(Int64(rows)), filter.stage.map { .text($0) } ?? .null,
            filter.code.map { .text($0) } ?? .null, filter.plugin.map { .text($0) } ?? .null,
            filter.user.map { .int8(Int64(bitPattern: EventHash.key($0))) } ?? .null,
            filter.isRequeued.map { .bool($0) } ?? .null,
            filter.messageID.map { .bytes(Array($0.utf8)) } ?? .null, .int8(Int64(limit)),
        ]
    }

    /// Everything that is kept of these, in their order; those that are not there any more are left out.
    package func letterRecords(_ ids: [DeadLetterID]) async throws(EventLogError) -> [DeadLetterRecord] {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(
                Self.records,
                [
                    .int8Array(ids.map(\.partition.rawValue)), .int8Array(ids.map(\.consumer.rawValue)),
                    .timestampArray(ids.map(\.at)), .int8Array(ids.map(\.offset)),
                    .int4Array(ids.map { Int32($0.part ?? -1) }),
                ]
            )
            var found: [DeadLetterID: DeadLetterRecord] = [:]
            for row in rows {
                let record = DeadLetterRecord(
                    report: try Self.report(row),
                    acceptedAt: try row.timestamp(15),
                    event: try row.bytesOrNull(16),
                    transformed: try row.bytesOrNull(17),
                    edited: try row.bytesOrNull(18),
                    history: try row.textOrNull(19)
                )
                found[record.report.id] = record
            }
            return ids.compactMap { found[$0] }
        }
    }

    static func letterID(_ row: Row) throws(PostgreSQLError) -> DeadLetterID {
        let part = try row.int(3)
        return DeadLetterID(
            partition: PartitionID(rawValue: try row.int8(0)),
            consumer: ConsumerID(rawValue: try row.int8(1)),
            at: try row.timestamp(4),
            offset: try row.int8(2),
            part: part < 0 ? nil : part
        )
    }

    private static func report(_ row: Row) throws(PostgreSQLError) -> DeadLetterReport {
        var (edited, requeued): (DeadLetterReport.Deed?, DeadLetterReport.Deed?) = (nil, nil)
        if let at = try row.timestampOrNull(11) { edited = .init(at: at, by: try row.textOrNull(12) ?? "") }
        if let at = try row.timestampOrNull(13) {
            requeued = .init(at: at, by: try row.int8OrNull(14).map(String.init) ?? "")
        }
        return DeadLetterReport(
            id: try letterID(row),
            userHash: UInt64(bitPattern: try row.int8(5)),
            stage: try row.text(6),
            code: try row.text(7),
            message: try row.text(8),
            plugin: try row.textOrNull(9),
            attempts: try row.int(10),
            edited: edited,
            requeued: requeued
        )
    }
}
