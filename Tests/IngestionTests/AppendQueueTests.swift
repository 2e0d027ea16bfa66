import Catalog
import EventLog
import EventModel
import Logging
import Testing

@testable import Ingestion

@Suite struct AppendQueueTests {
    /// Runs `body` with a queue before a log that records; the queue is closed and empty afterwards.
    static func with(
        _ settings: AppendQueueSettings = .init(),
        _ body: @Sendable @escaping (AppendQueue, RecordingLog) async throws -> Void
    ) async throws {
        let log = RecordingLog()
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let queue = AppendQueue(settings: settings, logger: logger) { try await log.append($0) }
        try await withThrowingTaskGroup { group in
            group.addTask { try await queue.run() }
            do {
                try await body(queue, log)
            } catch {
                log.behave(.keep)
                queue.close()
                throw error
            }
            log.behave(.keep)
            queue.close()
            try await group.waitForAll()
        }
    }

    static func add(_ text: String, to gather: Gather, of queue: AppendQueue, for request: PendingRequest) {
        let bytes = Array(text.utf8)
        let entry = DirectoryEntry(
            length: bytes.count,
            type: .track,
            receivedAt: 0,
            userHash: 0,
            nameHash: 0,
            messageHash: EventHash.message(bytes)
        )
        queue.add(entry, bytes, to: gather, for: request)
    }

    @Test(.timeLimit(.minutes(1))) func `A request is answered when all its partitions are committed`() async throws {
        try await Self.with { queue, log in
            let gathers = try #require(await queue.gathers(of: RunningIngestion.source))
            #expect(gathers.map(\.partition) == RunningIngestion.source.partitionIDs)
            let request = PendingRequest()
            for (place, gather) in gathers.enumerated() { Self.add("\(place)", to: gather, of: queue, for: request) }
            #expect(await request.outcome() == .committed)
            #expect(log.events.count == 4)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A request without events waits for nothing`() async throws {
        try await Self.with { _, _ in
            #expect(await PendingRequest().outcome() == .committed)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `While one flush is under way the next one gathers`() async throws {
        try await Self.with { queue, log in
            let gather = try #require(await queue.gathers(of: RunningIngestion.source))[0]
            log.behave(.hang)
            let first = PendingRequest()
            Self.add("first", to: gather, of: queue, for: first)
            await log.hanging()
            let second = PendingRequest()
            for number in 0..<10 { Self.add("\(number)", to: gather, of: queue, for: second) }
            log.behave(.keep)
            #expect(await first.outcome() == .committed)
            #expect(await second.outcome() == .committed)
            #expect(log.flushes.map { $0.map(\.count) } == [[1], [10]])
            #expect(log.events[gather.partition] == ["first"] + (0..<10).map(String.init))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A chunk is bounded and the order is kept over many`() async throws {
        var settings = AppendQueueSettings()
        settings.chunkBytes = 100
        try await Self.with(settings) { queue, log in
            let gather = try #require(await queue.gathers(of: RunningIngestion.source))[2]
            let texts = (0..<200).map { "event number \($0)" }
            let request = PendingRequest()
            for text in texts { Self.add(text, to: gather, of: queue, for: request) }
            Self.add(String(repeating: "x", count: 1000), to: gather, of: queue, for: request)
            #expect(await request.outcome() == .committed)
            #expect(log.events[gather.partition]?.dropLast() == texts[...])
            let sizes = log.flushes.joined().map(\.byteCount)
            #expect(sizes.dropLast().allSatisfy { $0 <= 100 } && sizes.last == 1000)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `When the database is away everybody is told and it resumes by itself`()
        async throws
    {
        var settings = AppendQueueSettings()
        settings.restAfterLoss = .milliseconds(1)
        try await Self.with(settings) { queue, log in
            let gather = try #require(await queue.gathers(of: RunningIngestion.source))[0]
            log.behave(.fail)
            let lost = PendingRequest()
            Self.add("lost", to: gather, of: queue, for: lost)
            #expect(await lost.outcome() == .unavailable)
            log.behave(.keep)
            let kept = PendingRequest()
            Self.add("kept", to: gather, of: queue, for: kept)
            #expect(await kept.outcome() == .committed)
            #expect(queue.isAccepting)
            #expect(log.events[gather.partition] == ["kept"])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A database that does not answer lets nobody wait beyond the deadline`()
        async throws
    {
        var settings = AppendQueueSettings()
        settings.flushDeadline = .milliseconds(50)
        try await Self.with(settings) { queue, log in
            let gathers = try #require(await queue.gathers(of: RunningIngestion.source))
            log.behave(.hang)
            let first = PendingRequest()
            Self.add("first", to: gathers[0], of: queue, for: first)
            #expect(await first.outcome() == .unavailable)
            #expect(!queue.isAccepting)
            // Who was let in before the gate closed is told as well.
            let second = PendingRequest()
            Self.add("second", to: gathers[0], of: queue, for: second)
            #expect(await second.outcome() == .unavailable)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A chunk that the database refuses takes no other along`() async throws {
        try await Self.with { queue, log in
            let gathers = try #require(await queue.gathers(of: RunningIngestion.source))
            // The first and the third belong to one flusher.
            log.behave(.refuse(gathers[0].partition))
            let refused = PendingRequest()
            let kept = PendingRequest()
            Self.add("refused", to: gathers[0], of: queue, for: refused)
            Self.add("kept", to: gathers[2], of: queue, for: kept)
            #expect(await refused.outcome() == .unavailable)
            #expect(await kept.outcome() == .committed)
            #expect(queue.isAccepting)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Closing commits what was gathered`() async throws {
        let log = RecordingLog()
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let queue = AppendQueue(logger: logger) { try await log.append($0) }
        let request = PendingRequest()
        for gather in try #require(await queue.gathers(of: RunningIngestion.source)) {
            Self.add("last", to: gather, of: queue, for: request)
        }
        queue.close()
        #expect(!queue.isAccepting)
        try await queue.run()
        #expect(await request.outcome() == .committed)
        #expect(log.events.count == 4)
    }

    @Test(.timeLimit(.minutes(1))) func `Who comes after the end is told at once`() async throws {
        let log = RecordingLog()
        let logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        let queue = AppendQueue(logger: logger) { try await log.append($0) }
        queue.close()
        try await queue.run()
        let request = PendingRequest()
        for gather in try #require(await queue.gathers(of: RunningIngestion.source)) {
            Self.add("late", to: gather, of: queue, for: request)
        }
        #expect(await request.outcome() == .unavailable)
        #expect(log.flushes.isEmpty)
    }

    @Test func `The budget is never exceeded and given back whole`() {
        let budget = ByteBudget(limit: 100)
        #expect(budget.take(60))
        #expect(!budget.take(41))
        #expect(budget.take(40))
        budget.give(100)
        #expect(budget.bytesInUse == 0)
    }
}
