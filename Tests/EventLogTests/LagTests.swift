import EventModel
import Logging
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

/// What happens to slices for the sake of those who have not read them.
@Suite(.timeLimit(.minutes(2))) struct LagTests {
    /// Appends for as long as it takes to have `count` slices with events, ten in each.
    private static func fill(_ log: EventLog, slices count: Int) async throws {
        for number in 0..<count {
            let chunk = try await log.append([Events.draft(number * 10..<number * 10 + 10)])[0]
            try await log.waitForEnd(ofSliceAt: chunk.sliceTime)
        }
    }

    private static func bytes(_ log: EventLog) async throws -> Int64 {
        try await log.slices.survey("chunk").attached.reduce(0) { $0 + $1.bytes }
    }

    private static func isKept(_ offset: Int64, _ pool: ConnectionPool) async throws -> Bool {
        try await EventLog(pool).chunk(of: Events.partition, holding: offset) != nil
    }

    @Test func `Whoever expires loses the slices at their time, and reads where the log begins now`() async throws {
        try await Events.withBriefLog { log, pool in
            try await Events.begin(3, 4, in: pool)
            let first = try await log.append([Events.draft(0..<10)])[0]
            try await log.waitForEnd(ofSliceAt: first.sliceTime, more: 1)
            let second = try await log.append([Events.draft(10..<20)])[0]
            try await log.upkeep(for: [Consumer(id: 3, lag: .expire), Consumer(id: 4, lag: .hold)])
            #expect(try await Self.isKept(5, pool))
            #expect(log.standing.heldSlices >= 1)
            #expect(log.standing.lags.map(\.unread) == [20, 20])
            try await log.upkeep(for: [Consumer(id: 3, lag: .expire)])
            #expect(try await !Self.isKept(5, pool))
            let read = try await EventLog(pool).read(Events.partition, after: .beginning)
            // On a busy machine the second slice has had its time by now as well.
            #expect([10, 20].contains(read.first?.firstOffset))
            // When the last of it goes, the next offset stays.
            try await log.waitForEnd(ofSliceAt: second.sliceTime, more: 1)
            try await log.upkeep(for: [Consumer(id: 3, lag: .expire)])
            let rest = try await EventLog(pool).read(Events.partition, after: .beginning)
            #expect(rest.map(\.firstOffset) == [20] && rest.map(\.count) == [0])
            #expect(try await EventLog(pool).read(Events.partition, after: rest[0].end).isEmpty)
        }
    }

    @Test func `At the bound the oldest slices go, but not what is held, whose source is pushed back`() async throws {
        var settings = Events.briefSettings
        settings.retention = .seconds(3600)
        try await Events.withBriefLog(settings) { log, pool in
            try await Events.begin(3, in: pool)
            try await Self.fill(log, slices: 3)
            settings.logBytes = try await Self.bytes(log) - 1
            let bounded = EventLog(pool, settings: settings)
            let source = Events.partition.source
            try await bounded.upkeep(for: [Consumer(id: 3, lag: .hold)])
            #expect(try await Self.isKept(0, pool))
            #expect(bounded.standing.pushedBack == [source])
            #expect(bounded.standing.bound == settings.logBytes && bounded.standing.bytes > settings.logBytes)
            #expect(bounded.standing.lags[0].share > 0.9)
            // One that is switched off keeps nothing beyond the bound, and pushes nobody back.
            try await bounded.upkeep(for: [Consumer(id: 3, lag: .hold, isEnabled: false)])
            #expect(bounded.standing.pushedBack.isEmpty)
            #expect(try await !Self.isKept(0, pool))
            #expect(bounded.standing.bytes <= settings.logBytes)
        }
    }

    @Test func `A parked event that must be read again holds its slice for its own connection only`() async throws {
        try await Events.withBriefLog { log, pool in
            try await Events.begin(3, 4, in: pool)
            let leases = try await log.acquire([Events.partition])
            let first = try await log.append([Events.draft(0..<10)])[0]
            let tail = try await log.tail(Events.partition)
            var checkpoint = Checkpoint()
            checkpoint.lanes = ([3, 4] as [Int64]).map {
                let lane = LaneID(partition: Events.partition, consumer: ConsumerID(rawValue: $0))
                return LaneRecord(lane: lane, position: tail)
            }
            checkpoint.parked = [
                ParkedRecord(
                    lane: checkpoint.lanes[0].lane,
                    offset: 4,
                    part: nil,
                    userHash: 1,
                    sliceTime: first.sliceTime,
                    receivedAt: 0,
                    attempts: 0,
                    since: 0,
                    dueAt: nil,
                    payload: nil,
                    code: ""
                )
            ]
            try await log.commit(checkpoint, under: leases)
            try await log.waitForEnd(ofSliceAt: first.sliceTime, more: 2)
            try await log.upkeep(for: [Consumer(id: 3, lag: .hold), Consumer(id: 4, lag: .hold)])
            #expect(try await Self.isKept(4, pool))
            #expect(log.standing.lags.map { $0.age > .zero } == [true, false])
            try await log.upkeep(for: [Consumer(id: 3, lag: .expire), Consumer(id: 4, lag: .hold)])
            #expect(try await !Self.isKept(4, pool))
        }
    }

    @Test func `What is parked is due at the same moment on nodes whose clocks are an hour apart`() async throws {
        try await Database.temporary { pool in
            let hour: Int64 = 3_600_000_000
            func node(_ shift: Int64) async throws -> EventLog {
                let log = EventLog(
                    pool,
                    settings: EventLogSettings(),
                    logger: Logger(label: "test"),
                    wall: { DatabaseClock.own() + shift }
                )
                try await log.prepare()
                return log
            }
            let early = try await node(-hour)
            let late = try await node(hour)
            try await Events.begin(3, in: pool)
            _ = try await late.join(identity: "late")
            let lease = try await late.acquire([Events.partition])
            let lane = LaneID(partition: Events.partition, consumer: ConsumerID(rawValue: 3))
            let due = DatabaseClock.own() + hour + 60_000_000
            var checkpoint = Checkpoint()
            checkpoint.lanes = [LaneRecord(lane: lane, position: LogPosition(offset: 1, sliceTime: 1))]
            checkpoint.parked = [
                ParkedRecord(
                    lane: lane,
                    offset: 0,
                    part: 0,
                    userHash: 1,
                    sliceTime: 1,
                    receivedAt: 1,
                    attempts: 1,
                    since: due - 120_000_000,
                    dueAt: due,
                    payload: [1],
                    code: "x"
                )
            ]
            try await late.commit(checkpoint, under: lease)
            let kept = Statement(
                "test.due",
                "SELECT extract(epoch FROM next_attempt_at - clock_timestamp())::float8 FROM leat.parked"
            )
            let wait = try await pool.query(kept)[0].float8(0)
            #expect(abs(wait - 60) < 50)
            let read = try await early.lanes(Events.partition, [lane.consumer])[lane.consumer]?.parked.first
            let parked = try #require(read)
            let there = try #require(parked.dueAt)
            #expect(abs(there - (due - 2 * hour)) < 5_000_000)
            #expect(abs(there - parked.since - 120_000_000) < 1_000)
            // What the same node wrote it reads as it was.
            let own = try await late.lanes(Events.partition, [lane.consumer])[lane.consumer]?.parked.first
            #expect(own?.dueAt == due)
        }
    }

    @Test func `What a source sent today is the same sum whoever asks, and outlives slices and restarts`() async throws
    {
        var settings = Events.briefSettings
        settings.retention = .seconds(3600)
        try await Events.withBriefLog(settings) { log, pool in
            let source = Events.partition.source
            let ledger = DayLedger(log)
            var sent: Int64 = 0
            for number in 0..<3 {
                let draft = Events.draft(number * 10..<number * 10 + 10)
                sent += Int64(draft.byteCount)
                let chunk = try await log.append([draft])[0]
                let (bytes, left) = try await ledger.read([source])
                #expect(bytes == [source: sent])
                #expect(left > .zero && left <= .seconds(86_400))
                try await log.waitForEnd(ofSliceAt: chunk.sliceTime)
            }
            try await log.upkeep(for: [])
            #expect(try await ledger.read([source]).bytes == [source: sent])
            #expect(try await DayLedger(EventLog(pool)).read([source]).bytes == [source: sent])
            // With the slices before the first one, everything until now was measured, and no chunk is needed any more.
            let first = try #require(try await log.slices.survey("chunk").attached.first?.slice.lower)
            try await pool.execute(
                Statement(
                    "test.measured",
                    """
                    INSERT INTO leat.slice (lower_at, upper_at, bytes)
                        VALUES (date_trunc('day', now(), 'UTC'), to_timestamp(\(first)), 0);
                    DELETE FROM leat.chunk
                    """
                )
            )
            #expect(try await DayLedger(EventLog(pool)).read([source]).bytes == [source: sent])
            let nobody = SourceID(rawValue: 12)
            #expect(try await ledger.read([nobody]).bytes == [nobody: 0])
        }
    }
}
