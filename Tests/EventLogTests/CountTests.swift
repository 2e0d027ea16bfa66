import EventModel
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

@Suite struct CountTests {
    private static let begin = Statement("test.begin", "SELECT leat.begin_lanes($1, $2)")
    private static let waits = Statement(
        "test.waits",
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    private static let consumer = ConsumerID(rawValue: 4711)

    @Test(.timeLimit(.minutes(2)))
    func `A generation that is put away while it is counted is counted once, with its source and its connection`()
        async throws
    {
        try await Database.temporary { pool in
            var source = try await ChangingSource(pool, partitions: 1)
            let log = EventLog(pool)
            _ = try await log.join(identity: "test")
            let old = source.current.partitionIDs
            let id = source.current.source
            _ = try await pool.query(Self.begin, [.int8(Self.consumer.rawValue), .int8Array(old.map(\.rawValue))])
            _ = try await log.append([Events.draft(0..<10, partition: old[0])])
            try await source.change(to: 3)
            var checkpoint = Checkpoint()
            var record = LaneRecord(lane: LaneID(partition: old[0], consumer: Self.consumer))
            record.position = LogPosition(offset: 10, sliceTime: 1)
            record.counts.read = 10
            record.counts.filtered = 10
            checkpoint.lanes = [record]
            try await log.commit(checkpoint, under: try await log.acquire(old))
            let before = try await log.counts(of: [id], [Self.consumer: id])
            #expect(before.accepted == [id: 10])
            #expect(before.consumers[Self.consumer]?.accepted == 10)

            let during = try await pool.transaction { retiring in
                try await retiring.execute("LOCK TABLE leat.retired_lanes IN ACCESS EXCLUSIVE MODE")
                let counts = Task { try await log.counts(of: [id], [Self.consumer: id]) }
                while try await pool.query(Self.waits)[0].int(0) < 1 { try await Task.sleep(for: .milliseconds(1)) }
                // What `leat.retire_generations` does, which commits by itself and so cannot stand in here.
                try await retiring.execute(
                    """
                    UPDATE leat.generation SET retired_at = clock_timestamp() WHERE closed_at IS NOT NULL;
                    INSERT INTO leat.retired_lanes
                    VALUES (\(Self.consumer.rawValue), \(id.rawValue), 0, 10, 0, 10, 0, 10, 0, 0, 0, 0, 0, 0);
                    DELETE FROM leat.checkpoint WHERE partition_id = \(old[0].rawValue)
                    """
                )
                return counts
            }
            #expect(try await during.value == before)
            #expect(try await log.counts(of: [id], [Self.consumer: id]) == before)
        }
    }
}
