import EventModel
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

@Suite struct GenerationTests {
    private static let begin = Statement("test.begin", "SELECT leat.begin_lanes($1, $2)")
    private static let consumer = ConsumerID(rawValue: 4711)

    @Test func `A generation shares users with those partitions of another that leave the same remainder`() {
        let source = SourceID(rawValue: 1)
        for (old, new) in [(4, 7), (4, 8), (6, 4), (1, 5), (5, 1), (12, 18)] as [(UInt8, UInt8)] {
            let generation = Generation(source: source, number: 0, partitions: old)
            for number in 0..<new {
                let users = (0..<1000 as Range<UInt64>).filter { $0 % UInt64(new) == number }
                let met = Set(users.map { generation.partition(of: $0) })
                #expect(Set(generation.partitionIDs(sharing: number, of: new)) == met)
            }
        }
    }

    @Test func `A closed partition takes nothing more, and its end is known`() async throws {
        try await Database.temporary { pool in
            var source = try await ChangingSource(pool, partitions: 2)
            let log = EventLog(pool)
            let old = source.current.partitionIDs
            _ = try await log.append([Events.draft(0..<10, partition: old[0])])
            try await source.change(to: 3)
            await #expect(throws: EventLogError.partitionClosed) {
                try await log.append([
                    Events.draft(0..<3, partition: source.current.partitionIDs[0]),
                    Events.draft(10..<12, partition: old[0]),
                ])
            }
            // All of it was refused.
            #expect(try await log.tail(source.current.partitionIDs[0]) == .beginning)
            #expect(try await log.tail(old[0]).offset == 10)
            let ends = Statement("test.ends", "SELECT end_offsets FROM leat.generation WHERE generation = 0")
            #expect(try await pool.query(ends)[0].int8Array(0) == [10, 0])
            let placed = try await log.append(source.current.partitionIDs.map { Events.draft(0..<3, partition: $0) })
            #expect(placed.map(\.firstOffset) == [0, 0, 0])
        }
    }

    @Test func `What is left of a closed generation is told until nothing is, and then it is put away with its counts`()
        async throws
    {
        try await Database.temporary { pool in
            var source = try await ChangingSource(pool, partitions: 2)
            let log = EventLog(pool)
            _ = try await log.join(identity: "test")
            let old = source.current.partitionIDs
            let lanes = old.map { LaneID(partition: $0, consumer: Self.consumer) }
            let ids = Parameter.int8Array(old.map(\.rawValue))
            _ = try await pool.query(Self.begin, [.int8(Self.consumer.rawValue), ids])
            _ = try await log.append([Events.draft(0..<10, partition: old[0])])
            try await source.change(to: 3)
            #expect(
                try await log.unfinished(lanes) == [UnfinishedLane(lane: lanes[0], isDrained: false, users: [])]
            )
            try await log.retireGenerations()
            #expect(try await retired(pool) == 0)

            // Everything is read, and two events of two users are parked.
            let leases = try await log.acquire(old)
            var checkpoint = Checkpoint()
            var record = LaneRecord(lane: lanes[0])
            record.position = LogPosition(offset: 10, sliceTime: 1)
            record.counts.read = 8
            record.counts.filtered = 8
            checkpoint.lanes = [record]
            for user in [1, 2] as [UInt64] {
                checkpoint.parked.append(
                    ParkedRecord(
                        lane: lanes[0],
                        offset: Int64(user),
                        part: nil,
                        userHash: user,
                        sliceTime: 1,
                        receivedAt: 1,
                        attempts: 1,
                        since: 1,
                        dueAt: 1,
                        payload: nil,
                        code: ""
                    )
                )
            }
            try await log.commit(checkpoint, under: leases)
            #expect(
                try await log.unfinished(lanes) == [UnfinishedLane(lane: lanes[0], isDrained: true, users: [1, 2])]
            )
            record.number = 2
            record.counts.read = 10
            record.counts.filtered = 10
            var last = Checkpoint()
            last.lanes = [record]
            last.unparked = [1, 2].map { ParkedID(lane: lanes[0], offset: $0, part: nil) }
            try await log.commit(last, under: leases)
            #expect(try await log.unfinished(lanes).isEmpty)

            // Its events are still there.
            try await log.retireGenerations()
            #expect(try await retired(pool) == 0)
            let counts = try await log.counts(of: Self.consumer, old)
            try await pool.execute(Statement("test.expire", "DELETE FROM leat.chunk"))
            try await log.retireGenerations()
            #expect(try await retired(pool) == 1)
            #expect(try await log.counts(of: Self.consumer, source.current.partitionIDs) == counts)
            #expect(counts.accepted == 10 && counts.counts.filtered == 10)
            let id = source.current.source
            #expect(
                try await log.counts(of: [id], [Self.consumer: id])
                    == LogCounts(accepted: [id: 10], consumers: [Self.consumer: counts])
            )
            for table in ["partition", "lease", "checkpoint"] {
                let rows = Statement(
                    "test.left_\(table)",
                    "SELECT count(*) FROM leat.\(table) WHERE partition_id = ANY ($1)"
                )
                #expect(try await pool.query(rows, [ids])[0].int(0) == 0, "\(table)")
            }
            // Twice changes nothing.
            try await log.retireGenerations()
            #expect(try await log.counts(of: Self.consumer, source.current.partitionIDs) == counts)
        }
    }

    private func retired(_ pool: ConnectionPool) async throws -> Int {
        let count = Statement("test.retired", "SELECT count(*) FROM leat.generation WHERE retired_at IS NOT NULL")
        return try await pool.query(count)[0].int(0)
    }

    /// One event of a plain list, as somebody would keep it who has all the time of the world.
    private struct Known {
        let message: Int
        let user: UInt64
    }

    @Test(arguments: [11, 12, 13] as [UInt64])
    func `A repeated message id is found across changes, the same by everybody and from everywhere`(seed: UInt64)
        async throws
    {
        try await Database.temporary { pool in
            var random = SplitMix(seed: seed)
            var source = try await ChangingSource(pool, partitions: 4)
            let log = EventLog(pool)
            var known: [Known] = []
            var expected: [PartitionID: [Int64]] = [:]
            var ends: [PartitionID: Int64] = [:]
            for partitions in [nil, 7, 2, 6] as [UInt8?] {
                if let partitions { try await source.change(to: partitions) }
                let generation = source.current
                for _ in 0..<12 {
                    var drafts: [PartitionID: ChunkDraft] = [:]
                    var fresh: [Known] = []
                    for _ in 0..<25 {
                        let user = random.next() % 40
                        let message = Int(random.next() % 600)
                        let partition = generation.partition(of: user)
                        var entry = Events.entry(0, message: "m\(message)")
                        entry.userHash = user
                        drafts[partition, default: ChunkDraft(partition: partition)].append(entry, [0x7B, 0x7D])
                        let earlier = (known + fresh).contains { one in
                            one.message == message && generation.number(of: one.user) == partition.number
                        }
                        if earlier { expected[partition, default: []].append(ends[partition] ?? 0) }
                        ends[partition, default: 0] += 1
                        fresh.append(Known(message: message, user: user))
                    }
                    _ = try await log.append(drafts.values.sorted { $0.partition < $1.partition })
                    known += fresh
                }
            }
            let window = DuplicateWindow(log)
            for partition in ends.keys.sorted() {
                let chunks = try await Events.readAll(EventLog(pool), partition)
                var found: [Int64] = []
                for chunk in chunks {
                    let indexes = try await window.duplicates(in: chunk)
                    found += indexes.map { chunk.firstOffset + Int64($0) }
                    // Another node, which begins in the middle.
                    let other = try await DuplicateWindow(EventLog(pool)).duplicates(in: chunk)
                    #expect(other == indexes)
                }
                #expect(found == expected[partition] ?? [])
            }
            #expect(expected.values.joined().count > 200)
        }
    }

    @Test func `Of more than there is room for the newest are inherited, and it is said how far back`() async throws {
        try await Database.temporary { pool in
            var source = try await ChangingSource(pool, partitions: 3)
            var settings = EventLogSettings()
            settings.duplicateEntries = 30_000
            let log = EventLog(pool, settings: settings)
            for round in 0..<1_000 {
                let drafts = source.current.partitionIDs.map { partition in
                    let first = round * 60 + Int(partition.number) * 20
                    return Events.draft(first..<first + 20, partition: partition)
                }
                _ = try await log.append(drafts)
            }
            // What there is no room for goes by its time, a quarter at once, so how many are left hangs on an even pace.
            let even = """
                UPDATE leat.chunk c SET slice_time = e.first + (e.last - e.first) * (c.first_offset / 20.0 / 999)
                FROM (SELECT partition_id, min(slice_time), max(slice_time) FROM leat.chunk GROUP BY 1) AS e (id, first, last)
                WHERE e.id = c.partition_id
                """
            try await pool.execute(Statement("test.even", even))
            try await source.change(to: 1)
            let whole = source.current.partitionIDs[0]
            _ = try await log.append([Events.draft(40_000..<60_000, partition: whole)])
            _ = try await log.append([Events.draft(0..<10_000, partition: whole)])
            let window = DuplicateWindow(log)
            let chunks = try await Events.readAll(log, whole)
            #expect(try await window.duplicates(in: chunks[0]).count == 20_000)
            #expect(window.room <= 45_000 && window.length < settings.duplicateWindow)
            #expect(try await window.duplicates(in: chunks[1]).count < 10_000)
            #expect(window.room <= 45_000)
        }
    }

    @Test func `What is inherited counts against the memory, goes first, and leaves with its time`() {
        let hashes = (0..<4_000).map { EventHash.message("message-\($0)") }
        var inherited = InheritedMessages(since: 0)
        for (place, hash) in hashes.enumerated() { inherited.take(hash, at: Int64(place), limit: 100_000) }
        // Of whatever order the times come in, the last counts.
        inherited.take(hashes[3_999], at: 5, limit: 100_000)
        #expect(inherited.holds(hashes[3_999], since: 3_999) && !inherited.holds(hashes[10], since: 11))
        var window = MessageWindow(length: 4_100, from: 0, inherited: inherited)
        #expect(window.room > 4_000)
        func entries(_ numbers: Range<Int>) -> [DirectoryEntry] {
            numbers.map { Events.entry(0, message: "message-\($0)") }
        }
        window.take(firstOffset: 0, time: 4_000, entries(3_000..<3_010), limit: 100_000)
        #expect(window.answers(firstOffset: 0, count: 10).count == 10 && window.shortened == nil)
        window.makeRoom(1_500)
        #expect(window.room <= 2_100 && window.shortened != nil)
        window.take(firstOffset: 10, time: 4_001, entries(0..<10) + entries(3_990..<4_000), limit: 100_000)
        #expect(window.answers(firstOffset: 10, count: 20) == Array(10..<20))
        // Long after the change nothing of it is left.
        window.take(firstOffset: 30, time: 9_000, entries(3_990..<3_995), limit: 100_000)
        #expect(window.answers(firstOffset: 30, count: 5) == [])
        #expect(window.room == MessageTable().room)
    }
}
