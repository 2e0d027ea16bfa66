import EventLog
import EventModel
import Synchronization
import Testing

@testable import Pipeline

@Suite(.timeLimit(.minutes(2))) struct TailHubTests {
    private static let partition = PartitionID(source: SourceID(rawValue: 1), generation: 0, number: 0)

    private static func batch(
        _ offsets: Range<Int64>,
        stage: TailStage = .transformed,
        connection: Int64 = 7,
        bytes: Int = 10
    ) -> TailBatch {
        let place = TailBatch.Place(
            stage: stage,
            partition: partition,
            connection: ConsumerID(rawValue: connection),
            destination: DestinationID(rawValue: 3)
        )
        let text = Array("{\"n\":1}".utf8) + Array(repeating: 32, count: max(0, bytes - 7))
        let entries = offsets.map {
            TailBatch.Entry(
                offset: $0,
                part: 0,
                userHash: EventHash.key("u\($0 % 2)"),
                range: 0..<text.count,
                fate: nil
            )
        }
        return TailBatch(place, at: 0, bytes: text, entries: entries)
    }

    /// What a watcher was told until its end.
    private static func told(_ watcher: TailWatcher, until isEnough: (Int, Int) -> Bool) async throws -> (
        shown: [Int64], dropped: Int
    ) {
        var (shown, dropped): ([Int64], Int) = ([], 0)
        while !isEnough(shown.count, dropped), let page = await watcher.next() {
            shown += page.items.map(\.offset)
            dropped += page.dropped
        }
        return (shown, dropped)
    }

    @Test func `Nothing is made while nobody watches the stage, or nobody what passes there`() throws {
        let hub = TailHub()
        #expect(!hub.isWatched(.transformed))
        let watcher = try hub.watch(TailWish(stage: .delivered))
        #expect(hub.isWatched(.delivered) && !hub.isWatched(.transformed))
        hub.show(at: Self.batch(0..<1).place) {
            Issue.record("a batch was made for nobody")
            return Self.batch(0..<1)
        }
        #expect(hub.watchers == 1)
        withExtendedLifetime(watcher) {}
    }

    @Test func `Who watches is gone with the last who has it`() throws {
        let hub = TailHub()
        do { _ = try hub.watch(TailWish(stage: .accepted)) }
        #expect(hub.watchers == 0 && !hub.isWatched(.accepted))
        var watchers = (0..<TailHub.mostWatchers).compactMap { _ in try? hub.watch(TailWish(stage: .accepted)) }
        #expect(try hub.watch(TailWish(stage: .accepted)) == nil)
        watchers.removeLast()
        #expect(try hub.watch(TailWish(stage: .accepted)) != nil)
        hub.close()
        #expect(try hub.watch(TailWish(stage: .accepted)) == nil)
    }

    @Test func `Each wish gets what it asks for`() async throws {
        let hub = TailHub()
        var mine = TailWish(stage: .transformed)
        mine.connection = ConsumerID(rawValue: 7)
        mine.user = "u1"
        mine.condition = "n == 1"
        let watcher = try #require(try hub.watch(mine))
        for (connection, stage) in [(7, .transformed), (8, .transformed), (7, .delivered)] as [(Int64, TailStage)] {
            let batch = Self.batch(0..<10, stage: stage, connection: connection)
            hub.show(at: batch.place) { batch }
        }
        hub.close()
        let told = try await Self.told(watcher) { _, _ in false }
        #expect(told.shown == [1, 3, 5, 7, 9] && told.dropped == 0)
        mine.condition = "n =="
        #expect(throws: (any Error).self) { try hub.watch(mine) }
    }

    @Test(arguments: [10, 100_000]) func `What is shown and what is left out are all there was`(bytes: Int) async throws
    {
        let hub = TailHub(bounds: .init(events: 64, bytes: 1_000_000))
        let watcher = try #require(try hub.watch(TailWish(stage: .transformed)))
        let all = 50_000
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for first in stride(from: 0, to: Int64(all), by: 25) {
                    let batch = Self.batch(first..<first + 25, bytes: bytes)
                    hub.show(at: batch.place) { batch }
                    if first % 1000 == 0 { await Task.yield() }
                }
            }
            let told = try await Self.told(watcher) { $0 + $1 >= all }
            #expect(told.shown.count + told.dropped == all)
            #expect(told.shown == told.shown.sorted() && !told.shown.isEmpty && told.dropped > 0)
            try await group.waitForAll()
        }
    }

    @Test func `Of more than is looked at in a second the rest is left out, also for one who reads at once`()
        async throws
    {
        let hub = TailHub(bounds: .init(eventsPerSecond: 100))
        let watcher = try #require(try hub.watch(TailWish(stage: .transformed)))
        let begin = ContinuousClock.now
        var (shown, dropped) = (0, 0)
        for first in stride(from: 0, to: Int64(5_000), by: 50) {
            hub.show(at: Self.batch(first..<first + 50).place) { Self.batch(first..<first + 50) }
            let page = try #require(await watcher.next())
            shown += page.items.count
            dropped += page.dropped
        }
        #expect(shown + dropped == 5_000)
        let most = 100 + 100 * (begin.duration(to: .now) / .seconds(1))
        #expect(shown >= 100 && Double(shown) <= most, "\(shown) shown")
    }

    @Test func `Memory for one who does not look stays within its bounds`() throws {
        let hub = TailHub(bounds: .init(events: 1_000, bytes: 50_000))
        let watcher = try hub.watch(TailWish(stage: .transformed))
        weak var last: TailBatch?
        for first in stride(from: 0, to: Int64(10_000), by: 10) {
            let batch = Self.batch(first..<first + 10, bytes: 1_000)
            hub.show(at: batch.place) { batch }
            last = batch
        }
        #expect(last == nil, "what was left out is held")
        withExtendedLifetime(watcher) {}
    }
}
