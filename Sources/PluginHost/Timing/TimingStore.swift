package import EventModel
import Logging
package import PostgreSQL

/// What was measured until one moment, to be stored once however often it is sent.
package struct TimingFlush: Sendable {
    /// Counts the flushes of this run of the node, from 1.
    package var number: Int64
    /// When it was gathered; it belongs to this minute.
    ///
    /// - Unit: microseconds since 1970.
    package var at: Int64
    /// One per plugin version and measure.
    package var rows: [TimingRow]

    package init(number: Int64, at: Int64, rows: [TimingRow]) {
        self.number = number
        self.at = at
        self.rows = rows
    }
}

/// Keeps timings in PostgreSQL by the minute, so that they outlive the node and add up over nodes.
package struct TimingStore: Sendable {
    private let pool: ConnectionPool
    private let node: NodeID

    package init(pool: ConnectionPool, node: NodeID) {
        self.pool = pool
        self.node = node
    }

    /// Stores a flush whole; the same one may be stored again after an unknown outcome.
    package func write(_ flush: TimingFlush) async throws(PostgreSQLError) {
        let rows = flush.rows.filter { $0.values.count > 0 }
        let failures = rows.map { row in row.values.failures.sorted { $0.key < $1.key } }
        _ = try await pool.query(
            Self.insert,
            [
                .int8(node.rawValue), .int8(flush.number), .timestamp(flush.at),
                .textArray(rows.map(\.pluginID)), .textArray(rows.map(\.version)),
                .textArray(rows.map(\.measure.rawValue)), .int8Array(rows.map(\.values.count)),
                .int8Array(rows.map(\.values.sum)), .int8Array(rows.map(\.values.max)),
                .textArray(rows.map { Self.literal($0.values.buckets.map(\.value)) }),
                .textArray(rows.map { Self.literal($0.values.buckets.map(\.count)) }),
                .textArray(failures.map { Self.literal($0.map(\.key)) }),
                .textArray(failures.map { Self.literal($0.map(\.value)) }),
            ]
        )
    }

    /// An array as PostgreSQL writes it, of numbers or plain words: arrays of arrays must be rectangular, these are not.
    private static func literal(_ elements: [some CustomStringConvertible]) -> String {
        "{" + elements.map(\.description).joined(separator: ",") + "}"
    }

    /// What all nodes stored of one plugin since a moment (microseconds since 1970), added up by version and measure.
    ///
    /// Flushes of this node are left out from `flush` on.
    package func read(
        pluginID: String,
        since: Int64,
        before flush: Int64 = .max
    ) async throws(PostgreSQLError) -> [TimingRow] {
        var rows: [TimingRow] = []
        let parameters: [Parameter] = [.text(pluginID), .timestamp(since), .int8(node.rawValue), .int8(flush)]
        for row in try await pool.query(Self.select, parameters) {
            guard let measure = TimingMeasure(rawValue: try row.text(1)) else { continue }
            let values = TimingDistribution(
                count: try row.int8(2),
                sum: try row.int8(3),
                max: try row.int8(4),
                buckets: zip(try row.int8Array(5), try row.int8Array(6)).lazy.map { ($0, $1) },
                failures: Dictionary(zip(try row.textArray(7), try row.int8Array(8))) { $0 + $1 }
            )
            rows.append(TimingRow(pluginID: pluginID, version: try row.text(0), measure: measure, values: values))
        }
        return TimingRow.merged(rows)
    }

    private static let insert = Statement(
        "timing.insert",
        """
        INSERT INTO leat.timing (node_id, flush, minute, plugin_id, version, stage, count, sum, max,
            bucket_values, bucket_counts, failure_causes, failure_counts)
        SELECT $1, $2, date_trunc('minute', $3), plugin_id, version, stage, count, sum, max,
            bucket_values::bigint[], bucket_counts::bigint[], failure_causes::text[], failure_counts::bigint[]
        FROM unnest($4, $5, $6, $7, $8, $9, $10, $11, $12, $13) AS u (plugin_id, version, stage, count, sum, max,
            bucket_values, bucket_counts, failure_causes, failure_counts)
        ON CONFLICT DO NOTHING
        """,
        isCancellable: false
    )

    private static let select = Statement(
        "timing.select",
        """
        WITH chosen AS MATERIALIZED (
            SELECT version, stage, count, sum, max, bucket_values, bucket_counts, failure_causes, failure_counts
            FROM leat.timing WHERE plugin_id = $1 AND minute >= date_trunc('minute', $2)
            AND NOT (node_id = $3 AND flush >= $4)
        ), buckets AS (
            SELECT version, stage, array_agg(value) AS "values", array_agg(count) AS counts FROM (
                SELECT c.version, c.stage, u.value, sum(u.count)::bigint AS count
                FROM chosen c CROSS JOIN unnest(c.bucket_values, c.bucket_counts) AS u (value, count) GROUP BY 1, 2, 3
            ) AS b GROUP BY 1, 2
        ), failures AS (
            SELECT version, stage, array_agg(cause) AS causes, array_agg(count) AS counts FROM (
                SELECT c.version, c.stage, u.cause, sum(u.count)::bigint AS count
                FROM chosen c CROSS JOIN unnest(c.failure_causes, c.failure_counts) AS u (cause, count) GROUP BY 1, 2, 3
            ) AS f GROUP BY 1, 2
        )
        SELECT version, stage, sum(c.count)::bigint, sum(c.sum)::bigint, max(c.max), b."values", b.counts,
            coalesce(f.causes, '{}'), coalesce(f.counts, '{}')
        FROM chosen c JOIN buckets b USING (version, stage) LEFT JOIN failures f USING (version, stage)
        GROUP BY version, stage, b."values", b.counts, f.causes, f.counts
        """
    )
}
