import EventModel
import PostgreSQL
import TestSupport

@testable import EventLog

/// Events for tests: small JSON texts whose every field follows from a number.
enum Events {
    static let partition = PartitionID(source: SourceID(rawValue: 7), generation: 0, number: 1)
    static let other = PartitionID(source: SourceID(rawValue: 7), generation: 0, number: 2)

    static func text(_ number: Int) -> [UInt8] {
        Array(#"{"type":"track","event":"Order \#(number % 5)","userId":"user-\#(number % 50)","n":\#(number)}"#.utf8)
    }

    static func entry(_ number: Int, message: String? = nil) -> DirectoryEntry {
        DirectoryEntry(
            length: 0,
            type: .track,
            receivedAt: 1_700_000_000_000_000 + Int64(number),
            userHash: EventHash.key("user-\(number % 50)"),
            nameHash: EventHash.key("Order \(number % 5)"),
            messageHash: EventHash.message(message ?? "message-\(number)")
        )
    }

    static func draft(_ numbers: Range<Int>, partition: PartitionID = partition) -> ChunkDraft {
        var draft = ChunkDraft(partition: partition)
        for number in numbers { draft.append(entry(number), text(number)) }
        return draft
    }

    /// Makes the lanes of consumers on both partitions, as a new connection does.
    static func begin(_ consumers: Int64..., in pool: ConnectionPool) async throws {
        let begin = Statement("test.begin", "SELECT leat.begin_lanes($1, $2)")
        for consumer in consumers {
            _ = try await pool.query(begin, [.int8(consumer), .int8Array([partition.rawValue, other.rawValue])])
        }
    }

    /// Another slice of the log is over soon, and events need not be kept for long.
    static var briefSettings: EventLogSettings {
        var settings = EventLogSettings()
        settings.sliceLength = .seconds(1)
        settings.slicesAhead = 90
        settings.retention = .seconds(1)
        settings.measureAfter = .zero
        settings.pushBackPatience = .zero
        return settings
    }

    /// Gives `body` a log whose slices are a second long, with both partitions open.
    static func withBriefLog(
        _ settings: EventLogSettings = briefSettings,
        _ body: (EventLog, ConnectionPool) async throws -> Void
    ) async throws {
        try await Database.empty { pool in
            try await Migrations.run(pool)
            let log = EventLog(pool, settings: settings)
            try await log.prepare()
            try await log.openPartitions([partition, other])
            _ = try await log.join(identity: "a")
            try await body(log, pool)
        }
    }

    /// Reads everything from `position` on, as a lane does.
    static func readAll(
        _ log: EventLog,
        _ partition: PartitionID = partition,
        from position: LogPosition = .beginning
    ) async throws -> [Chunk] {
        var position = position
        var all: [Chunk] = []
        while true {
            let chunks = try await log.read(partition, after: position, limit: ReadLimit(chunks: 3))
            guard let last = chunks.last else { return all }
            all += chunks
            position = last.end
        }
    }
}

extension Consumer {
    /// One that reads the partition that most tests use.
    init(id: Int64, lag: LagPolicy, isEnabled: Bool = true, partition: PartitionID = Events.partition) {
        self.init(
            id: ConsumerID(rawValue: id),
            name: "consumer-\(id)",
            partitions: [partition],
            lag: lag,
            isEnabled: isEnabled
        )
    }
}

extension EventLog {
    /// Waits until PostgreSQL's clock is past the slice of a moment, and `more` seconds on.
    func waitForEnd(ofSliceAt time: Int64, more: Int64 = 0) async throws {
        let end = (time / 1_000_000 + 1 + more) * 1_000_000
        while try await slices.time() <= end { try await Task.sleep(for: .milliseconds(20)) }
    }

    /// Takes what is free of these partitions as the only node, and names those of them that this node now holds.
    func acquire(_ partitions: [PartitionID]) async throws -> [Lease] {
        want(Set(partitions))
        // The first tick learns who lives, the second claims what is this node's then.
        for _ in 0..<2 { try await tick() }
        let held = holding.held
        return partitions.compactMap { partition in held[partition].map { Lease(partition: partition, epoch: $0) } }
    }

    /// The lanes of some consumers of one partition.
    func lanes(
        _ partition: PartitionID,
        _ consumers: [ConsumerID]
    ) async throws -> [ConsumerID: LaneState] {
        let states = try await lanes(consumers.map { LaneID(partition: partition, consumer: $0) })
        return Dictionary(states.map { ($0.key.consumer, $0.value) }) { $1 }
    }
}
