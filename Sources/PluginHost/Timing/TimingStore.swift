package import EventModel
import Logging
package import PostgreSQL

/// Keeps timings in PostgreSQL by the minute, so that they outlive the node and add up over nodes.
package struct TimingStore: Sendable {
    private let pool: ConnectionPool
    private let node: NodeID

    package init(pool: ConnectionPool, node: NodeID) {
        self.pool = pool
        self.node = node
    }

    /// Stores rows as one flush; the same flush may be stored again after an unknown outcome.
    package func write(_ rows: [TimingRow], flush: Int64) async throws(PostgreSQLError) {
        for row in rows where row.values.count > 0 {
            let buckets = row.values.buckets
            let failures = row.values.failures.sorted { $0.key < $1.key }
            _ = try await pool.query(
                Self.insert,
                [
                    .text(row.pluginID), .text(row.version), .text(row.measure.rawValue), .int8(node.rawValue),
                    .int8(flush), .int8(row.values.count), .int8(row.values.sum), .int8(row.values.max),
                    .int8Array(buckets.map(\.value)), .int8Array(buckets.map(\.count)),
                    .textArray(failures.map(\.key)), .int8Array(failures.map(\.value)),
                ]
            )
        }
    }

    /// What all nodes stored of one plugin since a moment (microseconds since 1970), added up by version and measure.
    package func read(pluginID: String, since: Int64) async throws(PostgreSQLError) -> [TimingRow] {
        var rows: [TimingRow] = []
        for row in try await pool.query(Self.select, [.text(pluginID), .timestamp(since)]) {
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
        INSERT INTO leat.timing (plugin_id, version, stage, minute, node_id, flush, count, sum, max,
            bucket_values, bucket_counts, failure_causes, failure_counts)
        VALUES ($1, $2, $3, date_trunc('minute', now()), $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT DO NOTHING
        """
    )

    private static let select = Statement(
        "timing.select",
        """
        SELECT version, stage, count, sum, max, bucket_values, bucket_counts, failure_causes, failure_counts
        FROM leat.timing WHERE plugin_id = $1 AND minute >= date_trunc('minute', $2::timestamptz)
        ORDER BY minute LIMIT 200000
        """
    )
}
