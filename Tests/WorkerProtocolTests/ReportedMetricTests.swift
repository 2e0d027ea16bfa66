import Testing

@testable import WorkerProtocol

@Suite struct ReportedMetricTests {
    private let counter = ReportedMetric(.counter, name: "seen", unit: "events", value: 1)

    /// What the host reads when a worker writes these.
    private func read(_ metrics: [ReportedMetric]) throws -> [ReportedMetric] {
        let arenas = ArenaPair()
        let head = BatchHead.sample()
        var writer = try arenas.begin(head, count: 0)
        for metric in metrics {
            let isTaken = writer.metric(metric)
            #expect(isTaken)
        }
        writer.finish(status: 0, runNanoseconds: 0)
        return try arenas.answer(head, []).metrics
    }

    @Test func `Metrics are read as they were written`() throws {
        let counts = (0...ReportedMetric.bounds.count).map(UInt64.init)
        let metrics = [
            counter, ReportedMetric(.gauge, name: "level", value: -0.25),
            ReportedMetric(.histogram, name: "sizes", unit: "bytes", value: 12, counts: counts),
        ]
        #expect(try read(metrics) == metrics)
    }

    @Test(
        arguments: [
            ReportedMetric(.counter, name: "", value: 1), ReportedMetric(.counter, name: "Seen", value: 1),
            ReportedMetric(.counter, name: "a{b=\"c\"}", value: 1), ReportedMetric(.gauge, name: "9", value: 1),
            ReportedMetric(.counter, name: "seen", unit: "e\n", value: 1),
            ReportedMetric(.counter, name: String(repeating: "a", count: 49), value: 1),
            ReportedMetric(.counter, name: "seen", value: -1), ReportedMetric(.gauge, name: "level", value: .nan),
            ReportedMetric(.gauge, name: "level", value: .infinity),
            ReportedMetric(.histogram, name: "sizes", value: 1, counts: [1]),
            ReportedMetric(.gauge, name: "level", value: 1, counts: [1]),
            ReportedMetric(
                .histogram,
                name: "sizes",
                value: 1,
                counts: Array(repeating: .max, count: ReportedMetric.bounds.count + 1)
            ),
        ]
    )
    func `What no honest worker writes costs the worker`(metric: ReportedMetric) throws {
        #expect(throws: ArenaError.self) { try read([metric]) }
    }

    @Test func `Nor are more metrics taken than a plugin may have`() throws {
        #expect(try read(Array(repeating: counter, count: 32)).count == 32)
        #expect(throws: ArenaError.self) { try read(Array(repeating: counter, count: 33)) }
    }

    @Test func `What finds no room is not written`() throws {
        let arenas = ArenaPair(outputBytes: ArenaLayout.smallestBytes)
        var writer = try arenas.begin(.sample(), count: 0)
        var taken = 0
        while taken < 1_000, writer.metric(counter) { taken += 1 }
        #expect((10..<1_000).contains(taken))
    }
}
