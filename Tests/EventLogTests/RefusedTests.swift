import EventModel
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

@Suite struct RefusedTests {
    private static let source = SourceID(rawValue: 7)
    private static let day: Int64 = 86_400_000_000
    private static let node = NodeID(rawValue: 4)

    private func flush(_ number: Int64, at: Int64, _ counts: [String: Int64], samples: Int = 0) -> RefusedFlush {
        RefusedFlush(
            number: number,
            at: at,
            counts: counts.map { RefusedCount(source: Self.source, reason: $0.key, events: $0.value) },
            samples: (0..<samples).map { place in
                RefusedSample(source: Self.source, reason: "r", detail: "d", sample: [UInt8(number), UInt8(place)])
            }
        )
    }

    private func totals(_ log: EventLog) async throws -> [String: Int64] {
        let counts = try await log.refusedCounts([Self.source])
        return Dictionary(uniqueKeysWithValues: counts.map { ($0.reason, $0.events) })
    }

    @Test(.timeLimit(.minutes(2))) func `A flush whose answer was lost is kept once`() async throws {
        try await LostAnswer.with { database in
            let log = EventLog(database.pool)
            let first = flush(1, at: Self.day, ["a": 3, "b": 1], samples: 2)
            try await database.during {
                await #expect(throws: EventLogError.self) { try await log.refuse(first, of: Self.node) }
            }
            // It came through although nobody was told.
            #expect(try await totals(log) == ["a": 3, "b": 1])
            try await log.refuse(first, of: Self.node)
            try await log.refuse(flush(2, at: Self.day + 1, ["a": 4], samples: 1), of: Self.node)
            try await log.refuse(flush(3, at: Self.day * 2, ["a": 5]), of: Self.node)
            #expect(try await totals(log) == ["a": 12, "b": 1])
            #expect(try await log.refused(Self.source).map(\.sample) == [[2, 0], [1, 1], [1, 0]])
            #expect(try await log.refused(Self.source, limit: 2).map(\.sample) == [[2, 0], [1, 1]])
        }
    }

    @Test func `Two runs of a node, and two nodes, count side by side`() async throws {
        try await Database.temporary { pool in
            for _ in 0..<2 {
                let log = EventLog(pool)
                let node = try await log.join(identity: "a")
                try await log.refuse(flush(1, at: Self.day, ["a": 2], samples: 1), of: node)
            }
            let other = EventLog(pool)
            let node = try await other.join(identity: "b")
            try await other.refuse(flush(1, at: Self.day, ["a": 2], samples: 1), of: node)
            #expect(try await totals(other) == ["a": 6])
            #expect(try await other.refused(Self.source).count == 3)
        }
    }

    @Test func `What has had its time goes, and the totals stay`() async throws {
        try await Database.temporary { pool in
            let log = EventLog(pool)
            let now = try await log.slices.time()
            let statement = Statement("rows", "SELECT count(*) FROM leat.refused_count")
            for round in 0..<2 {
                for age in [80, 40, 31, 29, 0] as [Int64] {
                    let number = Int64(round) * 100 + 81 - age
                    let flush = flush(number, at: now - age * Self.day, ["a": 1, "b": 2], samples: 2)
                    try await log.refuse(flush, of: Self.node)
                }
                try await log.upkeep(for: nil)
                #expect(try await totals(log) == ["a": 5 * Int64(round + 1), "b": 10 * Int64(round + 1)])
                // Of each reason: one row of the old ones, and those of two minutes.
                #expect(try await pool.query(statement)[0].int8(0) == 6)
            }
            _ = try await pool.query(
                Statement(
                    "age",
                    "UPDATE leat.refused SET refused_at = refused_at - interval '31 days' WHERE flush < 100"
                )
            )
            try await log.upkeep(for: nil)
            #expect(try await log.refused(Self.source).count == 10)
        }
    }

    @Test func `Timings go after their time`() async throws {
        try await Database.temporary { pool in
            let log = EventLog(pool)
            let insert = Statement(
                "timing_test",
                """
                INSERT INTO leat.timing
                SELECT 'a', '1.0.0', 'creation', now() - interval '1 hour' - n * interval '1 day', 1, n, 1, 1, 1,
                    '{1}', '{1}', '{}', '{}' FROM generate_series(0, 99) AS n
                """
            )
            _ = try await pool.query(insert)
            try await log.upkeep(for: nil)
            let left = try await pool.query(Statement("timing_left", "SELECT count(*) FROM leat.timing"))[0].int8(0)
            #expect(left == 30)
        }
    }
}
