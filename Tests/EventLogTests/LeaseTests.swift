import EventModel
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

@Suite(.timeLimit(.minutes(2))) struct LeaseTests {
    private static let both = [Events.partition, Events.other]
    private static let many = (0..<24 as Range<UInt8>).map {
        PartitionID(source: SourceID(rawValue: 7), generation: 0, number: $0)
    }

    /// A node that wants to run lanes of these partitions.
    private func node(
        _ identity: String,
        _ pool: ConnectionPool,
        _ partitions: [PartitionID] = both,
        leaseTime: Duration = .seconds(600)
    ) async throws -> EventLog {
        var settings = EventLogSettings()
        settings.leaseTime = leaseTime
        settings.cancelTime = .milliseconds(200)
        let log = EventLog(pool, settings: settings)
        _ = try await log.join(identity: identity, name: "node \(identity)")
        log.want(Set(partitions))
        try await log.tick()
        return log
    }

    /// Lets nodes tick, and give back what is another's, until each holds what it should.
    ///
    /// - Returns: how many partitions each holds, or nil if they never came to agree.
    private func settle(_ logs: EventLog...) async throws -> [Int]? {
        for _ in 0..<20 {
            for log in logs {
                try await log.tick()
                let holding = log.holding
                for partition in holding.held.keys where !holding.allotted.contains(partition) {
                    log.giveBack(partition)
                }
            }
            let all = logs.map(\.holding)
            if all.allSatisfy({ Set($0.held.keys) == $0.allotted }), all.contains(where: { !$0.held.isEmpty }) {
                #expect(Set(all.flatMap { $0.held.keys }).count == all.reduce(0) { $0 + $1.held.count })
                return all.map(\.held.count)
            }
        }
        return nil
    }

    @Test func `Partitions are spread over the nodes that live, and move when one joins or leaves`() async throws {
        try await Database.temporary { pool in
            let first = try await node("a", pool, Self.many)
            #expect(try await settle(first) == [24])
            let second = try await node("b", pool, Self.many)
            #expect(try await settle(first, second) == [12, 12])
            let third = try await node("c", pool, Self.many)
            #expect(try await settle(first, second, third) == [8, 8, 8])
            let before = first.holding.held
            try await third.leave()
            #expect(try await settle(first, second) == [12, 12])
            // What stayed was not touched.
            #expect(before.allSatisfy { first.holding.held[$0.key] == $0.value || first.holding.held[$0.key] == nil })
        }
    }

    @Test func `A node that runs no lanes gets no partitions`() async throws {
        try await Database.temporary { pool in
            let first = try await node("a", pool, Self.many)
            let second = EventLog(pool)
            _ = try await second.join(identity: "b")
            try await second.tick()
            #expect(try await settle(first) == [24])
            first.want(nil)
            #expect(first.holding.allotted.isEmpty)
        }
    }

    @Test func `A partition changes hands only when its holder gives it back`() async throws {
        try await Database.temporary { pool in
            let first = try await node("a", pool, Self.many)
            #expect(try await settle(first) == [24])
            let second = try await node("b", pool, Self.many)
            for _ in 0..<3 {
                try await second.tick()
                try await first.tick()
            }
            #expect(second.holding.held.isEmpty && second.holding.allotted.count == 12)
            #expect(first.holding.held.count == 24 && first.holding.allotted.count == 12)
        }
    }

    @Test func `A drained node hands everything over, also after a restart, until it is undone`() async throws {
        try await Database.temporary { pool in
            let first = try await node("a", pool, Self.many)
            let second = try await node("b", pool, Self.many)
            #expect(try await settle(first, second) == [12, 12])
            let record = try #require(try await first.nodes().first { $0.identity == "a" })
            #expect(record.partitions == 12 && record.state == .alive && record.name == "node a")
            #expect(try await second.drain(record, isForced: false, by: "test") == .done)
            #expect(try await second.drain(record, isForced: false, by: "test") == .unchanged)
            #expect(try await settle(first, second) == [0, 24])
            #expect(first.holding.isDraining && !second.holding.isDraining)
            // Whoever is left cannot be drained too, unless somebody insists.
            let other = try #require(try await first.nodes().first { $0.identity == "b" })
            #expect(try await second.drain(other, isForced: false, by: "test") == .refused)

            let again = try await node("a", pool, Self.many)
            #expect(try await settle(again, second) == [0, 24])
            #expect(try await again.nodes().map(\.state) == [.draining, .alive])
            #expect(try await again.undrain(record, by: "test") == .done)
            #expect(try await settle(again, second) == [12, 12])
            let audit = Statement("test.audit", "SELECT count(*) FROM leat.audit WHERE who = 'test'")
            #expect(try await pool.query(audit)[0].int(0) == 2)
        }
    }

    @Test func `Where every node that lives is drained, each knows it, until one takes partitions again`() async throws
    {
        try await Database.temporary { pool in
            let (first, second) = (try await node("a", pool), try await node("b", pool))
            _ = try await settle(first, second)
            let records = try await first.nodes()
            #expect(try await first.drain(records[0], isForced: false, by: "test") == .done)
            _ = try await settle(first, second)
            #expect(!first.holding.isStranded && !second.holding.isStranded)
            // The other ends, and whoever is left runs no lanes.
            try await second.leave()
            try await first.tick()
            #expect(first.holding.isStranded)
            #expect(try await first.undrain(records[0], by: "test") == .done)
            #expect(try await settle(first) == [2])
            #expect(!first.holding.isStranded)
        }
    }

    @Test func `That no lane runs anywhere is said at once, and again every ten minutes`() {
        var membership = Membership()
        let start = ContinuousClock.now
        var tenancy = Tenancy(
            node: NodeID(rawValue: 1),
            identity: "a",
            leaseTime: .seconds(5),
            cancelTime: .seconds(2),
            sent: start
        )
        func tell(_ isDraining: Bool, after seconds: Int) -> Bool {
            var answer = Tenancy.Answer()
            answer.nodes = [
                LivingNode(
                    node: NodeID(rawValue: 1),
                    identity: "a",
                    name: "",
                    beats: 1,
                    serves: true,
                    isDraining: isDraining
                )
            ]
            let now = start + .seconds(seconds)
            tenancy.take(answer, asked: now, at: now)
            membership.tenancy = tenancy
            return membership.isToWarn(at: now)
        }
        let isEarly = membership.isToWarn(at: start)
        #expect(!isEarly)
        #expect(!tell(false, after: 0))
        #expect([1, 2, 600, 601, 1200].map { tell(true, after: $0) } == [true, false, false, true, false])
        #expect(!tell(false, after: 1201) && tell(true, after: 1202))
    }

    @Test func `Every tick tells the number of the configuration's last change, if the function can tell`() async throws
    {
        try await Database.temporary { pool in
            let log = try await node("a", pool)
            var revisions = log.revisions().makeAsyncIterator()
            try await pool.execute(Statement("test.change", "SELECT leat.catalog_changed('test', '{}')"))
            try await log.tick()
            #expect(await revisions.next() == 1)
            // The function as an older program makes it.
            let old = """
                DO $$ BEGIN EXECUTE replace(
                    pg_get_functiondef('leat.tick'::regproc), '(SELECT r.revision::text FROM leat.catalog_revision r)',
                    quote_literal('')
                ); END $$
                """
            try await pool.execute(Statement("test.old", old))
            for _ in 0..<2 { try await log.tick() }
            #expect(log.livingNodes == 1 && log.holding.held.count == 2)
        }
    }

    @Test func `A restart on the same directory has its leases back at once`() async throws {
        try await Database.temporary { pool in
            let before = try await node("a", pool)
            _ = try await before.acquire(Self.both)
            let after = try await node("a", pool)
            let taken = try await after.acquire(Self.both)
            #expect(taken.map(\.epoch) == [2, 2])
            await #expect(throws: EventLogError.nodeReplaced) { try await before.tick() }
            #expect(!before.maySend)
            #expect(after.maySend)
        }
    }

    @Test func `A node that falls silent loses its leases, commits nothing, and enters again when its lanes ended`()
        async throws
    {
        try await Database.temporary { pool in
            try await Events.begin(3, in: pool)
            let silent = try await node("a", pool, leaseTime: .seconds(2))
            let leases = try await silent.acquire(Self.both)
            #expect(leases.map(\.epoch) == [1, 1] && silent.maySend)
            let other = try await node("b", pool, leaseTime: .seconds(2))
            while other.holding.held.count < 2 {
                try await other.tick()
                try await Task.sleep(for: .milliseconds(50))
            }
            #expect(Set(other.holding.held.values) == [2])
            #expect(!silent.maySend)
            #expect(try await other.nodes().map(\.state) == [.silent, .alive])

            var checkpoint = Checkpoint()
            let lane = LaneID(partition: Events.other, consumer: ConsumerID(rawValue: 3))
            checkpoint.lanes = [LaneRecord(lane: lane, position: LogPosition(offset: 5, sliceTime: 10))]
            await #expect(throws: EventLogError.leaseLost) { try await silent.commit(checkpoint, under: leases) }
            let node = silent.node
            try await silent.tick()
            #expect(silent.holding.isEnded && silent.holding.held.isEmpty && !silent.maySend)
            #expect(silent.leaseCounts.lost == 2)
            // As long as its lanes have not ended it stays away.
            try await silent.tick()
            #expect(silent.holding.isEnded && !silent.maySend)
            silent.vacate()
            try await silent.tick()
            #expect(!silent.holding.isEnded && silent.maySend && silent.node != node)
            #expect(try await settle(silent, other) == [1, 1])
        }
    }

    @Test func `A node whose new entry was kept, while its answer was lost, enters once more`() async throws {
        try await Database.temporary { pool in
            try await DatabaseProxy.with(pool.settings) { proxy in
                let own = ConnectionPool(proxy.settings)
                let silent = try await node("a", own, leaseTime: .milliseconds(200))
                #expect(try await silent.acquire(Self.both).count == 2)
                let other = try await node("b", pool, leaseTime: .milliseconds(200))
                let end = ContinuousClock.now + .seconds(60)
                while other.holding.held.count < 2 {
                    try #require(ContinuousClock.now < end)
                    try await other.tick()
                    try await Task.sleep(for: .milliseconds(20))
                }
                try await silent.tick()
                #expect(silent.holding.isEnded)
                silent.vacate()
                let node = silent.node
                proxy.loseAnswers(to: "join", times: 1)
                await #expect(throws: EventLogError.self) { try await silent.tick() }
                #expect(proxy.lost == 1 && silent.node == node)
                try await silent.tick()
                #expect(!silent.holding.isEnded && silent.node != node)
                // Their leases are short, so both may have to say once more that they are there.
                while try await other.nodes().map(\.state) != [.alive, .alive] || !silent.maySend {
                    try #require(ContinuousClock.now < end)
                    try await silent.tick()
                    try await other.tick()
                }
                await own.close()
            }
        }
    }

    @Test func `More leases than a tick has time for change hands over several, each with its sign of life`()
        async throws
    {
        try await Database.temporary { pool in
            let log = try await node("a", pool, Self.many)
            let slow = """
                CREATE FUNCTION test_slow() RETURNS trigger LANGUAGE plpgsql AS
                    'BEGIN PERFORM pg_sleep(0.2); RETURN NEW; END';
                CREATE TRIGGER test_slow BEFORE UPDATE ON leat.lease FOR EACH ROW EXECUTE FUNCTION test_slow()
                """
            try await pool.execute(Statement("test.slow", slow))
            try await log.tick()
            #expect((1..<24).contains(log.holding.held.count))
            for _ in 0..<20 where log.holding.held.count < 24 { try await log.tick() }
            #expect(log.holding.held.count == 24)
            for partition in Self.many { log.giveBack(partition) }
            try await log.tick()
            let free = Statement("test.free", "SELECT count(*) FROM leat.lease WHERE node_id IS NULL")
            let count = try await pool.query(free)[0].int(0)
            #expect((1..<24).contains(count))
        }
    }

    @Test func `A node that nobody missed goes on with its leases, however long it was away`() async throws {
        try await Database.temporary { pool in
            let log = try await node("a", pool, leaseTime: .milliseconds(1))
            let leases = try await log.acquire(Self.both)
            while log.maySend { try await Task.sleep(for: .milliseconds(1)) }
            let again = try await log.acquire(Self.both)
            #expect(leases == again && !leases.isEmpty)
        }
    }

    @Test func `Whoever lost a lease commits nothing more`() async throws {
        try await Database.temporary { pool in
            let old = try await node("a", pool)
            let leases = try await old.acquire(Self.both)
            try await Events.begin(3, in: pool)
            let lane = LaneID(partition: Events.other, consumer: ConsumerID(rawValue: 3))
            var checkpoint = Checkpoint()
            checkpoint.lanes = [LaneRecord(lane: lane, position: LogPosition(offset: 5, sliceTime: 10))]
            try await old.commit(checkpoint, under: leases)

            let new = try await node("a", pool, [Events.other])
            _ = try await new.acquire([Events.other])
            checkpoint.lanes[0].position.offset = 9
            await #expect(throws: EventLogError.leaseLost) { try await old.commit(checkpoint, under: leases) }
            let state = try await new.lanes(Events.other, [lane.consumer])
            #expect(state[lane.consumer]?.record?.position.offset == 5)
            checkpoint.lanes[0].lane = LaneID(partition: Events.partition, consumer: lane.consumer)
            let other = try await new.acquire(Self.both)
            #expect(other.map(\.epoch) == [2, 2])
            await #expect(throws: EventLogError.leaseLost) { try await old.commit(checkpoint, under: leases) }
        }
    }

    @Test func `A take-over neither waits for a commit in flight nor overtakes it`() async throws {
        try await Database.temporary { pool in
            _ = try await node("a", pool).acquire(Self.both)
            try await pool.transaction { connection in
                // As the checkpoint's procedure does.
                _ = try await connection.query(
                    "SELECT 1 FROM leat.lease WHERE partition_id = $1 AND epoch = 1 FOR UPDATE",
                    [.int8(Events.partition.rawValue)]
                )
                let new = try await node("a", pool)
                // The tick comes back, with what nobody holds.
                #expect(try await new.acquire(Self.both) == [Lease(partition: Events.other, epoch: 2)])
                try await connection.execute("COMMIT; BEGIN")
                #expect(try await new.acquire(Self.both).map(\.epoch) == [2, 2])
            }
        }
    }
}
