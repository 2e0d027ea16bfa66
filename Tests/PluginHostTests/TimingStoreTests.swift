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
            try await first.write([row("1.0.0", distribution([100, 200, 300]))], flush: 1)
            try await first.write([row("1.0.0", distribution([400], failure: .wallTimeout))], flush: 2)
            // The answer to the first try was lost.
            try await first.write([row("1.0.0", distribution([400], failure: .wallTimeout))], flush: 2)
            try await second.write([row("1.0.0", distribution([10_000])), row("1.1.0", distribution([5]))], flush: 1)
            try await second.write([row("1.0.0", TimingDistribution())], flush: 2)
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
            await keeper.flush(1)
            recorder.series(plugin).created(nanoseconds: 150_000, failure: .createFailed)
            let rows = try await keeper.timings(pluginID: "a.b.c", since: 0)
            #expect(rows.map(\.measure) == [.creation])
            #expect(rows.first?.values.count == 2)
            #expect(rows.first?.values.max == 4_000)
            #expect(rows.first?.values.failures == ["create_failed": 1])
            // Both are stored once the keeper ends.
            await keeper.flush(2)
            #expect(recorder.recent(pluginID: "a.b.c").isEmpty)
            #expect(try await keeper.timings(pluginID: "a.b.c", since: 0).first?.values.count == 2)
        }
    }
}
