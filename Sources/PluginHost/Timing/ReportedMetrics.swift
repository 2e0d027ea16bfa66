import Synchronization
import Telemetry
import WorkerProtocol

/// What the instances of one plugin version reported of metrics of their own since the node started.
///
/// Counters and histograms of all instances are added up; of a gauge the value that came last is shown.
final class ReportedMetrics: Sendable {
    private let state = Mutex(State())

    private struct State {
        var metrics: [ReportedMetric] = []
        /// What was reported of metrics beyond the most that a plugin may have: instances may name different ones.
        var refused = 0
    }

    func take(_ reported: [ReportedMetric]) {
        guard !reported.isEmpty else { return }
        state.withLock { state in
            for metric in reported { Self.add(metric, to: &state) }
        }
    }

    private static func add(_ metric: ReportedMetric, to state: inout State) {
        let place = state.metrics.firstIndex {
            $0.kind == metric.kind && $0.name == metric.name && $0.unit == metric.unit
        }
        guard let place else {
            if state.metrics.count < ReportedMetric.mostOfPlugin {
                state.metrics.append(metric)
            } else {
                state.refused += 1
            }
            return
        }
        if metric.kind == .gauge {
            state.metrics[place].value = metric.value
        } else {
            let sum = state.metrics[place].value + metric.value
            if sum.isFinite { state.metrics[place].value = sum }
        }
        for (bucket, count) in metric.counts.enumerated() { state.metrics[place].counts[bucket] &+= count }
    }

    // MARK: What a scrape shows

    /// The families of these metrics, with the samples of all plugin versions.
    static func families(_ all: [(reported: ReportedMetrics, labels: [MetricFamily.Label])]) -> [MetricFamily] {
        var counters = MetricFamily(
            name: "leat_plugin_reported_total",
            help: "What plugins counted by metrics of their own.",
            kind: .counter,
            samples: []
        )
        var gauges = MetricFamily(
            name: "leat_plugin_reported",
            help: "The latest values of plugins' own gauges.",
            kind: .gauge,
            samples: []
        )
        var histograms = MetricFamily(
            name: "leat_plugin_reported_values",
            help: "How the values of plugins' own histograms spread.",
            kind: .histogram,
            samples: []
        )
        var refused = MetricFamily(
            name: "leat_plugin_reported_refused_total",
            help: "Values of plugins' own metrics beyond the most that a plugin may have.",
            kind: .counter,
            samples: []
        )
        for (reported, labels) in all {
            let state = reported.state.withLock { $0 }
            for metric in state.metrics {
                let labels = labels + [.init("metric", metric.name), .init("unit", metric.unit)]
                switch metric.kind {
                case .counter: counters.samples.append(.init(labels: labels, value: metric.value))
                case .gauge: gauges.samples.append(.init(labels: labels, value: metric.value))
                case .histogram: histograms.samples += metric.histogram(labels)
                }
            }
            if state.refused > 0 { refused.samples.append(.init(labels: labels, value: Double(state.refused))) }
        }
        return [counters, gauges, histograms, refused]
    }
}

extension ReportedMetric {
    fileprivate func histogram(_ labels: [MetricFamily.Label]) -> [MetricFamily.Sample] {
        var running: Int64 = 0
        let cumulative = counts.map { count in
            running &+= Int64(clamping: count)
            return running
        }
        return MetricFamily.Sample.histogram(
            bounds: Self.bounds,
            cumulative: Array(cumulative.dropLast()),
            count: running,
            sum: value,
            labels: labels
        )
    }
}
