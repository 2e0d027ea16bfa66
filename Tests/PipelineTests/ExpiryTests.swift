import EventLog
import EventModel
import Synchronization
import TestSupport
import Testing

/// What a lane makes of events that leave the log before it is done with them.
@Suite(.timeLimit(.minutes(2))) struct ExpiryTests {
    @Test func `A lane whose events have left the log counts them as expired and goes on`() async throws {
        try await RecordingServer.with({ _ in .answer(200) }) { server in
            try await Line.with(destination: server.url, Line.Shape(remembersChunks: false)) { line in
                try await line.append(Line.events(40, users: 4))
                try await line.dropEverything()
                let log = EventLog(line.pool)
                let first = try await log.read(line.partitions[0], after: .beginning)
                #expect(first.map(\.count) == [0])
                try await line.running {
                    try await line.wait(for: "expiry") {
                        let counts = try await log.counts(of: line.consumer, line.partitions)
                        return counts.expired == 40 && counts.unread == 0 && counts.counts.read == 0
                    }
                    try await line.append(Array(Line.events(60, users: 4).suffix(20)))
                    try await line.wait(for: "what came later") {
                        let counts = try await log.counts(of: line.consumer, line.partitions)
                        return counts.accepted == 60 && counts.expired == 40 && counts.unread == 0
                            && counts.counts.read == 20
                    }
                }
            }
        }
    }

    @Test func `Parked events whose slice goes are counted as expired, and the counts stay whole`() async throws {
        let isDown = Mutex(true)
        try await RecordingServer.with({ request in
            request.event?.n == 3 && isDown.withLock { $0 } ? .answer(500) : .answer(200)
        }) { server in
            var shape = Line.Shape(remembersChunks: false)
            shape.retries = 1_000
            shape.transforms = false
            try await Line.with(destination: server.url, shape) { line in
                try await line.running {
                    // Nine of the same user wait behind the third.
                    try await line.append(Line.events(50, users: 5))
                    try await line.wait(for: "those who wait") {
                        let counts = try await line.log.counts(of: line.consumer, line.partitions)
                        return counts.unread == 9 && counts.counts.delivered == 40 && counts.counts.waiting == 1
                    }
                    try await line.dropEverything()
                    isDown.withLock { $0 = false }
                    try await line.wait(for: "their end") {
                        let counts = try await line.log.counts(of: line.consumer, line.partitions)
                        return counts.unread == 0 && counts.counts.waiting == 0
                    }
                }
                let counts = try await line.log.counts(of: line.consumer, line.partitions)
                // The third had its own copy.
                #expect(counts.expired == 9)
                #expect(counts.accepted == 50 && counts.counts.read == 41 && counts.counts.delivered == 41)
                #expect(try await line.count("parked") == 0)
            }
        }
    }
}

extension Line {
    /// Does to the log what upkeep does when all slices with events have had their time.
    func dropEverything() async throws {
        try await execute(
            """
            CREATE TEMPORARY TABLE test_ends ON COMMIT DROP AS
                SELECT DISTINCT ON (partition_id) partition_id, slice_time, first_offset + event_count AS next_offset
                FROM leat.chunk ORDER BY partition_id, slice_time DESC;
            DELETE FROM leat.chunk;
            INSERT INTO leat.chunk
                SELECT partition_id, slice_time + interval '1 microsecond', next_offset, 0, 0, 0, '' FROM test_ends
            """
        )
    }
}
