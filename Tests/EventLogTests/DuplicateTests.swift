import EventModel
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

@Suite struct DuplicateTests {
    private func entries(_ messages: [String]) -> [DirectoryEntry] {
        messages.map { Events.entry(0, message: $0) }
    }

    @Test func `A message id repeats only inside the window`() {
        var window = MessageWindow(length: 100, from: 0)
        window.take(firstOffset: 0, time: 1_000, entries(["a", "b", "a"]), limit: 10_000)
        window.take(firstOffset: 3, time: 1_100, entries(["b", "c"]), limit: 10_000)
        window.take(firstOffset: 5, time: 1_201, entries(["a", "b", "c"]), limit: 10_000)
        #expect(window.answers(firstOffset: 0, count: 3) == [2])
        #expect(window.answers(firstOffset: 3, count: 2) == [0])
        // Of "a" nothing is younger than 100; "b" and "c" were met 101 before.
        #expect(window.answers(firstOffset: 5, count: 3) == [])
        window.take(firstOffset: 8, time: 1_301, entries(["c", "a", "d", "d"]), limit: 10_000)
        #expect(window.answers(firstOffset: 8, count: 4) == [0, 1, 3])
    }

    @Test func `The answers are those of a plain search`() {
        var generator = SystemRandomNumberGenerator()
        var window = MessageWindow(length: 50, from: 0)
        var log: [(message: Int, time: Int64)] = []
        var time: Int64 = 0
        for _ in 0..<400 {
            time += Int64.random(in: 1...5, using: &generator)
            let start = log.count
            let messages = (0..<Int.random(in: 1...20, using: &generator)).map { _ in
                Int.random(in: 0..<400, using: &generator)
            }
            log += messages.map { ($0, time) }
            window.take(firstOffset: Int64(start), time: time, entries(messages.map(String.init)), limit: 100_000)
            let expected = messages.indices.filter { index in
                log[..<(start + index)].contains { $0.message == messages[index] && $0.time >= time - 50 }
            }
            #expect(window.answers(firstOffset: Int64(start), count: messages.count) == expected)
        }
    }

    @Test func `A full memory shortens the window, says how far, and gives its length back`() {
        var window = MessageWindow(length: 1_000, from: 0)
        for round in 0..<100 {
            let numbers = round * 100..<round * 100 + 100
            window.take(
                firstOffset: Int64(round) * 100,
                time: Int64(round),
                entries(numbers.map(String.init)),
                limit: 2_000
            )
        }
        // Of 10,000 ids those of the last rounds are left.
        let rounds = window.shortened ?? 0
        #expect((10...30).contains(rounds))
        #expect(window.room <= 2_000)
        window.take(firstOffset: 10_000, time: 100, entries(["9999", "9950", "0"]), limit: 2_000)
        #expect(window.answers(firstOffset: 10_000, count: 3) == [0, 1])
        window.take(firstOffset: 10_003, time: 1_070, entries(["9999"]), limit: 2_000)
        #expect(window.shortened == nil || window.shortened ?? 0 > rounds)
        window.take(firstOffset: 10_004, time: 1_200, entries(["9999", "9998"]), limit: 2_000)
        #expect(window.shortened == nil)
        #expect(window.answers(firstOffset: 10_003, count: 3) == [0, 1])
    }

    @Test func `Memory is dealt out in equal parts, and what some do not want goes to the others`() {
        #expect(DuplicateWindow.share(of: 90, among: [.max]) == 90)
        #expect(DuplicateWindow.share(of: 90, among: [100, .max, 50]) == 30)
        #expect(DuplicateWindow.share(of: 90, among: [10, .max, 50]) == 40)
        #expect(DuplicateWindow.share(of: 90, among: [10, 50, .max]) == 40)
        #expect(DuplicateWindow.share(of: 90, among: [10, 20, .max]) == 60)
        #expect(DuplicateWindow.share(of: 90, among: [10, 20, 30]) == .max)
        #expect(DuplicateWindow.share(of: 90, among: []) == .max)
    }

    @Test func `A partition that comes late gets its share from those that had all`() async throws {
        try await Database.temporary { pool in
            var settings = EventLogSettings()
            settings.duplicateEntries = 8_000
            let log = EventLog(pool, settings: settings)
            let partitions = (0..<3).map { PartitionID(source: SourceID(rawValue: 9), generation: 0, number: $0) }
            try await log.openPartitions(partitions)
            let window = DuplicateWindow(log)
            /// Appends 10 chunks of so many events, and gives how many of their ids were known.
            func take(_ partition: PartitionID, _ first: Int, each: Int) async throws -> Int {
                var known = 0
                for part in 0..<10 {
                    let numbers = first + part * each..<first + (part + 1) * each
                    _ = try await log.append([Events.draft(numbers, partition: partition)])
                    let position = LogPosition(
                        offset: try await log.tail(partition).offset - Int64(each),
                        sliceTime: 0
                    )
                    let chunk = try #require(try await log.chunk(of: partition, holding: position.offset))
                    known += try await window.duplicates(in: chunk).count
                }
                return known
            }
            // One small and one large; the large one alone may nearly have it all.
            #expect(try await take(partitions[0], 0, each: 20) == 0)
            #expect(try await take(partitions[1], 0, each: 700) == 0)
            #expect(window.shortened.isEmpty)
            #expect(try await take(partitions[2], 0, each: 700) == 0)
            #expect(window.room <= 8_000)
            // The large ones were shortened, and still know their last ones; the small one knows all.
            #expect(Set(window.shortened.keys) == Set(partitions.dropFirst()))
            #expect(window.length < settings.duplicateWindow)
            #expect(try await take(partitions[0], 0, each: 20) == 200)
            #expect(try await take(partitions[1], 6_900, each: 10) == 100)
            #expect(try await take(partitions[2], 6_900, each: 10) == 100)

            window.forget(allBut: [partitions[0]])
            #expect(window.shortened.isEmpty && window.room == 512)
            #expect(window.length == settings.duplicateWindow)
            // Forgotten is not lost: the log is asked again.
            #expect(try await take(partitions[2], 6_900, each: 10) == 100)
        }
    }

    @Test func `Every reader gets the same answer, early, late or again`() async throws {
        try await Database.temporary { pool in
            let log = EventLog(pool)
            try await log.openPartitions([Events.partition])
            for _ in 0..<2 {
                for part in 0..<10 {
                    var draft = ChunkDraft(partition: Events.partition)
                    for number in part * 7..<part * 7 + 7 where !number.isMultiple(of: 5) {
                        draft.append(Events.entry(number), Events.text(number))
                    }
                    _ = try await log.append([draft])
                }
            }
            let chunks = try await Events.readAll(EventLog(pool))
            let expected = chunks.indices.map { $0 < 10 ? [] : Array(0..<chunks[$0].count) }
            let ordered = DuplicateWindow(log)
            for (index, chunk) in chunks.enumerated() {
                #expect(try await ordered.duplicates(in: chunk) == expected[index])
            }
            // A lane that is behind, one that begins at the end, and one that begins in the middle.
            for order in [Array(chunks.indices.reversed()), [15, 3, 16, 4, 12, 19, 0], [10, 11, 10]] {
                let window = DuplicateWindow(EventLog(pool))
                for index in order {
                    #expect(try await window.duplicates(in: chunks[index]) == expected[index], "chunk \(index)")
                }
            }
        }
    }

    @Test func `A damaged chunk takes its own message ids out of the window and nothing else`() async throws {
        try await Database.temporary { pool in
            let log = EventLog(pool)
            try await log.openPartitions([Events.partition])
            for part in [0, 1, 2, 3, 0, 1, 2, 3] { _ = try await log.append([Events.draft(part * 5..<part * 5 + 5)]) }
            let chunks = try await Events.readAll(EventLog(pool))
            let damage = "set_byte(payload, 40, 255 - get_byte(payload, 40))"
            let damaged = Statement("test.damage", "UPDATE leat.chunk SET payload = \(damage) WHERE first_offset = 10")
            try await pool.execute(damaged)
            let reader = EventLog(pool)
            let window = DuplicateWindow(reader)
            for _ in 0..<2 {
                for (chunk, known) in zip(chunks[4...], [true, true, false, true]) {
                    #expect(try await window.duplicates(in: chunk) == (known ? Array(0..<5) : []))
                }
                window.forget(allBut: [])
            }
            #expect(reader.damagedChunks == 1)
            _ = try await window.duplicates(in: chunks[4])
            let length = try #require(window.shortened[Events.partition])
            #expect(length == .microseconds(chunks[4].sliceTime - chunks[2].sliceTime))
        }
    }

    @Test func `A window is whole again when a damaged chunk has left it`() {
        var window = MessageWindow(length: 100, from: 0)
        window.take(firstOffset: 0, time: 1_000, entries(["a"]), limit: 10_000)
        window.pass(firstOffset: 1, time: 1_010, count: 2)
        window.take(firstOffset: 3, time: 1_050, entries(["a", "b"]), limit: 10_000)
        #expect(window.answers(firstOffset: 3, count: 2) == [0])
        #expect(window.shortened == 40)
        window.take(firstOffset: 5, time: 1_120, entries(["b"]), limit: 10_000)
        #expect(window.answers(firstOffset: 5, count: 1) == [0])
        #expect(window.shortened == nil)
    }
}
