import Synchronization
import Telemetry

/// How much this node's lanes keep of the ways of events.
///
/// - Owner: the pipeline; lanes add to it with each checkpoint.
final class TraceCounts: Sendable {
    private let written = Atomic<Int>(0)
    private let leftOut = Atomic<Int>(0)

    func add(written: Int, leftOut: Int) {
        if written > 0 { self.written.add(written, ordering: .relaxed) }
        if leftOut > 0 { self.leftOut.add(leftOut, ordering: .relaxed) }
    }

    /// What a scrape is told.
    var families: [MetricFamily] {
        [
            family("leat_trace_rows_total", "Ways of events that were written down.", written),
            family(
                "leat_trace_left_out_total",
                "Ways of events that were not written down, because there were too many in a second.",
                leftOut
            ),
        ]
    }

    private func family(_ name: String, _ help: String, _ value: borrowing Atomic<Int>) -> MetricFamily {
        let sample = MetricFamily.Sample(value: Double(value.load(ordering: .relaxed)))
        return MetricFamily(name: name, help: help, kind: .counter, samples: [sample])
    }
}
