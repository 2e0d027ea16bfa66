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
        var window = MessageWindow(length: 100, limit: 10_000, from: 0)
        window.take(firstOffset: 0, time: 1_000, entries(["a", "b", "a"]))
        window.take(firstOffset: 3, time: 1_100, entries(["b", "c"]))
        window.take(firstOffset: 5, time: 1_201, entries(["a", "b", "c"]))
        #expect(window.answers(firstOffset: 0, count: 3) == [2])
        #expect(window.answers(firstOffset: 3, count: 2) == [0])
        // Of "a" nothing is younger than 100; "b" and "c" were met 101 before.
        #expect(window.answers(firstOffset: 5, count: 3) == [])
        window.take(firstOffset: 8, time: 1_301, entries(["c", "a", "d", "d"]))
        #expect(window.answers(firstOffset: 8, count: 4) == [0, 1, 3])
    }

    @Test func `The answers are those of a plain search`() {
        var generator = SystemRandomNumberGenerator()
        var window = MessageWindow(length: 50, limit: 100_000, from: 0)
        var log: [(message: Int, time: Int64)] = []
        var time: Int64 = 0
        for _ in 0..<400 {
            time += Int64.random(in: 1...5, using: &generator)
            let start = log.count
            let messages = (0..<Int.random(in: 1...20, using: &generator)).map { _ in
                Int.random(in: 0..<400, using: &generator)
            }
            log += messages.map { ($0, time) }
            window.take(firstOffset: Int64(start), time: time, entries(messages.map(String.init)))
            let expected = messages.indices.filter { index in
                log[..<(start + index)].contains { $0.message == messages[index] && $0.time >= time - 50 }
            }
            #expect(window.answers(firstOffset: Int64(start), count: messages.count) == expected)
        }
    }

    @Test func `A full memory shortens the window and says so`() {
        var window = MessageWindow(length: .max / 2, limit: 2_000, from: 0)
        for round in 0..<100 {
            let first = round * 100
            window.take(firstOffset: Int64(first), time: Int64(round), entries((first..<first + 100).map(String.init)))
        }
        #expect(window.isShort)
        window.take(firstOffset: 10_000, time: 100, entries(["9999", "9950", "0"]))
        #expect(window.answers(firstOffset: 10_000, count: 3) == [0, 1])
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
}
