import EventLog
import EventModel
import PostgreSQL
import TestSupport
import Testing

/// What holds of a commit that is sent more than once, too late, or for nobody.
@Suite(.timeLimit(.minutes(1))) struct CommitTests {
    private static let lane = LaneID(partition: Events.partition, consumer: ConsumerID(rawValue: 3))

    /// The lane's commit of this number, with a dead letter of its own.
    private func checkpoint(_ number: Int64) -> Checkpoint {
        var counts = Counts()
        counts.read = number
        counts.failed = number
        var checkpoint = Checkpoint()
        checkpoint.lanes = [
            LaneRecord(
                lane: Self.lane,
                number: number,
                position: LogPosition(offset: number, sliceTime: 1),
                counts: counts
            )
        ]
        checkpoint.deadLetters = [
            DeadLetter(
                lane: Self.lane,
                offset: number - 1,
                part: nil,
                userHash: 7,
                sliceTime: 1,
                stage: "transform",
                code: "no",
                reason: "no",
                plugin: nil,
                attempts: 1,
                before: nil,
                after: nil,
                history: nil
            )
        ]
        return checkpoint
    }

    private func log(_ pool: ConnectionPool) async throws -> (EventLog, [Lease]) {
        let log = EventLog(pool)
        _ = try await log.join(identity: "a")
        try await Events.begin(Self.lane.consumer.rawValue, in: pool)
        return (log, try await log.acquire([Events.partition]))
    }

    private func deadOffsets(_ pool: ConnectionPool) async throws -> [Int64] {
        let dead = Statement("test.dead", "SELECT event_offset FROM leat.dead_letter ORDER BY 1")
        return try await pool.query(dead).map { try $0.int8(0) }
    }

    /// How many sessions wait for a lock.
    private func waiting(_ pool: ConnectionPool) async throws -> Int {
        let waits = Statement(
            "test.waits",
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        return try await pool.query(waits)[0].int(0)
    }

    @Test func `A commit whose answer is lost is kept once when it is sent again`() async throws {
        try await Database.temporary { direct in
            try await DatabaseProxy.with(direct.settings) { proxy in
                let pool = ConnectionPool(proxy.settings)
                let (log, leases) = try await log(pool)
                proxy.loseAnswers(to: "checkpoint", times: 1)
                let error = await #expect(throws: EventLogError.self) {
                    try await log.commit(checkpoint(1), under: leases)
                }
                #expect(error?.code == "database_connection_lost")
                #expect(proxy.lost == 1)
                #expect(try await deadOffsets(direct) == [0])
                try await log.commit(checkpoint(1), under: leases)
                try await log.commit(checkpoint(2), under: leases)
                #expect(try await deadOffsets(direct) == [0, 1])
                let numbers = Statement(
                    "test.numbers",
                    "SELECT commit_number FROM leat.checkpoint WHERE partition_id = $1 ORDER BY written_at"
                )
                let kept = try await direct.query(numbers, [.int8(Events.partition.rawValue)])
                #expect(try kept.map { try $0.int8(0) } == [0, 1, 2])
                await pool.close()
            }
        }
    }

    @Test func `A commit that is sent again waits for the first, which is still under way`() async throws {
        try await Database.temporary { direct in
            try await DatabaseProxy.with(direct.settings) { proxy in
                let pool = ConnectionPool(proxy.settings)
                let (log, leases) = try await log(pool)
                try await direct.transaction { blocker in
                    try await blocker.execute("LOCK TABLE leat.dead_letter IN SHARE MODE")
                    let first = Task { try await log.commit(checkpoint(1), under: leases) }
                    while try await waiting(direct) < 1 { try await Task.sleep(for: .milliseconds(1)) }
                    proxy.cut()
                    await #expect(throws: EventLogError.self) { try await first.value }
                    async let second: Void = log.commit(checkpoint(1), under: leases)
                    while try await waiting(direct) < 2 { try await Task.sleep(for: .milliseconds(1)) }
                    try await blocker.execute("COMMIT; BEGIN")
                    try await second
                }
                #expect(try await deadOffsets(direct) == [0])
                await pool.close()
            }
        }
    }

    @Test func `A commit that comes after newer ones changes nothing, and one that was never kept leaves no hole`()
        async throws
    {
        try await Database.temporary { pool in
            let (log, leases) = try await log(pool)
            try await log.commit(checkpoint(1), under: leases)
            // As if the database had crashed and lost the second.
            try await log.commit(checkpoint(3), under: leases)
            try await log.commit(checkpoint(1), under: leases)
            try await log.commit(checkpoint(2), under: leases)
            #expect(try await deadOffsets(pool) == [0, 2])
            #expect(try await log.records([Self.lane]).map(\.number) == [3])
        }
    }

    @Test func `Nothing is committed for a lane whose connection was removed`() async throws {
        try await Database.temporary { pool in
            let (log, leases) = try await log(pool)
            try await log.commit(checkpoint(1), under: leases)
            let end = Statement("test.end", "SELECT leat.end_lanes($1, $2)")
            let ids = Parameter.int8Array([Events.partition.rawValue])
            _ = try await pool.query(end, [.int8(Self.lane.consumer.rawValue), ids])
            await #expect(throws: EventLogError.laneRemoved) { try await log.commit(checkpoint(2), under: leases) }
            #expect(try await log.records([Self.lane]).isEmpty)
        }
    }

    @Test func `A commit for which no slice was made is tried again`() async throws {
        try await Database.temporary { pool in
            let (log, leases) = try await log(pool)
            let drop = """
                DO $$ DECLARE slice regclass; BEGIN
                    FOR slice IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'leat.dead_letter'::regclass LOOP
                        EXECUTE format('DROP TABLE %s', slice);
                    END LOOP;
                END $$
                """
            try await pool.execute(Statement("test.drop", drop))
            await #expect(throws: EventLogError.noSlice) { try await log.commit(checkpoint(1), under: leases) }
            try await log.prepare()
            try await log.commit(checkpoint(1), under: leases)
            #expect(try await deadOffsets(pool) == [0])
        }
    }
}
