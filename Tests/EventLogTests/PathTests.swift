import EventModel
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

@Suite struct PathTests {
    private static let lane = LaneID(partition: Events.partition, consumer: ConsumerID(rawValue: 3))

    private static func chain(_ from: Int64, _ stages: String, only offsets: [Int64]? = nil) -> ChainRecord {
        ChainRecord(lane: lane, from: from, offsets: offsets, stages: stages)
    }

    private static func trace(_ offset: Int64, _ cause: String) -> TraceRecord {
        TraceRecord(
            lane: lane,
            offset: offset,
            part: cause == "parked" ? 1 : nil,
            userHash: .max,
            message: EventHash.message("m\(offset)"),
            sliceTime: 1_000,
            cause: cause,
            outcome: "delivered",
            record: #"{"a":"b"}"#
        )
    }

    private static func with(_ body: (EventLog, [Lease]) async throws -> Void) async throws {
        try await Database.temporary { pool in
            let log = EventLog(pool)
            try await log.prepare()
            try await log.openPartitions([Events.partition, Events.other])
            _ = try await log.join(identity: "a", name: "node-a")
            try await Events.begin(lane.consumer.rawValue, in: pool)
            try await body(log, try await log.acquire([Events.partition, Events.other]))
        }
    }

    @Test func `Versions and traces are committed with the lane's progress, once, and found again`() async throws {
        try await Self.with { log, leases in
            var checkpoint = Checkpoint()
            checkpoint.lanes = [LaneRecord(lane: Self.lane)]
            checkpoint.chains = [
                Self.chain(0, "one"), Self.chain(5, "two", only: [5, 7]), Self.chain(10, "three"),
                Self.chain(7, "four", only: [7]),
            ]
            checkpoint.traces = [Self.trace(4, "parked"), Self.trace(4, "sampled"), Self.trace(9, "failed")]
            // Sent again because its answer was lost.
            for _ in 0..<2 { try await log.commit(checkpoint, under: leases) }
            var found: [String?] = []
            for offset in [0, 5, 6, 7, 10, 99] as [Int64] {
                found.append(try await log.chain(of: Self.lane, at: offset)?.stages)
            }
            #expect(found == ["one", "two", "one", "four", "three", "three"])
            #expect(try await log.chains([Self.lane])[Self.lane]?.stages == "three")
            let traces = try await log.traces(of: Events.partition, 4)
            #expect(traces.map(\.cause) == ["parked", "sampled"] && traces.map(\.part) == [1, nil])
            #expect(traces.allSatisfy { $0.userHash == .max && $0.record == #"{"a":"b"}"# && $0.writtenAt > 0 })
            #expect(try await log.names(of: Set(traces.compactMap(\.node))).values.map { $0 } == ["node-a"])
            #expect(try await log.traced(EventHash.message("m9"), in: Events.partition) == [9])
            #expect(try await log.traced(EventHash.message("m9"), in: Events.other).isEmpty)
        }
    }

    @Test func `A message id is found in the directories, since a time and with every copy`() async throws {
        try await Self.with { log, _ in
            for round in 0..<3 {
                var draft = ChunkDraft(partition: Events.partition)
                for number in 0..<5 {
                    let entry = DirectoryEntry(
                        length: 0,
                        type: .track,
                        receivedAt: 1,
                        userHash: 1,
                        nameHash: 0,
                        messageHash: EventHash.message(number == 3 ? "again" : "m\(round)-\(number)")
                    )
                    draft.append(entry, Array("{\"n\":\(number)}".utf8))
                }
                _ = try await log.append([draft])
            }
            let all = try await log.find(EventHash.message("again"), in: Events.partition, since: 0)
            #expect(all.map(\.offset) == [3, 8, 13] && all.map(\.place) == [3, 3, 3])
            let later = try await log.find(
                EventHash.message("again"),
                in: Events.partition,
                since: all[1].chunk.sliceTime
            )
            #expect(later.map(\.offset) == [8, 13])
            #expect(try await log.find(EventHash.message("none"), in: Events.partition, since: 0).isEmpty)
            #expect(try await log.find(EventHash.message("again"), in: Events.other, since: 0).isEmpty)
        }
    }

    @Test func `Versions that handled what has left the log are forgotten, but never those in force`() async throws {
        try await Self.with { log, leases in
            for (number, chain) in [Self.chain(0, "one"), Self.chain(10, "two"), Self.chain(20, "three")].enumerated() {
                var checkpoint = Checkpoint()
                checkpoint.lanes = [LaneRecord(lane: Self.lane, number: Int64(number) + 1)]
                checkpoint.chains = [chain, Self.chain(chain.from, "named", only: [chain.from])]
                try await log.commit(checkpoint, under: leases)
            }
            // As if the log began after the second change.
            let age = Statement(
                "test.age",
                "UPDATE leat.chain SET written_at = written_at - interval '1 day' WHERE from_offset < 20"
            )
            _ = try await log.pool.query(age)
            let now = DatabaseClock.own() / 1_000_000
            try await log.tidy(now, oldest: now - 3600)
            let left = Statement("test.left", "SELECT stages FROM leat.chain ORDER BY from_offset, place")
            #expect(try await log.pool.query(left).map { try $0.text(0) } == ["two", "three", "named"])
        }
    }
}
