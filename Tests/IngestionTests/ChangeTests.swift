import Catalog
import EventLog
import EventModel
import Logging
import PostgreSQL
import Synchronization
import TestSupport
import Testing

@testable import Ingestion

/// What senders see, and what is in the log, while a source changes its partitions.
@Suite struct ChangeTests {
    /// A node that hears of nothing: what it knows of the catalog it read at its start or when an append was refused.
    private struct Node: Sendable {
        let catalog: Catalog
        let queue: AppendQueue

        /// `losing` says which appends are kept without an answer.
        init(_ pool: ConnectionPool, losing: @escaping @Sendable () -> Bool) async throws {
            let catalog = try await Catalog.open(pool: pool, logger: RunningIngestion.silent)
            let appender = LogAppender(EventLog(pool), catalog)
            var settings = AppendQueueSettings()
            settings.flushAfter = .milliseconds(1)
            settings.restAfterLoss = .zero
            self.catalog = catalog
            queue = AppendQueue(settings: settings, logger: RunningIngestion.silent) { drafts in
                try await appender.append(drafts)
                if losing() { throw RecordingLog.Away() }
            }
        }

        /// Sends one event as a request does; whether it was answered that the event is kept.
        func send(_ user: UInt64, _ number: Int) async -> Bool {
            let request = PendingRequest()
            guard let source = catalog.current.sources.first, let gathers = await queue.gathers(of: source) else {
                return false
            }
            let text = Array("\(user) \(number)".utf8)
            let entry = DirectoryEntry(
                length: text.count,
                type: .track,
                receivedAt: 0,
                userHash: user,
                nameHash: 0,
                messageHash: EventHash.message(text)
            )
            queue.add(entry, text, to: gathers[Int(user % UInt64(gathers.count))], for: request)
            return await request.outcome() == .committed
        }
    }

    /// What happens by chance, which follows from a seed.
    private final class Fate: Sendable {
        private let random: Mutex<SplitMix>
        /// How many answers were lost.
        let losses = Atomic<Int>(0)

        init(seed: UInt64) { random = Mutex(SplitMix(seed: seed)) }

        func number(below bound: Int) -> Int { random.withLock { Int($0.next() % UInt64(bound)) } }

        func losesAnswer() -> Bool {
            guard number(below: 8) == 0 else { return false }
            losses.add(1, ordering: .relaxed)
            return true
        }
    }

    private static func apply(_ partitions: Int, to catalog: Catalog) async throws {
        let (declaration, problems) = Declaration.read(
            try Document.yaml("sources: [{name: web, partitions: \(partitions)}]")
        )
        #expect(problems.isEmpty)
        _ = try await catalog.apply(declaration, by: "test")
    }

    /// Every event that is kept, by user: generation after generation, in the order of offsets, without duplicates.
    private static func kept(_ pool: ConnectionPool, _ source: Source) async throws -> (
        [UInt64: [Int]], duplicates: Int
    ) {
        let log = EventLog(pool)
        let window = DuplicateWindow(log)
        var kept: [UInt64: [Int]] = [:]
        var duplicates = 0
        for generation in source.closed + [source.current] {
            for partition in generation.partitionIDs {
                var position = LogPosition.beginning
                while case let chunks = try await log.read(partition, after: position), let last = chunks.last {
                    for chunk in chunks {
                        try #require(chunk.firstOffset == position.offset)
                        position = chunk.end
                        let repeated = Set(try await window.duplicates(in: chunk))
                        let bodies = try chunk.bodies()
                        for place in 0..<bodies.count {
                            let words = String(decoding: bodies[place], as: UTF8.self).split(separator: " ")
                            let user = try #require(UInt64(words[0]))
                            try #require(generation.partition(of: user) == partition)
                            if repeated.contains(place) {
                                duplicates += 1
                            } else {
                                kept[user, default: []].append(try #require(Int(words[1])))
                            }
                        }
                    }
                    position = last.end
                }
            }
        }
        return (kept, duplicates)
    }

    @Test(.timeLimit(.minutes(5)), arguments: Array(1...8) as [UInt64])
    func `Nothing is lost, doubled or out of order when partitions change under nodes that nobody tells`(seed: UInt64)
        async throws
    {
        try await Database.temporary(connections: 12) { pool in
            let admin = try await Catalog.open(pool: pool, logger: RunningIngestion.silent)
            try await Self.apply(4, to: admin)
            let fate = Fate(seed: seed)
            var nodes: [Node] = []
            for _ in 0..<3 {
                nodes.append(
                    try await Node(pool) { fate.losesAnswer() }
                )
            }
            let all = nodes
            let (users, events) = (20, 40)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for node in all { group.addTask { try await node.queue.run() } }
                try await withThrowingTaskGroup(of: Void.self) { senders in
                    for user in 0..<users {
                        senders.addTask {
                            for number in 0..<events {
                                var node = all[(user + number) % all.count]
                                while await !node.send(UInt64(user), number) {
                                    node = all[fate.number(below: all.count)]
                                }
                            }
                        }
                    }
                    for partitions in [7, 2, 5, 1, 9] {
                        try await Task.sleep(for: .milliseconds(fate.number(below: 60)))
                        try await Self.apply(partitions, to: admin)
                    }
                    try await senders.waitForAll()
                }
                for node in all { node.queue.close() }
                try await group.waitForAll()
            }
            let source = try #require(admin.current.sources.first)
            #expect(source.generation == 5 && source.closed.map(\.partitions) == [4, 7, 2, 5, 1])
            let (kept, duplicates) = try await Self.kept(pool, source)
            #expect(kept.count == users)
            for (user, numbers) in kept { #expect(numbers == Array(0..<events), "user \(user)") }
            #expect(fate.losses.load(ordering: .relaxed) > 0 && duplicates > 0)
        }
    }

    @Test(.timeLimit(.minutes(1)))
    func `Events of the new partitions wait until those of the old ones are committed`() async throws {
        try await AppendQueueTests.with { queue, log in
            let old = RunningIngestion.source
            let new = Source(id: old.id, name: old.name, enabled: true, partitions: 7, generation: old.generation + 1)
            let before = try #require(await queue.gathers(of: old))
            log.behave(.hang)
            let first = PendingRequest()
            AppendQueueTests.add("first", to: before[0], of: queue, for: first)
            await log.hanging()
            async let after = queue.gathers(of: new)
            async let answered = first.outcome()
            try await Task.sleep(for: .milliseconds(20))
            #expect(log.kept == 0)
            log.behave(.keep)
            #expect(await answered == .committed)
            let gathers = try #require(await after)
            #expect(gathers.map(\.partition) == new.partitionIDs && log.kept == 1)
            // Who comes with an old configuration meets the new partitions.
            #expect(try #require(await queue.gathers(of: old)).map(\.partition) == new.partitionIDs)
        }
    }

    @Test func `Events of a closed generation are dealt out anew in their order and in chunks of bounded size`() {
        let (old, other) = (SourceID(rawValue: 1), SourceID(rawValue: 2))
        let next = Generation(source: old, number: 1, partitions: 3)
        var drafts: [ChunkDraft] = []
        for (number, source) in [old, other, old, old].enumerated() {
            var draft = ChunkDraft(partition: PartitionID(source: source, generation: 0, number: 0))
            for place in 0..<50 {
                let text = Array("\(number) \(place)".utf8)
                draft.append(
                    DirectoryEntry(
                        length: text.count,
                        type: .track,
                        receivedAt: 0,
                        userHash: UInt64(place % 10),
                        nameHash: 0,
                        messageHash: EventHash.message(text)
                    ),
                    text
                )
            }
            drafts.append(draft)
        }
        let dealt = LogAppender.dealt(drafts, chunkBytes: 100) { $0.source == old ? next : nil }
        #expect(dealt.filter { $0.partition.source == other }.map(\.count) == [50])
        var seen: [UInt64: [String]] = [:]
        for draft in dealt where draft.partition.source == old {
            #expect(draft.byteCount <= 100)
            var start = 0
            for entry in draft.entries {
                #expect(next.partition(of: entry.userHash) == draft.partition)
                let bytes = draft.bodies[start..<start + Int(entry.length)]
                seen[entry.userHash, default: []].append(String(decoding: bytes, as: UTF8.self))
                start += Int(entry.length)
            }
        }
        for user in 0..<10 as Range<Int> {
            let texts = [0, 2, 3].flatMap { number in (0..<5).map { "\(number) \($0 * 10 + user)" } }
            #expect(seen[UInt64(user)] == texts)
        }
    }
}
