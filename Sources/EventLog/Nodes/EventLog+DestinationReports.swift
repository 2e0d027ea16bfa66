package import EventModel
import PostgreSQL

/// What one server that lives last said of delivery to a destination.
package struct DestinationReport: Equatable, Sendable {
    /// The server's name, or its address.
    package let node: String
    /// How long ago.
    /// - Unit: seconds.
    package let age: Double
    /// - Shape: a JSON object, as the server wrote it.
    package let text: String

    package init(node: String, age: Double, text: String) {
        self.node = node
        self.age = age
        self.text = text
    }
}

/// How delivery to destinations stands, as each server says of its own part.
extension EventLog {
    private static let report = Statement(
        "report_destinations",
        """
        WITH gone AS (
            DELETE FROM leat.destination_report WHERE node_id = $1 AND destination_id = ANY ($4)
        )
        INSERT INTO leat.destination_report (node_id, destination_id, report)
        SELECT n.node_id, u.destination_id, u.report
        FROM unnest($2, $3) AS u (destination_id, report) JOIN leat.node n ON n.node_id = $1
        ON CONFLICT (node_id, destination_id)
            DO UPDATE SET report = excluded.report, reported_at = clock_timestamp()
        """
    )
    private static let reports = Statement(
        "destination_reports",
        """
        SELECT coalesce(nullif(n.name, ''), n.address), extract(epoch FROM clock_timestamp() - r.reported_at)::float8,
            r.report
        FROM leat.destination_report r JOIN leat.node n ON n.node_id = r.node_id
        WHERE r.destination_id = $1 AND n.ended_at IS NULL
            AND n.beat_at > clock_timestamp() - $2 * interval '1 microsecond'
        ORDER BY 1, n.node_id
        """,
        timeout: peopleTimeout
    )
    private static let left = Statement(
        "destination_left",
        """
        SELECT coalesce(sum(
            greatest(l.unread - l.end_offset + coalesce(b.first_offset, l.end_offset), 0) + l.parked_parts
        ), 0)::bigint, clock_timestamp() > $2 + $3 * interval '1 microsecond'
        FROM leat.lanes l LEFT JOIN LATERAL (
            SELECT c.first_offset FROM leat.chunk c
            WHERE c.partition_id = l.partition_id AND c.slice_time > $2
            ORDER BY c.slice_time, c.first_offset LIMIT 1
        ) AS b ON true
        WHERE l.consumer_id = ANY ($1)
        """,
        timeout: peopleTimeout
    )

    /// Tells what this server has to say of some destinations, and that it has nothing more to say of others.
    package func report(
        _ reports: [DestinationID: String],
        gone: [DestinationID],
        of node: NodeID
    ) async throws(EventLogError) {
        try await translated { () async throws(PostgreSQLError) in
            let sorted = reports.sorted { $0.key.rawValue < $1.key.rawValue }
            _ = try await pool.query(
                Self.report,
                [
                    .int8(node.rawValue), .int8Array(sorted.map(\.key.rawValue)), .textArray(sorted.map(\.value)),
                    .int8Array(gone.map(\.rawValue)),
                ]
            )
        }
    }

    /// What the servers that live last said of a destination, by their names.
    package func reports(of destination: DestinationID) async throws(EventLogError) -> [DestinationReport] {
        try await translated { () async throws(PostgreSQLError) in
            let patience = Parameter.float8(Double(settings.leaseTime.microseconds))
            var reports: [DestinationReport] = []
            for row in try await pool.query(Self.reports, [.int8(destination.rawValue), patience]) {
                reports.append(
                    DestinationReport(node: try row.text(0), age: try row.float8(1), text: try row.text(2))
                )
            }
            return reports
        }
    }

    /// How many events, and parts of events that wait, these connections have still to settle of what was accepted up to
    /// `until`, and whether nothing can be added to that any more.
    package func left(
        of consumers: [ConsumerID],
        until: Int64
    ) async throws(EventLogError) -> (events: Int64, isFinal: Bool) {
        try await translated { () async throws(PostgreSQLError) in
            let ids = Parameter.int8Array(consumers.map(\.rawValue))
            let settling = Parameter.float8(Double(Self.settling.microseconds))
            guard let row = try await pool.query(Self.left, [ids, .timestamp(until), settling]).first else {
                return (0, false)
            }
            return (try row.int8(0), try row.bool(1))
        }
    }

    /// How long after its time an append may still be committed.
    private static let settling = Duration.seconds(2)
}
