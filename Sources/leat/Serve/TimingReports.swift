import AdminAPI
import PluginHost

extension PluginTimings {
    /// One entry per version from what was measured of one plugin.
    static func entries(_ rows: [TimingRow]) -> [PluginTimings] {
        let versions = Dictionary(grouping: TimingRow.merged(rows)) { [$0.pluginID, $0.version] }
        return versions.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { key, rows in
            let measures = Dictionary(rows.map { ($0.measure, $0.values) }) { $1 }
            let failures = [measures[.creation], measures[.execution]].reduce(into: [String: Int64]()) { sum, values in
                sum.merge(values?.failures ?? [:]) { $0 + $1 }
            }
            return PluginTimings(
                plugin: key[0],
                version: key[1],
                creation: Quantiles(measures[.creation], unit: microsecondsPerSecond),
                execution: Quantiles(measures[.execution], unit: microsecondsPerSecond),
                input: Quantiles(measures[.inputBytes], unit: 1),
                failures: failures
            )
        }
    }

    private static let microsecondsPerSecond = 1_000_000.0
}

extension Quantiles {
    /// What is told of recorded values, each divided by `unit`.
    fileprivate init(_ values: TimingDistribution?, unit: Double) {
        guard let values, values.count > 0 else {
            self.init(count: 0, p50: nil, p90: nil, p99: nil, max: nil)
            return
        }
        func value(_ share: Double) -> Double { Double(values.percentile(share)) / unit }
        self.init(count: values.count, p50: value(50), p90: value(90), p99: value(99), max: Double(values.max) / unit)
    }
}
