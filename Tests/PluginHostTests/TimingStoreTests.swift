import EventModel
import Logging
import TestSupport
import Testing

@testable import PluginHost

@Suite struct TimingStoreTests {
    private func distribution(_ values: [Int64], failure: FailureCause? = nil) -> TimingDistribution {
        var distribution = TimingDistribution()
        for value in values { distribution.record(value, failure: failure) }
        return distribution
    }

    private func row(_ version: String, _ values: TimingDistribution) -> TimingRow {
        TimingRow(pluginID: "a.b.c", version: version, measure: .execution, values: values)
    }

    @Test func `Timings of all nodes and minutes add up and stay apart by version`() async throws {
        try await Database.temporary { pool in
            let first = TimingStore(pool: pool, node: NodeID(rawValue: 1))
            let second = TimingStore(pool: pool, node: NodeID(rawValue: 2))
            func flush(_ number: Int64, minute: Int64 = 0, _ rows: TimingRow...) -> TimingFlush {
                TimingFlush(number: number, at: 1_700_000_000_000_000 + minute * 60_000_000, rows: rows)
            }
            try await first.write(flush(1, row("1.0.0", distribution([100, 200, 300]))))
            let failed = flush(2, minute: 1, row("1.0.0", distribution([400], failure: .wallTimeout)))
            for _ in 0..<2 { try await first.write(failed) }
            try await second.write(flush(1, row("1.0.0", distribution([10_000])), row("1.1.0", distribution([5]))))
            try await second.write(flush(2, row("1.0.0", TimingDistribution())))
            let rows = try await first.read(pluginID: "a.b.c", since: 0)
            #expect(rows.map(\.version) == ["1.0.0", "1.1.0"])
            #expect(rows[0].values.count == 5)
            #expect(rows[0].values.sum == 11_000)
            #expect(rows[0].values.max == 10_000)
            #expect(rows[0].values.failures == ["wall_timeout": 1])
            #expect(rows[0].values.percentile(50) == 301)
            #expect(try await first.read(pluginID: "a.b.c", since: 4_000_000_000_000_000).isEmpty)
            #expect(try await first.read(pluginID: "x.y.z", since: 0).isEmpty)
        }
    }

    @Test func `What is not stored yet is part of the answer`() async throws {
        try await Database.temporary { pool in
            let recorder = TimingRecorder()
            let keeper = TimingKeeper(
                recorder: recorder,
                store: TimingStore(pool: pool, node: NodeID(rawValue: 1)),
                logger: Logger(label: "leat.test")
            )
            let plugin = PluginIdentity(id: "a.b.c", version: "1.0.0", digest: .zero, kinds: [.transform], entry: "e")
            recorder.series(plugin).created(nanoseconds: 4_000_000, failure: nil)
            await keeper.flush()
            recorder.series(plugin).created(nanoseconds: 150_000, failure: .createFailed)
            let rows = try await keeper.timings(pluginID: "a.b.c", since: 0)
            #expect(rows.map(\.measure) == [.creation])
            #expect(rows.first?.values.count == 2)
            #expect(rows.first?.values.max == 4_000)
            #expect(rows.first?.values.failures == ["create_failed": 1])
            // Both are stored once the keeper ends.
            await keeper.flush()
            #expect(recorder.recent(pluginID: "a.b.c").isEmpty)
            #expect(try await keeper.timings(pluginID: "a.b.c", since: 0).first?.values.count == 2)
        }
    }

    @Test(.timeLimit(.minutes(2))) func `A flush whose answer was lost counts once, as does the next`() async throws {
        try await LostAnswer.with { database in
            let recorder = TimingRecorder()
            let store = TimingStore(pool: database.pool, node: NodeID(rawValue: 1))
            let keeper = TimingKeeper(recorder: recorder, store: store, logger: Logger(label: "leat.test"))
            let plugin = PluginIdentity(id: "a.b.c", version: "1.0.0", digest: .zero, kinds: [.transform], entry: "e")
            recorder.series(plugin).created(nanoseconds: 4_000_000, failure: nil)
            recorder.series(plugin).executed(nanoseconds: 1_000, inputBytes: 9, events: 1, outputBytes: 8, failure: nil)
            try await database.during { await keeper.flush() }
            recorder.series(plugin).created(nanoseconds: 6_000_000, failure: .createFailed)
            // Stored, and in memory as not known to be: told once.
            #expect(try await keeper.timings(pluginID: "a.b.c", since: 0).first?.values.count == 2)
            #expect(try await store.read(pluginID: "a.b.c", since: 0).map(\.values.count) == [1, 1, 1, 1, 1])

            await keeper.flush()
            let rows = try await store.read(pluginID: "a.b.c", since: 0)
            #expect(rows.map(\.measure) == TimingMeasure.allCases)
            #expect(rows.map(\.values.count) == [2, 1, 1, 1, 1])
            #expect(rows[0].values.sum == 10_000 && rows[0].values.failures == ["create_failed": 1])
            #expect(try await keeper.timings(pluginID: "a.b.c", since: 0).map(\.values.count) == [2, 1, 1, 1, 1])
        }
    }
}
