import EventLog
import EventModel
import PostgreSQL
import TestSupport

/// A log with two partitions that two connections have read in part, with everything that a lane can leave behind: events
/// settled beyond its position, parked parts, parked whole events and dead letters.
struct LogScene: Sendable {
    let pool: ConnectionPool
    let log: EventLog
    let source: SourceID
    let partitions: [PartitionID]
    let connections: [ConsumerID]
    let lease: [Lease]

    static let eventsPerPartition = 40

    static func with(_ body: (LogScene) async throws -> Void) async throws {
        try await Database.temporary { pool in try await body(try await make(pool)) }
    }

    private static func make(_ pool: ConnectionPool) async throws -> LogScene {
        try await pool.execute(
            Statement(
                "test.catalog",
                """
                INSERT INTO leat.plugin (plugin_id, kind) VALUES ('leat.webhook', 'destination.request');
                INSERT INTO leat.destination (name, connector, config, limits, enabled)
                    VALUES ('crm', 'leat.webhook', '{}', '{}', true), ('lake', 'leat.webhook', '{}', '{}', true);
                SELECT leat.add_source('web', true, 2);
                SELECT * FROM leat.add_connection('web', 'crm', true);
                SELECT * FROM leat.add_connection('web', 'lake', true)
                """
            )
        )
        let ids = try await pool.query(Statement("test.partitions", "SELECT unnest(leat.partitions(1))"))
        let partitions = try ids.map { PartitionID(rawValue: try $0.int8(0)) }
        var settings = EventLogSettings()
        settings.leaseTime = .milliseconds(300)
        let log = EventLog(pool, settings: settings)
        _ = try await log.join(identity: "scene", name: "node-a")
        let lease = try await log.acquire(partitions)
        for partition in partitions {
            for first in stride(from: 0, to: eventsPerPartition, by: 10) {
                _ = try await log.append([Events.draft(first..<first + 10, partition: partition)])
            }
        }
        let connections = [ConsumerID(rawValue: 1), ConsumerID(rawValue: 2)]
        let scene = LogScene(
            pool: pool,
            log: log,
            source: partitions[0].source,
            partitions: partitions,
            connections: connections,
            lease: lease
        )
        try await scene.read(LaneID(partition: partitions[0], consumer: connections[0]))
        return scene
    }

    /// Reads 12 events: 8 delivered, one with two parts of which one is parked, one failed, one parked whole, and one
    /// beyond the position delivered, in two commits.
    private func read(_ lane: LaneID) async throws {
        var record = LaneRecord(lane: lane, number: 1)
        record.position = LogPosition(offset: 8, sliceTime: 0)
        record.counts.read = 8
        record.counts.transformed = 8
        record.counts.emitted = 8
        record.counts.delivered = 8
        var first = Checkpoint()
        first.lanes = [record]
        try await log.commit(first, under: lease)
        record.number = 2
        record.position = LogPosition(offset: 11, sliceTime: 0)
        record.beyond = [0b10]
        record.counts.read = 11
        record.counts.failed = 1
        record.counts.transformed = 10
        record.counts.emitted = 11
        record.counts.delivered = 9
        record.counts.deadLettered = 1
        record.counts.waiting = 1
        var second = Checkpoint()
        second.lanes = [record]
        second.parked = [parked(lane, 8, part: 1), parked(lane, 10, part: nil)]
        second.deadLetters = [dead(lane, 8, part: 0), dead(lane, 9, part: nil)]
        try await log.commit(second, under: lease)
    }

    private func parked(_ lane: LaneID, _ offset: Int64, part: Int?) -> ParkedRecord {
        ParkedRecord(
            lane: lane,
            offset: offset,
            part: part,
            userHash: 1,
            sliceTime: 0,
            receivedAt: 0,
            attempts: 1,
            since: 0,
            dueAt: part == nil ? nil : 1,
            payload: part == nil ? nil : Array("{}".utf8),
            code: "status_500"
        )
    }

    private func dead(_ lane: LaneID, _ offset: Int64, part: Int?) -> DeadLetter {
        DeadLetter(
            lane: lane,
            offset: offset,
            part: part,
            userHash: 1,
            sliceTime: 0,
            stage: part == nil ? "transform" : "deliver",
            code: "rejected",
            reason: "No.",
            plugin: "leat.webhook@1.0.0",
            attempts: 1,
            before: Array("{}".utf8),
            after: nil,
            history: nil
        )
    }

    func execute(_ sql: String) async throws {
        try await pool.execute(Statement("test.damage", sql))
    }

    func audit(deep: Bool = false) async throws -> AuditReport {
        try await log.audit(nil, isDeep: deep, within: .seconds(60))
    }
}
