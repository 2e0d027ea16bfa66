import EventModel
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

@Suite struct UpkeepTests {
    @Test func `Slices follow each other without a hole, also after a long pause`() {
        let table = SlicedTable(name: "chunk", length: 100, ahead: 2)
        let first = Slice.missing(table, existing: [], now: 1_050)
        #expect(first.map(\.lower) == [900, 1_000, 1_100, 1_200])
        #expect(first.map(\.upper) == [1_000, 1_100, 1_200, 1_300])
        #expect(Slice.missing(table, existing: first, now: 1_060) == [])
        #expect(Slice.missing(table, existing: first, now: 1_150).map(\.lower) == [1_300])
        let late = Slice.missing(table, existing: first, now: 9_999)
        #expect(late.map(\.lower) == [1_300, 9_900, 10_000, 10_100])
        #expect(late.map(\.upper) == [9_900, 10_000, 10_100, 10_200])
        #expect(Slice(table: "chunk", name: first[0].name) == first[0])
    }

    @Test(.timeLimit(.minutes(2))) func `A dropped slice takes its events with it, and no offset`() async throws {
        try await Database.empty { pool in
            try await Migrations.run(pool)
            var settings = EventLogSettings()
            settings.sliceLength = .seconds(1)
            settings.slicesAhead = 40
            settings.retention = .seconds(1)
            let log = EventLog(pool, settings: settings)
            try await log.prepare()
            try await log.openPartitions([Events.partition, Events.other])
            _ = try await log.join(identity: "a")
            let leases = try await log.acquire([Events.partition])
            try await Events.begin(3, in: pool)
            _ = try await log.append([Events.draft(0..<10)])
            let lane = LaneID(partition: Events.partition, consumer: ConsumerID(rawValue: 3))
            let reader = Consumer(id: 3, lag: .hold)
            // Held by the lane that has not read it, whatever its age.
            while try await log.slices.time() < log.tail(Events.partition).sliceTime + 3_000_000 {}
            try await log.upkeep(for: [reader])
            let held = try await EventLog(pool).read(Events.partition, after: .beginning)
            #expect(held.count == 1)

            let tail = try await log.tail(Events.partition)
            // Read up to the end, by a chunk that came after.
            _ = try await log.append([Events.draft(10..<11)])
            var checkpoint = Checkpoint()
            checkpoint.lanes = [LaneRecord(lane: lane, position: try await log.tail(Events.partition))]
            try await log.commit(checkpoint, under: leases)
            // An event that waits to be read again holds its slice, but not for the sake of a connection that is gone.
            let park = Statement(
                "test.park",
                """
                INSERT INTO leat.parked (partition_id, consumer_id, event_offset, part, user_hash, slice_time,
                    received_at, attempts, since, code)
                SELECT partition_id, $1, first_offset, -1, 0, slice_time, now(), 0, now(), '' FROM leat.chunk
                ORDER BY slice_time LIMIT 1
                """
            )
            for consumer in [3, 4] as [Int64] { _ = try await pool.query(park, [.int8(consumer)]) }
            try await log.upkeep(for: [reader])
            let waited = try await EventLog(pool).read(Events.partition, after: .beginning)
            #expect(waited.first?.firstOffset == 0)
            try await pool.execute(Statement("test.unpark", "DELETE FROM leat.parked WHERE consumer_id = 3"))

            try await log.upkeep(for: [reader])
            let kept = try await EventLog(pool).read(Events.partition, after: .beginning)
            #expect(kept.allSatisfy { $0.firstOffset >= 10 })
            let gone = try await log.chunk(of: Events.partition, holding: 3)
            #expect(gone == nil)

            // Quiet from here on: the last slice goes as well, and the offsets go on.
            while try await EventLog(pool).read(Events.partition, after: .beginning).contains(where: { $0.count > 0 }) {
                try await log.upkeep(for: [])
            }
            let after = try await log.tail(Events.partition)
            #expect(after.offset == 11)
            #expect(after.sliceTime > tail.sliceTime)
            let next = try await log.append([Events.draft(11..<12)])
            #expect(next.map(\.firstOffset) == [11])
        }
    }

    @Test func `The last checkpoint of a quiet lane is carried over the end of its slice`() async throws {
        try await Database.temporary { pool in
            let log = EventLog(pool)
            _ = try await log.join(identity: "a")
            let leases = try await log.acquire([Events.partition])
            try await Events.begin(1, 2, in: pool)
            var checkpoint = Checkpoint()
            for offset in 1...3 as ClosedRange<Int64> {
                checkpoint.lanes = (1...2).map { consumer in
                    LaneRecord(
                        lane: LaneID(partition: Events.partition, consumer: ConsumerID(rawValue: consumer)),
                        number: offset,
                        position: LogPosition(offset: offset * consumer, sliceTime: 1)
                    )
                }
                try await log.commit(checkpoint, under: leases)
            }
            let count = Statement("count", "SELECT count(*) FROM leat.checkpoint")
            let before = try await pool.query(count)[0].int(0)
            _ = try await pool.query(Statement("carry", "CALL leat.carry_checkpoints(clock_timestamp())"))
            // Two lanes of each consumer.
            #expect(try await pool.query(count)[0].int(0) == before + 4)
            _ = try await pool.query(
                Statement(
                    "old",
                    "DELETE FROM leat.checkpoint WHERE written_at < (SELECT min(t) FROM ("
                        + "SELECT max(written_at) AS t FROM leat.checkpoint GROUP BY partition_id, consumer_id) AS last)"
                )
            )
            let records = try await log.records(checkpoint.lanes.map(\.lane))
            #expect(Set(records.map(\.position.offset)) == [3, 6])
            for lane in checkpoint.lanes.indices { checkpoint.lanes[lane].number += 1 }
            try await log.commit(checkpoint, under: leases)
        }
    }
}
