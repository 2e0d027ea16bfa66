import EventModel
import PostgreSQL

/// What is kept of generations that were put away: one row of counts for each connection that had lanes there.
extension Auditor {
    /// A connection that was made before a generation had lanes in it from its first event on, and so counted all that it
    /// accepted; one that was made later, or at about the same time, has no more than that.
    private static let retired = Statement(
        "audit_retired",
        """
        SELECT g.source_id, g.generation, c.connection_id, e.accepted, c.created_at < g.opened_at - interval '1 minute',
            r.accepted, r.expired, r.read, r.duplicates, r.filtered, r.dropped, r.failed, r.transformed, r.emitted,
            r.delivered, r.dead_lettered
        FROM leat.generation g
        CROSS JOIN LATERAL (SELECT sum(o)::bigint AS accepted FROM unnest(g.end_offsets) AS o) AS e
        JOIN leat.connection c ON c.source_id = g.source_id AND c.removed_at IS NULL
        LEFT JOIN leat.retired_lanes r
            ON r.source_id = g.source_id AND r.generation = g.generation AND r.consumer_id = c.connection_id
        WHERE g.retired_at IS NOT NULL AND g.source_id = coalesce($1::bigint, g.source_id)
        ORDER BY g.source_id, g.generation, c.connection_id
        """
    )

    mutating func checkRetired(_ source: SourceID?) async throws(PostgreSQLError) {
        for row in try await connection.query(Self.retired, [source.map { .int8($0.rawValue) } ?? .null]) {
            var counts = RetiredCounts(ended: try row.int8(3), isWhole: try row.bool(4))
            let place = "generation \(try row.int8(0)).\(try row.int8(1)), connection \(try row.int8(2))"
            if !row.isNull(5) {
                report.look("retired")
                counts.accepted = try row.int8(5)
                counts.expired = try row.int8(6)
                counts.counts.read = try row.int8(7)
                counts.counts.duplicates = try row.int8(8)
                counts.counts.filtered = try row.int8(9)
                counts.counts.dropped = try row.int8(10)
                counts.counts.failed = try row.int8(11)
                counts.counts.transformed = try row.int8(12)
                counts.counts.emitted = try row.int8(13)
                counts.counts.delivered = try row.int8(14)
                counts.counts.deadLettered = try row.int8(15)
            }
            for sentence in counts.faults { report.add("retired", place, sentence) }
        }
    }
}

/// What a connection's lanes of one retired generation had counted, to be held against the rules.
struct RetiredCounts: Equatable, Sendable {
    /// All that the generation accepted.
    let ended: Int64
    /// Whether the connection was there from its beginning.
    let isWhole: Bool
    /// Since the lanes began; nil where nothing is kept of them.
    var accepted: Int64?
    var expired: Int64 = 0
    var counts = Counts()

    init(ended: Int64, isWhole: Bool) {
        self.ended = ended
        self.isWhole = isWhole
    }

    var faults: [String] {
        guard let accepted else { return isWhole && ended > 0 ? ["nothing is kept of what it counted"] : [] }
        var faults: [String] = []
        if accepted > ended || isWhole && accepted < ended {
            faults.append("accepted \(accepted), but the generation ended with \(ended) events")
        }
        if accepted != counts.read + expired {
            faults.append("accepted \(accepted) is not read \(counts.read) + expired \(expired)")
        }
        let fates = counts.duplicates + counts.filtered + counts.dropped + counts.failed + counts.transformed
        if counts.read != fates {
            faults.append("read \(counts.read) is not the \(fates) that something became of")
        }
        let ends = counts.delivered + counts.deadLettered
        if counts.emitted != ends { faults.append("emitted \(counts.emitted) is not delivered + dead, \(ends)") }
        if ([expired] + counts.columns).contains(where: { $0 < 0 }) { faults.append("one of its counts is below 0") }
        return faults
    }
}
