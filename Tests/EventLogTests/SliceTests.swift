import EventModel
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

@Suite struct SliceTests {
    /// What a dump does: one snapshot, and a lock on every table until its end.
    private static func dump(_ pool: ConnectionPool) async throws -> Connection {
        let dump = try await Connection.open(pool.settings)
        try await dump.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM leat.chunk")
        return dump
    }

    /// The statement that waits for somebody's lock to take a slice out, if one does.
    private static func waiting(_ pool: ConnectionPool) async throws -> String? {
        let sql = """
            SELECT pid || ' ' || query_start || ' ' || query FROM pg_stat_activity
            WHERE datname = current_database() AND state = 'active' AND wait_event_type = 'Lock'
                AND query LIKE '%ALTER TABLE leat.chunk DETACH%'
            """
        return try await pool.query(Statement("test.waiting", sql)).first?.text(0)
    }

    private static func lowers(_ log: EventLog) async throws -> [Int64] {
        try await log.slices.survey("chunk").attached.map(\.slice.lower)
    }

    @Test(.timeLimit(.minutes(2))) func `While a dump runs nobody waits for the slices that were to go`() async throws {
        var settings = Events.briefSettings
        settings.dropPatience = .seconds(60)
        try await Events.withBriefLog(settings) { log, pool in
            let first = try await log.append([Events.draft(0..<10)])[0]
            try await log.waitForEnd(ofSliceAt: first.sliceTime, more: 1)
            for dumps in 0..<2 {
                let dump = try await Self.dump(pool)
                async let round: Void = log.upkeep(for: [])
                var statement: String?
                while statement == nil { statement = try await Self.waiting(pool) }
                // An append and a read come and go, and the drop waits on: neither stood behind it.
                let offset = 10 + Int64(dumps)
                let appended = try await log.append([Events.draft(Int(offset)..<Int(offset + 1))])
                #expect(appended.map(\.firstOffset) == [offset])
                let read = try await EventLog(pool).read(Events.partition, after: .beginning)
                #expect(read.last?.endOffset == offset + 1)
                #expect(try await Self.waiting(pool) == statement)
                try await dump.execute("COMMIT")
                await dump.close()
                try await round
                #expect(log.standing.stuckSlices == 0)
                try await log.waitForEnd(ofSliceAt: appended[0].sliceTime, more: 1)
            }
            #expect(try await log.chunk(of: Events.partition, holding: 3) == nil)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `What a dump keeps from going is told, out of sight, and gone after it, whichever node looks`() async throws {
        var settings = Events.briefSettings
        settings.dropPatience = .milliseconds(50)
        try await Events.withBriefLog(settings) { log, pool in
            let first = try await log.append([Events.draft(0..<10)])[0]
            try await log.waitForEnd(ofSliceAt: first.sliceTime, more: 1)
            let dump = try await Self.dump(pool)
            for _ in 0..<3 { try await log.upkeep(for: []) }
            #expect(log.standing.stuckSlices > 0)
            var survey = try await log.slices.survey("chunk")
            #expect(survey.leaving.count == 1)
            // Slices are made all the same.
            let last = try #require(survey.attached.last?.slice)
            let next = Statement("test.make", "SELECT leat.make_slice('chunk', \(last.upper), \(last.upper + 1))")
            #expect(try await pool.query(next)[0].bool(0))
            #expect(try await !pool.query(next)[0].bool(0))
            try await dump.execute("COMMIT")
            await dump.close()
            let another = EventLog(pool, settings: settings)
            try await another.upkeep(for: [])
            survey = try await another.slices.survey("chunk")
            #expect(survey.leaving.isEmpty && survey.loose.isEmpty)
            #expect(another.standing.stuckSlices == 0)
            #expect(survey.attached.allSatisfy { $0.slice.lower * 1_000_000 > first.sliceTime })
        }
    }

    @Test(.timeLimit(.minutes(2))) func `Whatever a node left half done is put right by the next round`() async throws {
        try await Events.withBriefLog { log, pool in
            let first = try await log.append([Events.draft(0..<10)])[0]
            try await log.waitForEnd(ofSliceAt: first.sliceTime, more: 1)
            let survey = try await log.slices.survey("chunk")
            let oldest = survey.attached[0].slice
            let last = try #require(survey.attached.last?.slice)
            // Made and not attached, in a form of long ago; detached and not dropped.
            try await pool.execute(
                Statement(
                    "test.half",
                    """
                    CREATE TABLE leat.chunk_\(last.upper)_\(last.upper + 1) (partition_id bigint);
                    ALTER TABLE leat.chunk DETACH PARTITION leat.\(oldest.name);
                    CREATE TABLE leat.chunk_100_200 (partition_id bigint)
                    """
                )
            )
            var later = Events.briefSettings
            later.slicesAhead = 120
            let next = EventLog(pool, settings: later)
            try await next.upkeep(for: [])
            let after = try await next.slices.survey("chunk")
            #expect(after.leaving.isEmpty && after.loose.isEmpty)
            for (one, two) in zip(after.attached, after.attached.dropFirst()) {
                #expect(one.slice.upper == two.slice.lower)
            }
            #expect(after.attached.contains { $0.slice.lower == last.upper })
            _ = try await log.append([Events.draft(10..<12)])
        }
    }

    /// What a node has sent of making or dropping a slice when it stops.
    enum Step: CaseIterable, CustomTestStringConvertible {
        case made, hurried, detached, dropped

        /// With the oldest slice, and the end of the last.
        func statements(_ oldest: Slice, _ end: Int64) -> [String] {
            let make = "SELECT leat.make_slice('chunk', \(end), \(end + 1))"
            let drop = [
                "SET lock_timeout = '1s'", "ALTER TABLE leat.chunk DETACH PARTITION leat.\(oldest.name) CONCURRENTLY",
                "DROP TABLE IF EXISTS leat.\(oldest.name)",
            ]
            return switch self {
            case .made: [make]
            case .hurried: Array(drop.prefix(1))
            case .detached: Array(drop.prefix(2))
            case .dropped: drop
            }
        }

        var testDescription: String { "\(self)" }
    }

    /// Appends, lets another node look after the slices, until those of `first` and before are gone, and reads.
    private static func goOn(_ log: EventLog, _ pool: ConnectionPool, from first: Int64) async throws {
        let appended = try await log.append([Events.draft(10..<20)])
        #expect(appended.map(\.firstOffset) == [10])
        var settings = Events.briefSettings
        settings.slicesAhead = 120
        let other = EventLog(pool, settings: settings)
        try await other.upkeep(for: [])
        #expect(other.standing.stuckSlices == 0)
        let survey = try await other.slices.survey("chunk")
        #expect(survey.leaving.isEmpty && survey.loose.isEmpty)
        #expect(survey.attached.count > 115)
        for (one, two) in zip(survey.attached, survey.attached.dropFirst()) {
            #expect(one.slice.upper == two.slice.lower)
        }
        #expect(survey.attached.allSatisfy { $0.slice.lower * 1_000_000 > first })
        #expect(try await Events.readAll(EventLog(pool)).last?.endOffset == 20)
    }

    @Test(.timeLimit(.minutes(2)), arguments: Step.allCases)
    func `Wherever a node stops between the steps of making and dropping a slice, the others go on`(step: Step)
        async throws
    {
        try await Events.withBriefLog { log, pool in
            let first = try await log.append([Events.draft(0..<10)])[0]
            try await log.waitForEnd(ofSliceAt: first.sliceTime, more: 1)
            let slices = try await log.slices.survey("chunk").attached.map(\.slice)
            let (oldest, end) = (try #require(slices.first), try #require(slices.last).upper)
            try await RawSession.with(pool.settings) { node in
                for statement in step.statements(oldest, end) {
                    try await node.send(statement)
                    try await node.wait(for: "C")
                }
                // The node stands still from here on, with its session open.
                try await Self.goOn(log, pool, from: first.sliceTime)
            }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A node that stops while its detachment waits for a dump holds nobody up for longer than it may wait`()
        async throws
    {
        try await Events.withBriefLog { log, pool in
            let first = try await log.append([Events.draft(0..<10)])[0]
            try await log.waitForEnd(ofSliceAt: first.sliceTime, more: 1)
            let oldest = try #require(try await log.slices.survey("chunk").attached.first).slice
            let dump = try await Self.dump(pool)
            try await RawSession.with(pool.settings) { node in
                try await node.send("SET lock_timeout = '1s'")
                try await node.wait(for: "Z")
                try await node.send("ALTER TABLE leat.chunk DETACH PARTITION leat.\(oldest.name) CONCURRENTLY")
                // Nobody reads what the server says of it; it gives up by itself.
                while try await log.slices.survey("chunk").leaving.isEmpty {}
                let appended = try await log.append([Events.draft(10..<11)])
                #expect(appended.map(\.firstOffset) == [10])
                let other = EventLog(pool, settings: Events.briefSettings)
                try await other.upkeep(for: [])
                #expect(other.standing.stuckSlices > 0)
                try await dump.execute("COMMIT")
                await dump.close()
                try await other.upkeep(for: [])
                #expect(other.standing.stuckSlices == 0)
                #expect(try await other.slices.survey("chunk").leaving.isEmpty)
                #expect(try await log.chunk(of: Events.partition, holding: 3) == nil)
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func `Several nodes look after the slices at once`() async throws {
        try await Events.withBriefLog { log, pool in
            let first = try await log.append([Events.draft(0..<10)])[0]
            try await log.waitForEnd(ofSliceAt: first.sliceTime, more: 3)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<4 {
                    group.addTask {
                        var settings = Events.briefSettings
                        settings.slicesAhead = 100 + number * 5
                        let node = EventLog(pool, settings: settings)
                        for _ in 0..<3 { try await node.upkeep(for: []) }
                    }
                }
                try await group.waitForAll()
            }
            try await log.upkeep(for: [])
            let survey = try await log.slices.survey("chunk")
            #expect(survey.leaving.isEmpty && survey.loose.isEmpty)
            #expect(survey.attached.count > 100)
            for (one, two) in zip(survey.attached, survey.attached.dropFirst()) {
                #expect(one.slice.upper == two.slice.lower)
            }
            #expect(survey.attached.allSatisfy { $0.slice.lower * 1_000_000 > first.sliceTime })
            let next = try await log.append([Events.draft(10..<11)])
            #expect(next.map(\.firstOffset) == [10])
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `Beside a slice for all the rest, where PostgreSQL detaches in one way only, slices go as well`()
        async throws
    {
        try await Events.withBriefLog { log, pool in
            try await pool.execute(
                Statement("test.rest", "CREATE TABLE leat.chunk_rest PARTITION OF leat.chunk DEFAULT")
            )
            let first = try await log.append([Events.draft(0..<10)])[0]
            try await log.waitForEnd(ofSliceAt: first.sliceTime, more: 1)
            try await log.upkeep(for: [])
            #expect(log.standing.stuckSlices == 0)
            #expect(try await Self.lowers(log)[0] * 1_000_000 > first.sliceTime)
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A slice that is over is measured once, with what each source has in it`() async throws {
        var settings = Events.briefSettings
        settings.retention = .seconds(3600)
        try await Events.withBriefLog(settings) { log, pool in
            let more = PartitionID(source: SourceID(rawValue: 9), generation: 0, number: 0)
            try await log.openPartitions([more])
            let drafts = [Events.draft(0..<10), Events.draft(0..<7, partition: more)]
            let first = try await log.append(drafts)[0]
            try await log.waitForEnd(ofSliceAt: first.sliceTime)
            for _ in 0..<2 { try await log.upkeep(for: []) }
            let slices = try await log.slices.survey("chunk").attached.filter(\.isMeasured)
            #expect(slices.allSatisfy { $0.bytes > 0 })
            let sql = """
                SELECT source_id, events, bytes, stored_bytes FROM leat.slice_source
                WHERE lower_at = to_timestamp(\(first.sliceTime / 1_000_000)) ORDER BY 1
                """
            let rows = try await pool.query(Statement("test.sums", sql))
            var sums: [[Int64]] = []
            for row in rows { sums.append([try row.int8(0), try row.int8(1), try row.int8(2)]) }
            #expect(sums == [[7, 10, Int64(drafts[0].byteCount)], [9, 7, Int64(drafts[1].byteCount)]])
            #expect(log.standing.bytes > 0)
            #expect(log.standing.slices == (try await Self.lowers(log).count))
        }
    }
}
