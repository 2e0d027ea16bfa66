import EventModel
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

/// The log on a Citus cluster of a coordinator and two workers.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SpreadLogTests {
    private static let machine = Statement(
        "test.machine",
        """
        SELECT s.nodename FROM citus_shards s
        WHERE s.shardid = get_shard_id_for_distribution_column('leat.partition', $1::bigint)
        """
    )

    /// Gives `body` a log with ten events in each partition that were there before it was spread.
    private func withSpreadLog(
        _ body: (CitusCluster, EventLog, ConnectionPool) async throws -> Void
    ) async throws {
        try await CitusCluster.running { cluster in
            let pool = ConnectionPool(try await cluster.make(database: cluster.coordinator.settings.database))
            try await Migrations.run(pool)
            let log = EventLog(pool, settings: Events.briefSettings)
            try await log.prepare()
            let partitions = Self.partitions
            try await log.openPartitions(partitions)
            for partition in partitions { _ = try await log.append([Events.draft(0..<10, partition: partition)]) }
            try await Distribution(shards: 8).carryOut(pool) { _ in }
            try await body(cluster, log, pool)
            await pool.close()
        }
    }

    private static let partitions = (0..<6).map {
        PartitionID(source: SourceID(rawValue: 7), generation: 0, number: UInt8($0))
    }

    @Test(.enabled(if: CitusCluster.isInstalled, CitusCluster.missing))
    func `A spread log appends to several machines at once, and slices take no offset along`() async throws {
        try await withSpreadLog { _, log, pool in
            let appended = try await log.append(Self.partitions.map { Events.draft(10..<15, partition: $0) })
            #expect(appended.map(\.firstOffset) == Self.partitions.map { _ in 10 })
            let last = appended.map(\.sliceTime).max() ?? 0
            while try await log.slices.time() < last + 3_000_000 {}
            let oldest = try await log.slices.survey("chunk").attached.first?.slice.lower ?? 0
            // Whoever reads holds the slices back, and is not disturbed.
            try await pool.transaction { reader in
                try await reader.execute("SELECT count(*) FROM leat.chunk")
                try await log.upkeep(for: [])
                try await reader.execute("SELECT count(*) FROM leat.chunk")
            }
            #expect(log.standing.stuckSlices > 0)
            try await log.upkeep(for: [])
            #expect(log.standing.stuckSlices == 0)
            #expect(try await log.slices.survey("chunk").attached.first?.slice.lower ?? 0 > oldest)
            #expect(try await log.slices.survey("chunk").loose.isEmpty)
            let events = Statement("test.events", "SELECT count(*) FROM leat.chunk WHERE event_count > 0")
            #expect(try await pool.query(events)[0].int(0) == 0)
            let next = try await log.append(Self.partitions.map { Events.draft(0..<1, partition: $0) })
            #expect(next.map(\.firstOffset) == Self.partitions.map { _ in 15 })
        }
    }

    @Test(.enabled(if: CitusCluster.isInstalled, CitusCluster.missing))
    func `While a machine is away, appends to it are refused whole, and those to others go on`() async throws {
        try await withSpreadLog { cluster, log, pool in
            var there: [String: PartitionID] = [:]
            for partition in Self.partitions {
                let row = try await pool.query(Self.machine, [.int8(partition.rawValue)])[0]
                there[try row.text(0)] = partition
            }
            let lost = cluster.nodes[2]
            let away = try #require(there[lost.settings.socketDirectory])
            let near = try #require(there[cluster.nodes[1].settings.socketDirectory])
            await lost.stop()
            await #expect(throws: EventLogError.self) {
                try await log.append([Events.draft(10..<11, partition: near), Events.draft(10..<11, partition: away)])
            }
            #expect(try await log.append([Events.draft(10..<12, partition: near)])[0].firstOffset == 10)
            let again = Cluster(lost.settings)
            try await again.start()
            do {
                let both = [Events.draft(12..<13, partition: near), Events.draft(10..<11, partition: away)]
                #expect(try await log.append(both).map(\.firstOffset) == [12, 10])
                await again.stop()
            } catch {
                await again.stop()
                throw error
            }
        }
    }

    @Test(.enabled(if: CitusCluster.isInstalled, CitusCluster.missing))
    func `A table that does not arrive whole stays where it was`() async throws {
        try await CitusCluster.running { cluster in
            let pool = ConnectionPool(try await cluster.make(database: cluster.coordinator.settings.database))
            try await Migrations.run(pool)
            try await EventLog(pool).openPartitions(Self.partitions)
            // As a fault on the way would: rows of one partition vanish.
            try await pool.execute(
                Statement(
                    "test.thief",
                    """
                    CREATE FUNCTION leat.thief() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
                    CREATE TRIGGER thief BEFORE INSERT ON leat.partition FOR EACH ROW EXECUTE FUNCTION leat.thief()
                    """
                )
            )
            await #expect(throws: Distribution.Failure.self) {
                try await Distribution(shards: 4).carryOut(pool) { _ in }
            }
            let count = Statement(
                "test.count",
                "SELECT count(*), (SELECT count(*) FROM pg_dist_partition) FROM leat.partition"
            )
            let row = try await pool.query(count)[0]
            #expect(try row.int(0) == Self.partitions.count && row.int(1) == 0)
            await pool.close()
        }
    }
}
