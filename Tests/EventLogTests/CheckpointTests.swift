import EventLog
import EventModel
import PostgreSQL
import TestSupport
import Testing

@Suite struct CheckpointTests {
    private static let consumer = ConsumerID(rawValue: 3)
    private static let lane = LaneID(partition: Events.partition, consumer: consumer)

    private func counts(delivered: Int64, waiting: Int64 = 0, dead: Int64 = 0) -> Counts {
        var counts = Counts()
        counts.transformed = delivered + waiting + dead
        counts.duplicates = 1
        counts.read = counts.transformed + 1
        counts.emitted = counts.transformed
        counts.delivered = delivered
        counts.waiting = waiting
        counts.deadLettered = dead
        return counts
    }

    private func log(_ pool: ConnectionPool) async throws -> (EventLog, [Lease]) {
        let log = EventLog(pool)
        try await log.openPartitions([Events.partition, Events.other])
        _ = try await log.join(identity: "a")
        try await Events.begin(Self.consumer.rawValue, in: pool)
        return (log, try await log.acquire([Events.partition, Events.other]))
    }

    private func parked(_ offset: Int64, part: Int?, dueAt: Int64?, payload: [UInt8]?) -> ParkedRecord {
        ParkedRecord(
            lane: Self.lane,
            offset: offset,
            part: part,
            userHash: .max,
            sliceTime: 1_000,
            receivedAt: 900,
            attempts: 2,
            since: 950,
            dueAt: dueAt,
            payload: payload,
            code: "http_500"
        )
    }

    private func letter(_ offset: Int64) -> DeadLetter {
        DeadLetter(
            lane: Self.lane,
            offset: offset,
            part: nil,
            userHash: 7,
            sliceTime: 1_000,
            stage: "transform",
            code: "signal_segv",
            reason: "the plugin ended by \0 a signal",
            plugin: "org.example.mask@1.0.0",
            attempts: 1,
            before: Events.text(2),
            after: nil,
            history: #"[{"status":500}]"#
        )
    }

    @Test func `A lane goes on exactly where it committed`() async throws {
        try await Database.temporary { pool in
            let (log, leases) = try await log(pool)
            var checkpoint = Checkpoint()
            let record = LaneRecord(
                lane: Self.lane,
                start: 2,
                position: LogPosition(offset: 10, sliceTime: 1_700_000_000_000_001),
                beyond: [0b101],
                expired: 3,
                counts: counts(delivered: 4, waiting: 2, dead: 1)
            )
            checkpoint.lanes = [record, LaneRecord(lane: LaneID(partition: Events.other, consumer: Self.consumer))]
            checkpoint.parked = [
                parked(4, part: 0, dueAt: 2_000_000, payload: [1, 2, 3]),
                parked(5, part: nil, dueAt: nil, payload: nil),
            ]
            checkpoint.deadLetters = [letter(2)]
            try await log.commit(checkpoint, under: leases)

            let state = try await EventLog(pool).lanes(Events.partition, [Self.consumer, ConsumerID(rawValue: 4)])
            #expect(state[Self.consumer] == LaneState(record: record, parked: checkpoint.parked))
            #expect(state[ConsumerID(rawValue: 4)] == LaneState())
            var letters = try await log.deadLetters(of: Self.consumer)
            #expect(letters.count == 1)
            #expect(letters[0].diedAt > 1_700_000_000_000_000)
            letters[0].diedAt = 0
            var expected = letter(2)
            expected.reason = "the plugin ended by  a signal"
            #expect(letters == [expected])
        }
    }

    @Test func `The latest checkpoint counts, and what was taken up again is gone`() async throws {
        try await Database.temporary { pool in
            let (log, leases) = try await log(pool)
            for round in 1...20 {
                var checkpoint = Checkpoint()
                checkpoint.lanes = [
                    LaneRecord(
                        lane: Self.lane,
                        number: Int64(round),
                        position: LogPosition(offset: Int64(round), sliceTime: 1),
                        counts: counts(delivered: Int64(round) - 1)
                    )
                ]
                if round == 3 { checkpoint.parked = [parked(1, part: 0, dueAt: 5, payload: [1])] }
                if round == 7 { checkpoint.unparked = [ParkedID(lane: Self.lane, offset: 1, part: 0)] }
                try await log.commit(checkpoint, under: leases)
            }
            let state = try await log.lanes(Events.partition, [Self.consumer])[Self.consumer]
            #expect(state?.record?.position.offset == 20)
            #expect(state?.record?.counts.delivered == 19)
            #expect(state?.parked == [])
        }
    }

    @Test func `Counts that do not reconcile are refused by the database`() async throws {
        try await Database.temporary { pool in
            let (log, leases) = try await log(pool)
            var checkpoint = Checkpoint()
            var wrong = counts(delivered: 4)
            wrong.delivered = 3
            checkpoint.lanes = [LaneRecord(lane: Self.lane, counts: wrong)]
            let error = await #expect(throws: EventLogError.self) { try await log.commit(checkpoint, under: leases) }
            #expect(error?.disposition == .bury)
        }
    }

    @Test func `What was accepted is what was read, is unread, or has expired`() async throws {
        try await Database.temporary { pool in
            let (log, leases) = try await log(pool)
            _ = try await log.append([Events.draft(0..<10), Events.draft(0..<4, partition: Events.other)])
            var checkpoint = Checkpoint()
            checkpoint.lanes = [
                LaneRecord(
                    lane: Self.lane,
                    start: 2,
                    position: LogPosition(offset: 7, sliceTime: 1),
                    expired: 1,
                    counts: counts(delivered: 3)
                )
            ]
            try await log.commit(checkpoint, under: leases)
            let total = try await log.counts(of: Self.consumer, [Events.partition, Events.other])
            #expect(total.accepted == 12)
            #expect(total.counts.read == 4)
            #expect(total.expired == 1)
            #expect(total.unread == 7)
        }
    }
}
