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

    private func parked(
        _ offset: Int64,
        part: Int?,
        dueAt: Int64?,
        payload: [UInt8]?,
        throttles: Int = 0,
        before: [UInt8]? = nil,
        history: String? = nil
    ) -> ParkedRecord {
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
            code: "http_500",
            ownThrottles: throttles,
            before: before,
            history: history
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
            history: "{\"status\":500}\n{\"status\":400}"
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
                parked(4, part: 0, dueAt: 2_000_000, payload: [1, 2, 3], throttles: 7),
                parked(5, part: nil, dueAt: nil, payload: nil),
            ]
            checkpoint.deadLetters = [letter(2)]
            try await log.commit(checkpoint, under: leases)

            let state = try await EventLog(pool).lanes(Events.partition, [Self.consumer, ConsumerID(rawValue: 4)])
            #expect(state[Self.consumer] == LaneState(record: record, parked: checkpoint.parked))
            #expect(state[ConsumerID(rawValue: 4)] == LaneState())
            let page = try await log.letters(of: Self.consumer, DeadLetterFilter(), behind: nil, limit: 10)
            let records = try await log.letterRecords(page.letters.map(\.id))
            #expect(records.count == 1)
            let (kept, died) = (records[0], letter(2))
            #expect(kept.report.id.at > 1_700_000_000_000_000)
            #expect(kept.report.message == "the plugin ended by  a signal")
            let (id, report) = (kept.report.id, kept.report)
            #expect((id.offset, id.part, report.attempts) == (died.offset, died.part, died.attempts))
            #expect((report.userHash, report.stage, report.code) == (died.userHash, died.stage, died.code))
            #expect((kept.event, kept.transformed) == (died.before, died.after))
            #expect(kept.history == #"[{"status":500},{"status":400}]"#)
            #expect((kept.report.plugin, kept.acceptedAt) == (died.plugin, died.sliceTime))
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

    /// A dead letter of a part that was parked: its row has the event.
    private func letter(of row: ParkedRecord, history: String?) -> DeadLetter {
        DeadLetter(
            lane: row.lane,
            offset: row.offset,
            part: row.part,
            userHash: row.userHash,
            sliceTime: row.sliceTime,
            stage: "deliver",
            code: "retries_exhausted",
            reason: "",
            plugin: nil,
            attempts: 5,
            before: nil,
            after: row.payload,
            history: history
        )
    }

    @Test func `A dead letter of what was parked gets from its row the event and the tries of earlier stays`()
        async throws
    {
        try await Database.temporary { pool in
            let (log, leases) = try await log(pool)
            var number: Int64 = 0
            func commit(_ fill: (inout Checkpoint) -> Void) async throws {
                number += 1
                var checkpoint = Checkpoint()
                let position = LogPosition(offset: 10, sliceTime: 1)
                let record = LaneRecord(
                    lane: Self.lane,
                    number: number,
                    position: position,
                    counts: counts(delivered: 9)
                )
                checkpoint.lanes = [record]
                fill(&checkpoint)
                try await log.commit(checkpoint, under: leases)
                // As if the answer had been lost.
                try await log.commit(checkpoint, under: leases)
            }
            func row(_ offset: Int64, before: [UInt8]? = nil, history: String? = nil) -> ParkedRecord {
                parked(offset, part: 0, dueAt: 5, payload: [9], before: before, history: history)
            }
            let long = String(repeating: "7", count: 20_000)
            try await commit { checkpoint in
                checkpoint.parked = [
                    row(1, before: [1, 2], history: "10\n11\n12\n13"), row(2, before: [], history: "20"), row(3),
                    row(4, before: [4], history: long), row(5, before: [5]),
                ]
            }
            for round in 1...7 {
                try await commit { checkpoint in
                    checkpoint.parked = [row(1, history: "1\(round)0"), row(2), row(4, history: long)]
                }
            }
            try await commit { checkpoint in
                checkpoint.unparked = (1...5).map { ParkedID(lane: Self.lane, offset: $0, part: 0) }
                let histories = ["180", nil, "30", "40", nil]
                checkpoint.deadLetters = (0..<4).map { letter(of: row($0 + 1), history: histories[Int($0)]) }
            }
            let page = try await log.letters(of: Self.consumer, DeadLetterFilter(), behind: nil, limit: 10)
            let records = try await log.letterRecords(page.letters.map(\.id).sorted { $0.offset < $1.offset })
            #expect(records.map(\.event) == [[1, 2], [9], nil, [4]])
            #expect(records.map(\.transformed) == [[9], nil, [9], [9]])
            // Ten at the most, and not more than 64 KiB.
            let expected: [String?] = [
                "[12,13,110,120,130,140,150,160,170,180]", "[20]", "[30]", "[\(long),\(long),\(long),40]",
            ]
            #expect(records.map(\.history) == expected)
            #expect(try await log.lanes(Events.partition, [Self.consumer])[Self.consumer]?.parked == [])
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
