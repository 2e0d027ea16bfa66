import EventLog
import EventModel
import PostgreSQL
import TestSupport
import Testing

@Suite struct LeaseTests {
    private static let both = [Events.partition, Events.other]

    private func settings(leaseTime: Duration = .seconds(10)) -> EventLogSettings {
        var settings = EventLogSettings()
        settings.leaseTime = leaseTime
        settings.requestTime = .zero
        return settings
    }

    @Test func `A partition has one holder, and asking again changes nothing`() async throws {
        try await Database.temporary { pool in
            let first = EventLog(pool, settings: settings(leaseTime: .seconds(600)))
            let second = EventLog(pool, settings: settings(leaseTime: .seconds(600)))
            _ = try await first.join(identity: "a")
            _ = try await second.join(identity: "b")
            let taken = try await first.acquire(Self.both)
            #expect(taken == Self.both.map { Lease(partition: $0, epoch: 1) })
            let again = try await first.acquire(Self.both)
            #expect(again == taken)
            let refused = try await second.acquire(Self.both)
            #expect(refused.isEmpty)
            try await first.release([Events.other])
            let free = try await second.acquire(Self.both)
            #expect(free == [Lease(partition: Events.other, epoch: 2)])
        }
    }

    @Test func `A restart on the same directory has its leases back at once`() async throws {
        try await Database.temporary { pool in
            let before = EventLog(pool, settings: settings())
            _ = try await before.join(identity: "a")
            _ = try await before.acquire(Self.both)
            let after = EventLog(pool, settings: settings())
            _ = try await after.join(identity: "a")
            let taken = try await after.acquire(Self.both)
            #expect(taken.map(\.epoch) == [2, 2])
            await #expect(throws: EventLogError.nodeReplaced) { try await before.beat() }
            #expect(!before.maySend)
            try await after.beat()
            #expect(after.maySend)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A node that falls silent loses its leases after their time`() async throws {
        try await Database.temporary { pool in
            let silent = EventLog(pool, settings: settings(leaseTime: .milliseconds(50)))
            _ = try await silent.join(identity: "a")
            _ = try await silent.acquire(Self.both)
            let other = EventLog(pool, settings: settings(leaseTime: .milliseconds(50)))
            _ = try await other.join(identity: "b")
            var taken: [Lease] = []
            while taken.isEmpty {
                try await other.beat()
                taken = try await other.acquire(Self.both)
            }
            #expect(taken.map(\.epoch) == [2, 2])
            #expect(!silent.maySend)
        }
    }

    @Test func `Whoever lost a lease commits nothing more`() async throws {
        try await Database.temporary { pool in
            let old = EventLog(pool, settings: settings())
            _ = try await old.join(identity: "a")
            let leases = try await old.acquire(Self.both)
            try await Events.begin(3, in: pool)
            let lane = LaneID(partition: Events.other, consumer: ConsumerID(rawValue: 3))
            var checkpoint = Checkpoint()
            checkpoint.lanes = [LaneRecord(lane: lane, position: LogPosition(offset: 5, sliceTime: 10))]
            try await old.commit(checkpoint, under: leases)

            let new = EventLog(pool, settings: settings())
            _ = try await new.join(identity: "a")
            _ = try await new.acquire([Events.other])
            checkpoint.lanes[0].position.offset = 9
            await #expect(throws: EventLogError.leaseLost) { try await old.commit(checkpoint, under: leases) }
            let state = try await new.lanes(Events.other, [lane.consumer])
            #expect(state[lane.consumer]?.record?.position.offset == 5)
            // The lease that nobody took is of no use to a node that was replaced.
            checkpoint.lanes[0].lane = LaneID(partition: Events.partition, consumer: lane.consumer)
            let other = try await new.acquire([Events.partition])
            #expect(other.map(\.epoch) == [2])
            await #expect(throws: EventLogError.leaseLost) { try await old.commit(checkpoint, under: leases) }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A take-over waits for a commit in flight`() async throws {
        try await Database.temporary { pool in
            let old = EventLog(pool, settings: settings())
            _ = try await old.join(identity: "a")
            _ = try await old.acquire([Events.partition])
            let new = EventLog(pool, settings: settings())
            try await pool.transaction { connection in
                // As the checkpoint's function does.
                _ = try await connection.query(
                    "SELECT 1 FROM leat.lease WHERE partition_id = $1 AND epoch = 1 FOR UPDATE",
                    [.int8(Events.partition.rawValue)]
                )
                _ = try await new.join(identity: "a")
                try await withThrowingTaskGroup(of: [Lease].self) { group in
                    group.addTask { try await new.acquire([Events.partition]) }
                    let waits = Statement(
                        "waits",
                        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%acquire%'"
                            + " AND datname = current_database()"
                    )
                    while try await pool.query(waits)[0].int(0) == 0 { try await Task.sleep(for: .milliseconds(1)) }
                    try await connection.execute("COMMIT; BEGIN")
                    #expect(try await group.next()?.map(\.epoch) == [2])
                }
            }
        }
    }
}
