import EventModel
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

@Suite(.timeLimit(.minutes(5))) struct LetterTests {
    private static let partition = PartitionID(source: SourceID(rawValue: 7), generation: 0, number: 1)
    private static let consumers = [ConsumerID(rawValue: 3), ConsumerID(rawValue: 5)]

    /// Dead letters by numbers: one every second up to now over several days, of consumers in turns, and many at a time.
    private static func fill(_ pool: ConnectionPool, days: Int, letters: Int, offset: Int = 0) async throws {
        // The day after as well, for one may end meanwhile.
        for day in -1..<days {
            let make = """
                SELECT leat.make_slice('dead_letter', d, d + 86400)
                FROM (SELECT (extract(epoch FROM now())::bigint / 86400 - \(day)) * 86400 AS d) AS s
                """
            _ = try await pool.query(Statement("test.slice\(day)", make))
        }
        let insert = """
            INSERT INTO leat.dead_letter (partition_id, consumer_id, event_offset, part, died_at, user_hash, slice_time, stage,
                code, reason, plugin, attempts, payload_before, history)
            SELECT $1, CASE n % 2 WHEN 0 THEN 3 ELSE 5 END, n + $4, CASE n % 3 WHEN 0 THEN -1 ELSE 0 END,
                date_trunc('second', now()) - (n / 7) * (\(days - 1) * interval '1 day' / ($2::bigint / 7 + 1)),
                n % 10, now(), CASE n % 2 WHEN 0 THEN 'deliver' ELSE 'transform' END, 'code_' || n % 4, 'a reason',
                CASE n % 5 WHEN 0 THEN NULL ELSE 'test.plugin@1.' || n % 5 END, n % 3,
                convert_to('{"messageId":"m' || n || '","pad":"' || repeat('x', 200) || '"}', 'UTF8'),
                '[]'
            FROM generate_series(0, $3::bigint - 1) AS n
            """
        _ = try await pool.query(
            Statement("test.fill", insert, timeout: .seconds(240)),
            [.int8(partition.rawValue), .int8(Int64(letters)), .int8(Int64(letters)), .int8(Int64(offset))]
        )
    }

    private static func all(
        _ log: EventLog,
        _ filter: DeadLetterFilter,
        limit: Int,
        between: () async throws -> Void = {}
    ) async throws -> [DeadLetterReport] {
        var found: [DeadLetterReport] = []
        var cursor: DeadLetterID?
        repeat {
            let page = try await log.letters(filter, behind: cursor, limit: limit)
            #expect(page.letters.count <= limit)
            found += page.letters
            cursor = page.next
            try await between()
        } while cursor != nil
        return found
    }

    @Test func `Page by page nothing is missed or told twice, whatever dies meanwhile`() async throws {
        try await Database.temporary { pool in
            try await Self.fill(pool, days: 3, letters: 1_000)
            let log = EventLog(pool)
            var filter = DeadLetterFilter()
            filter.consumers = Self.consumers
            var extra = 5_000
            let found = try await Self.all(log, filter, limit: 37) {
                try await Self.fill(pool, days: 1, letters: 9, offset: extra)
                extra += 9
            }
            #expect(Set(found.map(\.id)).count == found.count)
            #expect(Set(found.map(\.id.offset)).isSuperset(of: (0..<1_000).map { Int64($0) }))
            #expect(zip(found, found.dropFirst()).allSatisfy { $0.id.precedes($1.id) })
            let records = try await log.letterRecords(found.prefix(100).map(\.id))
            #expect(records.map(\.report) == Array(found.prefix(100)))
        }
    }

    @Test func `Each wish finds what it should`() async throws {
        try await Database.temporary { pool in
            try await Self.fill(pool, days: 2, letters: 600)
            let log = EventLog(pool)
            func count(_ change: (inout DeadLetterFilter) -> Void) async throws -> Int {
                var filter = DeadLetterFilter()
                filter.consumers = Self.consumers
                change(&filter)
                return try await Self.all(log, filter, limit: 50).count
            }
            #expect(try await count { _ in } == 600)
            #expect(try await count { $0.consumers = [Self.consumers[0]] } == 300)
            #expect(try await count { $0.stage = "transform" } == 300)
            #expect(try await count { $0.code = "code_1" } == 150)
            #expect(try await count { $0.plugin = "test.plugin@1.2" } == 120)
            #expect(try await count { $0.plugin = "test.plugin" } == 480)
            #expect(try await count { $0.plugin = "test.plug" } == 0)
            #expect(try await count { $0.isRequeued = true } == 0)
            #expect(try await count { $0.isRequeued = false } == 600)
            #expect(try await count { $0.messageID = "m42" } == 1 + 10)
            let first = try #require(
                try await Self.all(log, DeadLetterFilter(consumers: Self.consumers), limit: 9).last
            )
            #expect(try await count { $0.until = first.id.at } < 10)
            #expect(try await count { $0.from = first.id.at } == 600)
            _ = try await pool.query(
                Statement(
                    "test.user",
                    "UPDATE leat.dead_letter SET user_hash = $1, requeued_at = now(), requeued_by = 9 WHERE event_offset = 17"
                ),
                [.int8(Int64(bitPattern: EventHash.key("ann")))]
            )
            #expect(try await count { $0.user = "ann" } == 1)
            #expect(try await count { $0.isRequeued = true } == 1)
        }
    }

    @Test func `A wish that fits nothing looks at a bounded number of rows at a time and comes to an end`() async throws
    {
        try await Database.temporary { pool in
            try await Self.fill(pool, days: 2, letters: 2 * EventLog.lettersLooked + 10)
            let log = EventLog(pool)
            var filter = DeadLetterFilter()
            filter.consumers = [Self.consumers[0]]
            filter.code = "none"
            let first = try await log.letters(filter, behind: nil, limit: 10)
            #expect(first.letters.isEmpty && first.next != nil)
            let second = try await log.letters(filter, behind: first.next, limit: 10)
            #expect(second == DeadLetterPage())
            filter.code = "code_0"
            let some = try await log.letters(filter, behind: nil, limit: 10)
            #expect(some.letters.count == 10 && some.next == some.letters.last?.id)
        }
    }

    @Test func `A summary counts groups, and says when it did not count all`() async throws {
        try await Database.temporary { pool in
            try await Self.fill(pool, days: 2, letters: 1_000)
            let log = EventLog(pool)
            let whole = try await log.letterSummary(of: Self.consumers, from: nil, until: nil)
            #expect(whole.groups.reduce(0) { $0 + $1.letters } == 1_000)
            #expect(whole.cutAt == nil && whole.uncounted == 0)
            #expect(Set(whole.groups.map(\.consumer)) == Set(Self.consumers))
            let cut = try await log.letterSummary(of: Self.consumers, from: nil, until: nil, atMost: 100)
            #expect(cut.groups.reduce(0) { $0 + $1.letters } == 200)
            let since = try #require(cut.cutAt)
            let exact = try await log.letterSummary(of: Self.consumers, from: since + 1, until: nil)
            #expect(exact.groups.reduce(0) { $0 + $1.letters } <= 200)
        }
    }

    @Test func `Dead letters whose time is over are counted before they go, once`() async throws {
        try await Database.temporary { pool in
            // The oldest are of a day that is over for good, whatever hour it is.
            try await Self.fill(pool, days: 5, letters: 400)
            var settings = EventLogSettings()
            settings.deadLetterRetention = .seconds(2 * 86_400)
            let log = EventLog(pool, settings: settings)
            let before = try await log.letterSummary(of: Self.consumers, from: nil, until: nil)
            let bound =
                "SELECT leat.count_expired_letters(to_timestamp((extract(epoch FROM now())::bigint / 86400 - 2) * 86400))"
            // A round that was broken off after it had counted.
            _ = try await pool.query(Statement("test.count", bound))
            try await log.upkeep(for: nil)
            try await log.upkeep(for: nil)
            let after = try await log.letterSummary(of: Self.consumers, from: nil, until: nil)
            let (kept, all) = (after.groups.reduce(0) { $0 + $1.letters }, before.groups.reduce(0) { $0 + $1.letters })
            #expect(all == 400 && kept < all)
            #expect(kept + after.expired.values.reduce(0, +) == all)
        }
    }

    @Test func `What the log has of the events, and what died again, is told of many letters at once`() async throws {
        try await Database.temporary { pool in
            // So that a minute ago has its slice too.
            try await Self.fill(pool, days: 2, letters: 0)
            let log = EventLog(pool)
            try await log.openPartitions([Self.partition])
            _ = try await log.append([Events.draft(0..<10, partition: Self.partition)])
            // Kept, not kept, both no longer in the log, and taken up again.
            let insert = """
                INSERT INTO leat.dead_letter (partition_id, consumer_id, event_offset, part, died_at, user_hash, slice_time,
                    stage, code, reason, attempts, payload_before, requeued_at, requeued_by)
                SELECT $1, 3, n, -1, now(), 0, CASE WHEN n < 4 THEN c.slice_time ELSE c.slice_time - interval '1 s' END,
                    'deliver', 'http_400', '', 1, CASE n % 2 WHEN 1 THEN convert_to('kept', 'UTF8') END,
                    CASE WHEN n < 4 THEN now() - interval '1 min' END, CASE WHEN n < 4 THEN 9 END
                FROM generate_series(2, 5) AS n, leat.chunk c WHERE c.partition_id = $1
                UNION ALL SELECT $1, 9, 2 + n % 2, n, now() + (n - 61) * interval '1 s', 0, now(), 'deliver', 'http_400', '',
                    1, NULL, NULL, NULL
                FROM generate_series(0, 25) AS n
                """
            _ = try await pool.query(Statement("test.insert", insert), [.int8(Self.partition.rawValue)])
            let page = try await log.letters(of: Self.consumers[0], DeadLetterFilter(), behind: nil, limit: 10)
            let letters = try await log.letterRecords(page.letters.map(\.id).sorted { $0.offset < $1.offset })
            #expect(letters.map(\.report.id.offset) == [2, 3, 4, 5])
            let logged = try await log.loggedEvents(of: letters)
            #expect(logged.held == Set(letters.prefix(2).map(\.report.id)))
            #expect(logged.bodies == [letters[0].report.id: Events.text(2)])
            let again = try await log.lettersAgain(of: letters.map(\.report))
            // The first died before its event was taken up, and only the newest ten are told.
            #expect(again[letters[0].report.id]?.map(\.part) == stride(from: 24, through: 6, by: -2).map { $0 })
            #expect(again[letters[1].report.id]?.map(\.part) == stride(from: 25, through: 7, by: -2).map { $0 })
            #expect(again.count == 2)
        }
    }

    @Test func `An edit stands beside what was kept, with who and when, and can be undone`() async throws {
        try await Database.temporary { pool in
            try await Self.fill(pool, days: 1, letters: 3)
            let log = EventLog(pool)
            let id = try #require(
                try await log.letters(of: Self.consumers[0], .init(), behind: nil, limit: 1).letters.first?.id
            )
            let before = try #require(try await log.letterRecords([id]).first)
            #expect(try await log.editLetter(id, Array("{}".utf8), by: "ann"))
            let edited = try #require(try await log.letterRecords([id]).first)
            #expect(edited.event == before.event && edited.edited == Array("{}".utf8))
            #expect(edited.report.edited?.by == "ann" && edited.report.edited?.at ?? 0 > 0)
            #expect(try await log.editLetter(id, nil, by: "bob"))
            #expect(try await log.letterRecords([id]).first == before)
            let audit = try await pool.query(
                Statement("test.audit", "SELECT who || ' ' || what FROM leat.audit ORDER BY audit_id")
            )
            var lines: [String] = []
            for row in audit { lines.append(try row.text(0)) }
            #expect(lines == ["ann edited dead letter \(id)", "bob undid the edits of dead letter \(id)"])
            let other = DeadLetterID(partition: id.partition, consumer: id.consumer, at: id.at, offset: 99, part: nil)
            #expect(try await !log.editLetter(other, nil, by: "ann"))
        }
    }
}

extension DeadLetterFilter {
    fileprivate init(consumers: [ConsumerID]) {
        self.init()
        self.consumers = consumers
    }
}
