import Synchronization
package import Telemetry

/// Collects how long plugins take and how much they are given: successes and failures alike, from a tenth of a
/// millisecond up and below.
package final class TimingRecorder: Sendable {
    private let series = Mutex<[Key: TimingSeries]>([:])

    private struct Key: Hashable {
        var pluginID: String
        var version: String
    }

    package init() {}

    /// Where a session records; the same one for all sessions of a plugin version.
    func series(_ plugin: PluginIdentity) -> TimingSeries {
        let key = Key(pluginID: plugin.id, version: plugin.version)
        return series.withLock { series in
            if let known = series[key] { return known }
            let new = TimingSeries(pluginID: plugin.id, version: plugin.version)
            series[key] = new
            return new
        }
    }

    private var all: [TimingSeries] {
        series.withLock { Array($0.values) }.sorted { ($0.pluginID, $0.version) < ($1.pluginID, $1.version) }
    }

    /// What is in memory and not yet stored, of one plugin.
    package func recent(pluginID: String) -> [TimingRow] {
        all.filter { $0.pluginID == pluginID }.flatMap { series in
            series.recent.map { TimingRow(pluginID: pluginID, version: series.version, measure: $0, values: $1) }
        }
    }

    /// Takes what was measured since the last time, to be stored.
    package func drain() -> [TimingRow] {
        all.flatMap { series in
            series.drain().map { measure, values in
                TimingRow(pluginID: series.pluginID, version: series.version, measure: measure, values: values)
            }
        }
    }

    /// Everything since the node started, for `/metrics`.
    package func families() -> [MetricFamily] {
        let all = self.all.map { (series: $0, total: $0.total) }
        var families = TimingMeasure.allCases.map { measure in
            MetricFamily(name: measure.metric, help: measure.help, kind: .histogram, samples: [])
        }
        var failures = MetricFamily(
            name: "leat_plugin_failures_total",
            help: "Creations and batches of a plugin that failed, by cause.",
            kind: .counter,
            samples: []
        )
        var droppedLogs = MetricFamily(
            name: "leat_plugin_logs_dropped_total",
            help: "Log records of a plugin beyond its rate.",
            kind: .counter,
            samples: []
        )
        var waits = MetricFamily(
            name: "leat_plugin_call_wait_seconds",
            help: "Time in which a plugin waited for what it asked of the host, of one batch.",
            kind: .histogram,
            samples: []
        )
        var reported: [(reported: ReportedMetrics, labels: [MetricFamily.Label])] = []
        for (series, total) in all {
            let labels = [MetricFamily.Label("plugin", series.pluginID), .init("version", series.version)]
            reported.append((series.reported, labels))
            if let values = series.waits { waits.samples += Self.histogram(values, .execution, labels) }
            droppedLogs.samples.append(.init(labels: labels, value: Double(series.droppedLogs)))
            for (index, measure) in TimingMeasure.allCases.enumerated() {
                guard let values = total[measure] else { continue }
                families[index].samples += Self.histogram(values, measure, labels)
                guard measure == .creation || measure == .execution else { continue }
                for (cause, count) in values.failures.sorted(by: { $0.key < $1.key }) {
                    let labels = labels + [.init("stage", measure.rawValue), .init("cause", cause)]
                    failures.samples.append(MetricFamily.Sample(labels: labels, value: Double(count)))
                }
            }
        }
        families += [failures, droppedLogs, waits] + ReportedMetrics.families(reported)
        return families.filter { !$0.samples.isEmpty }
    }

    private static func histogram(
        _ values: TimingDistribution,
        _ measure: TimingMeasure,
        _ labels: [MetricFamily.Label]
    ) -> [MetricFamily.Sample] {
        MetricFamily.Sample.histogram(
            bounds: measure.bounds,
            cumulative: values.cumulative(measure.bounds, scale: measure.scale),
            count: values.count,
            sum: Double(values.sum) / measure.scale,
            labels: labels
        )
    }
}

/// The values of one measure of one plugin version over some time.
package struct TimingRow: Sendable {
    package var pluginID: String
    package var version: String
    package var measure: TimingMeasure
    package var values: TimingDistribution

    package init(pluginID: String, version: String, measure: TimingMeasure, values: TimingDistribution) {
        self.pluginID = pluginID
        self.version = version
        self.measure = measure
        self.values = values
    }

    /// Adds up rows of the same version and measure, sorted by version and measure.
    package static func merged(_ rows: some Sequence<TimingRow>) -> [TimingRow] {
        var merged: [TimingRow] = []
        for row in rows {
            let place = merged.firstIndex {
                $0.pluginID == row.pluginID && $0.version == row.version && $0.measure == row.measure
            }
            if let place { merged[place].values.add(row.values) } else { merged.append(row) }
        }
        let order = TimingMeasure.allCases
        return merged.sorted { left, right in
            let places = (order.firstIndex(of: left.measure) ?? 0, order.firstIndex(of: right.measure) ?? 0)
            return (left.pluginID, left.version, places.0) < (right.pluginID, right.version, places.1)
        }
    }
}

extension TimingMeasure {
    fileprivate var metric: String {
        switch self {
        case .creation: "leat_plugin_creation_seconds"
        case .execution: "leat_plugin_execution_seconds"
        case .inputBytes: "leat_plugin_input_bytes"
        case .inputEvents: "leat_plugin_input_events"
        case .outputBytes: "leat_plugin_output_bytes"
        }
    }

    fileprivate var help: String {
        switch self {
        case .creation: "Time to start a worker, load a plugin and create it."
        case .execution: "Time from handing a batch to a plugin until its answer."
        case .inputBytes: "JSON handed to a plugin in one batch."
        case .inputEvents: "Events handed to a plugin in one batch."
        case .outputBytes: "JSON and bodies that a plugin gave for one batch."
        }
    }
}
