import EventModel
import PostgreSQL

/// Counts on one session, in a transaction that holds everything still.
struct LogCounter {
    let connection: Connection

    /// The lock before the first read, as a dump does: a slice that went meanwhile would take what the snapshot counts on.
    private static let moment = Statement(
        "count_moment",
        """
        SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
        SET LOCAL lock_timeout = '5s';
        LOCK TABLE leat.chunk, leat.checkpoint IN ACCESS SHARE MODE
        """
    )
    private static let generations = Statement(
        "count_generations",
        """
        SELECT source_id, generation, partitions FROM leat.generation
        WHERE source_id = ANY ($1) AND retired_at IS NULL ORDER BY source_id, generation
        """
    )
    private static let retiredLanes = Statement(
        "count_retired_lanes",
        """
        SELECT consumer_id, sum(accepted)::bigint, sum(expired)::bigint, sum(read)::bigint, sum(duplicates)::bigint,
            sum(filtered)::bigint, sum(dropped)::bigint, sum(failed)::bigint, sum(transformed)::bigint,
            sum(emitted)::bigint, sum(delivered)::bigint, sum(dead_lettered)::bigint
        FROM leat.retired_lanes WHERE consumer_id = ANY ($1) GROUP BY consumer_id
        """
    )
    private static let retiredReasons = Statement(
        "count_retired_reasons",
        "SELECT consumer_id, reasons::text FROM leat.retired_lanes WHERE consumer_id = ANY ($1) AND reasons <> '{}'"
    )
    private static let retiredEnds = Statement(
        "count_retired_ends",
        """
        SELECT source_id, sum(e)::bigint FROM leat.generation, unnest(end_offsets) AS e
        WHERE source_id = ANY ($1) AND retired_at IS NOT NULL GROUP BY source_id
        """
    )

    /// Holds everything still from the first question on.
    func begin() async throws(PostgreSQLError) { try await connection.execute(Self.moment) }

    /// The partitions that sources have, those of closed generations included.
    func partitions(of sources: [SourceID]) async throws(PostgreSQLError) -> [SourceID: [PartitionID]] {
        var partitions: [SourceID: [PartitionID]] = [:]
        for row in try await connection.query(Self.generations, [.int8Array(sources.map(\.rawValue))]) {
            let generation = Generation(
                source: SourceID(rawValue: try row.int8(0)),
                number: UInt16(truncatingIfNeeded: try row.int(1)),
                partitions: UInt8(truncatingIfNeeded: try row.int(2))
            )
            partitions[generation.source, default: []] += generation.partitionIDs
        }
        return partitions
    }

    /// How many events each partition has ever accepted; one without any is left out.
    func ends(of partitions: [PartitionID]) async throws(PostgreSQLError) -> [PartitionID: Int64] {
        var ends: [PartitionID: Int64] = [:]
        for row in try await connection.query(EventLog.ends, [.int8Array(partitions.map(\.rawValue))]) {
            ends[PartitionID(rawValue: try row.int8(0))] = try row.int8(1)
        }
        return ends
    }

    /// The counts of consumers over these partitions, and over the generations that were put away.
    func counts(
        of consumers: [ConsumerID: [PartitionID]],
        _ ends: [PartitionID: Int64]
    ) async throws(PostgreSQLError) -> [ConsumerID: ConsumerCounts] {
        var lanes: [LaneID] = []
        for (consumer, partitions) in consumers {
            lanes += partitions.map { LaneID(partition: $0, consumer: consumer) }
        }
        var totals = try await retired(Array(consumers.keys))
        for record in try await EventLog.records(lanes, connection.query) {
            let accepted = (ends[record.lane.partition] ?? 0) - record.start
            var total = totals[record.lane.consumer] ?? ConsumerCounts()
            total.accepted += accepted
            total.expired += record.expired
            total.unread += accepted - record.counts.read - record.expired
            total.counts += record.counts
            total.reasons += record.reasons
            totals[record.lane.consumer] = total
        }
        return totals
    }

    private func retired(_ consumers: [ConsumerID]) async throws(PostgreSQLError) -> [ConsumerID: ConsumerCounts] {
        var totals: [ConsumerID: ConsumerCounts] = [:]
        for row in try await connection.query(Self.retiredLanes, [.int8Array(consumers.map(\.rawValue))]) {
            var total = ConsumerCounts()
            total.accepted = try row.int8(1)
            total.expired = try row.int8(2)
            total.counts.read = try row.int8(3)
            total.counts.duplicates = try row.int8(4)
            total.counts.filtered = try row.int8(5)
            total.counts.dropped = try row.int8(6)
            total.counts.failed = try row.int8(7)
            total.counts.transformed = try row.int8(8)
            total.counts.emitted = try row.int8(9)
            total.counts.delivered = try row.int8(10)
            total.counts.deadLettered = try row.int8(11)
            totals[ConsumerID(rawValue: try row.int8(0))] = total
        }
        for row in try await connection.query(Self.retiredReasons, [.int8Array(consumers.map(\.rawValue))]) {
            totals[ConsumerID(rawValue: try row.int8(0))]?.reasons += ReasonCounts(json: try row.text(1))
        }
        return totals
    }

    /// How many events sources accepted in generations that were put away.
    func acceptedInRetired(_ sources: [SourceID]) async throws(PostgreSQLError) -> [SourceID: Int64] {
        var accepted: [SourceID: Int64] = [:]
        for row in try await connection.query(Self.retiredEnds, [.int8Array(sources.map(\.rawValue))]) {
            accepted[SourceID(rawValue: try row.int8(0))] = try row.int8(1)
        }
        return accepted
    }

    /// How many events of sources were ever refused.
    func refused(_ sources: [SourceID]) async throws(PostgreSQLError) -> [SourceID: Int64] {
        var refused: [SourceID: Int64] = [:]
        for row in try await connection.query(EventLog.refusedCounts, [.int8Array(sources.map(\.rawValue))]) {
            refused[SourceID(rawValue: try row.int8(0)), default: 0] += try row.int8(2)
        }
        return refused
    }
}
