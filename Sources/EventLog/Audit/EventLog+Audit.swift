package import EventModel
import PostgreSQL

extension EventLog {
    /// Leases whose node is not known, of sources that still are.
    ///
    /// A node that starts again deletes its earlier row and takes its leases back within seconds: only what stays counts.
    private static let strayLeases = Statement(
        "audit_leases",
        """
        SELECT l.partition_id, l.node_id, l.epoch
        FROM leat.lease l JOIN leat.source s ON s.source_id = l.partition_id >> 24
        LEFT JOIN leat.node n ON n.node_id = l.node_id
        WHERE l.node_id IS NOT NULL AND n.node_id IS NULL AND s.removed_at IS NULL
            AND s.source_id = coalesce($1, s.source_id)
        ORDER BY l.partition_id LIMIT 1000
        """,
        timeout: peopleTimeout
    )
    /// Holds everything that is kept of the log, or of one source, against the rules of its tables, each partition as of one
    /// moment.
    ///
    /// It locks nothing that the log's work needs. It stops where the time is up and says how far it came. With `isDeep` it
    /// reads every chunk whole.
    package func audit(
        _ source: SourceID?,
        isDeep: Bool,
        within limit: Duration
    ) async throws(EventLogError) -> AuditReport {
        let began = ContinuousClock.now
        var settings = pool.settings
        settings.statementTimeout = limit
        var report: AuditReport
        do {
            let connection = try await Connection.open(settings)
            do {
                var auditor = Auditor(connection, isDeep: isDeep, end: began + limit)
                try await auditor.run(source)
                report = auditor.report
                await connection.close()
            } catch {
                await connection.close()
                throw error
            }
        } catch let error as PostgreSQLError {
            throw EventLogError(error)
        } catch {
            throw .database(.cancelled(query: "audit"))
        }
        try await findStrayLeases(source, &report)
        report.duration = began.duration(to: .now) / .seconds(1)
        return report
    }

    private func findStrayLeases(_ source: SourceID?, _ report: inout AuditReport) async throws(EventLogError) {
        var stray = try await strayLeases(source)
        let end = ContinuousClock.now + settings.leaseTime
        while !stray.isEmpty, ContinuousClock.now < end {
            do { try await Task.sleep(for: settings.leaseTime / 10) } catch { break }
            stray.formIntersection(try await strayLeases(source))
        }
        for (lease, node) in stray.map({ ($0.lease, $0.node) }).sorted(by: { $0.0.partition < $1.0.partition }) {
            report.add(
                "leases",
                "partition \(lease.partition)",
                "its lease of epoch \(lease.epoch) names node \(node), which is not known"
            )
        }
    }

    /// A lease and the node that it names.
    private struct StrayLease: Hashable {
        let lease: Lease
        let node: Int64
    }

    private func strayLeases(_ source: SourceID?) async throws(EventLogError) -> Set<StrayLease> {
        try await translated { () async throws(PostgreSQLError) in
            var leases: Set<StrayLease> = []
            for row in try await pool.query(Self.strayLeases, [source.map { .int8($0.rawValue) } ?? .null]) {
                let lease = Lease(partition: PartitionID(rawValue: try row.int8(0)), epoch: try row.int8(2))
                leases.insert(StrayLease(lease: lease, node: try row.int8(1)))
            }
            return leases
        }
    }
}
