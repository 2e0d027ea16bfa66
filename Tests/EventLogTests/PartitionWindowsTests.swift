import EventModel
import Testing

@testable import EventLog

@Suite struct PartitionWindowsTests {
    /// One event each, at these times.
    private let chunks = [(0, "a"), (100, "x"), (150, "b"), (180, "x"), (260, "c"), (340, "c"), (350, "b")]
        .enumerated().map { (offset, event) in
            var draft = ChunkDraft(partition: Events.partition)
            draft.append(Events.entry(0, message: event.1), Events.text(0))
            return Chunk(draft, firstOffset: Int64(offset), sliceTime: Int64(event.0))
        }

    /// Answers for a chunk; one directory is read at a time, and only so many can be.
    private func answer(_ windows: inout PartitionWindows, _ place: Int, reads: Int = .max) -> [Int]? {
        var step = windows.begin(chunks[place], limit: 10_000)
        var reads = reads
        while true {
            switch step {
            case .answer(let places): return places
            case .inheritance: step = windows.inherit(nil, limit: 10_000)
            case .directories(let from, let time):
                guard reads > 0 else {
                    windows.abandon()
                    return nil
                }
                reads -= 1
                let next = chunks[..<place].first { $0.firstOffset >= from && $0.sliceTime >= time }
                let found = next.map {
                    ChunkDirectory(
                        firstOffset: $0.firstOffset,
                        sliceTime: $0.sliceTime,
                        count: 1,
                        entries: $0.entries
                    )
                }
                step = windows.take(found.map { [$0] } ?? [], isAll: found == nil, limit: 10_000)
            }
        }
    }

    @Test func `What could not be read at first is answered like anything else`() {
        let expected = [[], [], [], [0], [], [0], []]
        // Wherever lanes stand, and whenever reading fails, on the way on or on the way to the first answer.
        for first in chunks.indices {
            for second in chunks.indices {
                for reads in 0..<4 {
                    var windows = PartitionWindows(length: 100)
                    #expect(answer(&windows, first) == expected[first])
                    _ = answer(&windows, second, reads: reads)
                    for place in chunks.indices.reversed() {
                        #expect(
                            answer(&windows, place) == expected[place],
                            "chunk \(place) after \(first) and \(reads) reads for \(second)"
                        )
                    }
                }
            }
        }
    }
}
