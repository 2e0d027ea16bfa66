import TestSupport
import Testing
import WorkerProtocol

@Suite struct MetricTests {
    private func worker() async throws -> WorkerInThread {
        let worker = try WorkerInThread()
        #expect(try await worker.load(PluginFixture.library("reporter")).kind == .ready)
        return worker
    }

    @Test func `What a plugin reports comes with the answer, once`() async throws {
        let worker = try await worker()
        var metrics = try worker.answer([#"{"do":"count"}"#, #"{"do":"count"}"#, #"{"do":"size"}"#]).metrics
        var counts = Array(repeating: UInt64(0), count: ReportedMetric.bounds.count + 1)
        counts[try #require(ReportedMetric.bounds.firstIndex(of: 50))] = 1
        // The half was counted when the plugin was created.
        #expect(
            metrics == [
                ReportedMetric(.counter, name: "seen", unit: "events", value: 2.5),
                ReportedMetric(.histogram, name: "sizes", unit: "bytes", value: 40, counts: counts),
            ]
        )
        metrics = try worker.answer([#"{"do":"level"}"#]).metrics
        #expect(metrics == [ReportedMetric(.gauge, name: "level", value: -7.5)])
        #expect(try worker.answer([#"{}"#]).metrics.isEmpty)
    }

    @Test func `Any thread may report, and no nonsense is taken`() async throws {
        let worker = try await worker()
        let metrics = try worker.answer([#"{"do":"thread"}"#, #"{"do":"nonsense"}"#]).metrics
        #expect(metrics == [ReportedMetric(.counter, name: "seen", unit: "events", value: 10.5)])
    }

    @Test func `Metrics are defined while the plugin is created, by a good name, and not too many`() async throws {
        let worker = try await worker()
        let statuses = try worker.answer([#"{"do":"statuses"}"#]).verdicts[0].texts
        #expect(statuses == [#"{"upper":-3,"empty":-3,"kind":-3,"again":2,"beyond":-4,"late":-8}"#])
    }
}
