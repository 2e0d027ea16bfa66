import EventLog
import EventModel
import PostgreSQL
import Synchronization
import TestSupport
import Testing

@Suite struct AppendTests {
    @Test func `What is appended is read in the order of its offsets`() async throws {
        try await Database.temporary { pool in
            let log = EventLog(pool)
            try await log.openPartitions([Events.partition, Events.other])
            let first = try await log.append([Events.draft(0..<10), Events.draft(0..<5, partition: Events.other)])
            let second = try await log.append([Events.draft(10..<12), Events.draft(12..<20)])
            #expect(first.map(\.firstOffset) == [0, 0])
            #expect(second.map(\.firstOffset) == [10, 12])
            let tail = try await log.tail(Events.partition)
            #expect(tail == LogPosition(offset: 20, sliceTime: second[1].sliceTime))
            // One log has the chunks at hand, the other must ask the database.
            for reader in [log, EventLog(pool)] {
                let chunks = try await Events.readAll(reader)
                #expect(chunks.map(\.firstOffset) == [0, 10, 12])
                #expect(chunks.map(\.sliceTime) == [first[0].sliceTime] + second.map(\.sliceTime))
                let texts = try chunks.flatMap { chunk in
                    let bodies = try chunk.bodies()
                    return (0..<bodies.count).map { Array(bodies[$0]) }
                }
                #expect(texts == (0..<20).map(Events.text))
                let rest = try await reader.read(
                    Events.partition,
                    after: LogPosition(offset: 15, sliceTime: second[1].sliceTime)
                )
                #expect(rest.map(\.firstOffset) == [12])
            }
        }
    }

    @Test func `A partition that nobody made refuses, and nothing of the append is kept`() async throws {
        try await Database.temporary { pool in
            let log = EventLog(pool)
            try await log.openPartitions([Events.partition])
            await #expect(throws: EventLogError.noPartition) {
                try await log.append([Events.draft(0..<3), Events.draft(0..<3, partition: Events.other)])
            }
            let tail = try await log.tail(Events.partition)
            #expect(tail == .beginning)
        }
    }

    @Test(.timeLimit(.minutes(3)))
    func `Many appenders leave no gap, and a reader beside them never skips an event`() async throws {
        try await Database.temporary(connections: 12) { pool in
            let appenders = 8
            let rounds = 40
            let partitions = [Events.partition, Events.other]
            try await EventLog(pool).openPartitions(partitions)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for appender in 0..<appenders {
                    group.addTask {
                        let log = EventLog(pool)
                        for round in 0..<rounds {
                            let start = (appender * rounds + round) * 3
                            // Both orders of the partitions: locks must not depend on it.
                            let order = appender.isMultiple(of: 2) ? partitions : partitions.reversed()
                            _ = try await log.append(order.map { Events.draft(start..<start + 3, partition: $0) })
                        }
                    }
                }
                for partition in partitions {
                    group.addTask { try await follow(pool, partition, until: appenders * rounds * 3) }
                }
                try await group.waitForAll()
            }
        }
    }

    /// Reads beside the appenders and insists on every offset.
    private func follow(_ pool: ConnectionPool, _ partition: PartitionID, until end: Int) async throws {
        let log = EventLog(pool)
        var position = LogPosition.beginning
        var numbers: Set<String> = []
        while position.offset < end {
            for chunk in try await log.read(partition, after: position) {
                try #require(chunk.firstOffset == position.offset)
                try #require(chunk.sliceTime > position.sliceTime)
                let bodies = try chunk.bodies()
                for index in 0..<bodies.count { numbers.insert(String(decoding: bodies[index], as: UTF8.self)) }
                position = chunk.end
            }
        }
        #expect(numbers.count == end)
        #expect(position.offset == Int64(end))
    }

    @Test func `Readers of the node are woken by an append`() async throws {
        try await Database.temporary { pool in
            let log = EventLog(pool)
            try await log.openPartitions([Events.partition])
            let looks = Mutex(0)
            let watch = log.signals.watch(Events.partition) { looks.withLock { $0 += 1 } }
            _ = try await log.append([Events.draft(0..<3)])
            #expect(looks.withLock { $0 } == 1)
            log.signals.unwatch(Events.partition, watch)
            _ = try await log.append([Events.draft(3..<4)])
            #expect(looks.withLock { $0 } == 1)
            #expect(log.signals.knownEnd(of: Events.partition) == 4)
        }
    }

    @Test func `Events kept without compression are readable by SQL`() async throws {
        try await Database.temporary { pool in
            var settings = EventLogSettings()
            settings.codec = .none
            let log = EventLog(pool, settings: settings)
            try await log.openPartitions([Events.partition])
            _ = try await log.append([Events.draft(0..<4)])
            let rows = try await pool.query(
                Statement(
                    "events",
                    "SELECT event_offset, type, body, received_at FROM leat.events WHERE partition_id = $1 ORDER BY 1"
                ),
                [.int8(Events.partition.rawValue)]
            )
            for (number, row) in rows.enumerated() {
                #expect(try row.int(0) == number)
                #expect(try row.text(1) == "track")
                #expect(try row.text(2) == String(decoding: Events.text(number), as: UTF8.self))
                #expect(try row.timestamp(3) == 1_700_000_000_000_000 + Int64(number))
            }
            #expect(rows.count == 4)
        }
    }
}
