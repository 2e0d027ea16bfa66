import EventModel
import Telemetry
import TestSupport
import Testing
import WorkerProtocol

@testable import PluginHost

extension WorkerTests {
    @Suite struct ReportTests {
        private static func value(_ family: String, _ suffix: String = "", in families: [MetricFamily]) -> [Double] {
            families.first { $0.name == family }?.samples.filter { $0.suffix == suffix }.map(\.value) ?? []
        }

        @Test func `What the instances of a plugin report is shown with plugin and version`() async throws {
            try await Bench.run { bench in
                let plugin = try await bench.upload(PluginFixture.library("reporter"))
                let sessions = [bench.session(plugin), bench.session(plugin, configuration: #"{"other":1}"#)]
                for session in sessions {
                    _ = try await session.transform(events(["count", "count", "level", "size"]))
                    _ = try await session.transform(events(["size"]))
                }
                let families = bench.timings.families()
                let counted = try #require(families.first { $0.name == "leat_plugin_reported_total" }).samples
                let labels = [
                    MetricFamily.Label("plugin", PluginFixture.id), .init("version", PluginFixture.version),
                    .init("metric", "seen"), .init("unit", "events"),
                ]
                // Two instances, each with a half of their creation.
                #expect(counted == [MetricFamily.Sample(labels: labels, value: 5)])
                #expect(Self.value("leat_plugin_reported", in: families) == [-7.5])
                #expect(Self.value("leat_plugin_reported_values", "_count", in: families) == [4])
                #expect(Self.value("leat_plugin_reported_values", "_sum", in: families) == [160])
                for session in sessions { await session.stop() }
            }
        }

        @Test func `Log records beyond the rate are counted and left out`() async throws {
            try await Bench.run { bench in
                let session = try await bench.session(PluginFixture.library("reporter"))
                // 150 records each, of which a batch keeps 128: however quickly it goes, 200 pass at once.
                for _ in 0..<4 { _ = try await session.transform(events(["talk"])) }
                let dropped = Self.value("leat_plugin_logs_dropped_total", in: bench.timings.families())
                #expect(dropped.count == 1)
                #expect((88...400).contains(dropped[0]), "\(dropped)")
                await session.stop()
            }
        }
    }
}

@Suite struct LogAllowanceTests {
    @Test func `Some log records pass at once, and then a few each second`() {
        var allowance = LogAllowance()
        let second: Int64 = 1_000_000_000
        #expect(allowance.take(128, now: 5) == 128)
        #expect(allowance.take(128, now: 5) == 72)
        #expect(allowance.take(1, now: 5) == 0)
        #expect(allowance.take(100, now: 5 + second) == 20)
        #expect(allowance.take(1, now: 5 + second + second / 100) == 0)
        #expect(allowance.take(1_000, now: 5 + 3_600 * second) == 200)
        // A clock that goes back gives nothing.
        #expect(allowance.take(1, now: 0) == 0)
    }
}

@Suite struct ReportedMetricsTests {
    @Test func `Instances may not name more metrics than a plugin may have`() {
        let reported = ReportedMetrics()
        for number in 0..<40 { reported.take([.init(.counter, name: "metric_\(number)", value: 1)]) }
        reported.take([.init(.counter, name: "metric_0", value: 1)])
        let families = ReportedMetrics.families([(reported, [])])
        #expect(families.first { $0.name == "leat_plugin_reported_total" }?.samples.map(\.value).max() == 2)
        #expect(families.first { $0.name == "leat_plugin_reported_total" }?.samples.count == 32)
        #expect(families.first { $0.name == "leat_plugin_reported_refused_total" }?.samples.map(\.value) == [8])
    }
}
