package import EventModel
import PostgreSQL

/// An event that was refused, cut to a bound, for a person to look at.
package struct RefusedSample: Equatable, Sendable {
    package var source: SourceID
    /// A short word, bounded in number.
    package var reason: String
    /// A sentence.
    package var detail: String
    package var sample: [UInt8]
    /// Set when read.
    package var at: Int64 = 0

    package init(source: SourceID, reason: String, detail: String, sample: [UInt8]) {
        self.source = source
        self.reason = reason
        self.detail = detail
        self.sample = sample
    }
}

/// How many events of one source were refused for one reason.
package struct RefusedCount: Hashable, Sendable {
    package var source: SourceID
    package var reason: String
    package var events: Int64

    package init(source: SourceID, reason: String, events: Int64) {
        self.source = source
        self.reason = reason
        self.events = events
    }
}

/// What was refused until one moment, to be kept once however often it is sent.
package struct RefusedFlush: Equatable, Sendable {
    /// Counts the flushes of this run of the node, from 1.
    package var number: Int64
    /// When it was gathered; the counts belong to this minute.
    ///
    /// - Unit: microseconds since 1970.
    package var at: Int64
    package var counts: [RefusedCount]
    package var samples: [RefusedSample]

    package init(number: Int64, at: Int64, counts: [RefusedCount], samples: [RefusedSample]) {
        self.number = number
        self.at = at
        self.counts = counts
        self.samples = samples
    }
}

extension EventLog {
    /// The longest sample that is kept, in bytes.
    package static let refusedSampleBytes = 4096
    /// How many samples of each source are kept.
    package static let refusedSamples = 1000

    private static let refuse = Statement(
        "refuse",
        """
        WITH counted AS (
            INSERT INTO leat.refused_count AS c (source_id, minute, node_id, reason, events, flush)
            SELECT source, date_trunc('minute', $3), $1, reason, sum(events), $2 FROM unnest($4, $5, $6)
                AS u (source, reason, events) GROUP BY source, reason
            ON CONFLICT (source_id, minute, node_id, reason)
                DO UPDATE SET events = c.events + excluded.events, flush = excluded.flush
                WHERE c.flush < excluded.flush
        )
        INSERT INTO leat.refused (node_id, flush, source_id, reason, detail, sample, place)
        SELECT $1, $2, u.* FROM unnest($7, $8, $9, $10) WITH ORDINALITY AS u ON CONFLICT DO NOTHING
        """,
        isCancellable: false
    )
    private static let refused = Statement(
        "refused",
        """
        SELECT source_id, reason, detail, sample, refused_at FROM leat.refused WHERE source_id = $1
        ORDER BY refused_id DESC LIMIT $2
        """
    )
    static let refusedCounts = Statement(
        "refused_counts",
        """
        SELECT source_id, reason, sum(events)::bigint FROM leat.refused_count
        WHERE source_id = ANY ($1) GROUP BY 1, 2 ORDER BY 1, 2
        """
    )
    /// Adds to the counts of refused events and keeps some of them; gather for a second or so before calling.
    ///
    /// After a failure the same flush may be sent again, whether or not it came through, but no later one before it.
    /// `node` is the number that this run of the node had first; it may have another by now.
    package func refuse(_ flush: RefusedFlush, of node: NodeID) async throws(EventLogError) {
        let (counts, samples) = (flush.counts, flush.samples)
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(
                Self.refuse,
                [
                    .int8(node.rawValue), .int8(flush.number), .timestamp(flush.at),
                    .int8Array(counts.map(\.source.rawValue)), .textArray(counts.map(\.reason.storable)),
                    .int8Array(counts.map(\.events)),
                    .int8Array(samples.map(\.source.rawValue)), .textArray(samples.map(\.reason.storable)),
                    .textArray(samples.map(\.detail.storable)),
                    .bytesArray(samples.map { Array($0.sample.prefix(Self.refusedSampleBytes)) }),
                ]
            )
        }
    }

    /// The last refused events of a source, latest first.
    package func refused(_ source: SourceID, limit: Int = 100) async throws(EventLogError) -> [RefusedSample] {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(Self.refused, [.int8(source.rawValue), .int8(Int64(limit))])
            var samples: [RefusedSample] = []
            for row in rows {
                var sample = RefusedSample(
                    source: SourceID(rawValue: try row.int8(0)),
                    reason: try row.text(1),
                    detail: try row.text(2),
                    sample: try row.bytes(3)
                )
                sample.at = try row.timestamp(4)
                samples.append(sample)
            }
            return samples
        }
    }

    /// How many events of these sources were ever refused, by reason.
    package func refusedCounts(_ sources: [SourceID]) async throws(EventLogError) -> [RefusedCount] {
        try await translated { () async throws(PostgreSQLError) in
            let rows = try await pool.query(Self.refusedCounts, [.int8Array(sources.map(\.rawValue))])
            var counts: [RefusedCount] = []
            for row in rows {
                counts.append(
                    RefusedCount(
                        source: SourceID(rawValue: try row.int8(0)),
                        reason: try row.text(1),
                        events: try row.int8(2)
                    )
                )
            }
            return counts
        }
    }
}
