import Conditions
import Synchronization
import Telemetry

/// How many events this node's lanes have read and not wanted, by the reason, and how many parts of others plugins dropped.
///
/// - Owner: the pipeline; its feeds and lanes count.
final class ExclusionCounts: Sendable {
    private let events = Mutex<[Exclusion: Int]>([:])
    private let parts = Atomic<Int>(0)

    func add(_ more: [Exclusion: Int]) {
        if !more.isEmpty { events.withLock { $0.merge(more, uniquingKeysWith: +) } }
    }

    /// Counts parts of events of which something else went on.
    func add(droppedParts: Int) {
        if droppedParts > 0 { parts.add(droppedParts, ordering: .relaxed) }
    }

    /// What a scrape is told.
    var families: [MetricFamily] {
        [
            exclusions,
            MetricFamily(
                name: "leat_dropped_parts_total",
                help: "Parts that plugins dropped of events of which something else went on.",
                kind: .counter,
                samples: [MetricFamily.Sample(value: Double(parts.load(ordering: .relaxed)))]
            ),
        ]
    }

    private var exclusions: MetricFamily {
        let events = events.withLock { $0 }
        return MetricFamily(
            name: "leat_filtered_events_total",
            help: "Events that lanes of this node read and their connections did not want, by the reason.",
            kind: .counter,
            samples: Exclusion.allCases.map { exclusion in
                MetricFamily.Sample(
                    labels: [.init("reason", exclusion.rawValue)],
                    value: Double(events[exclusion] ?? 0)
                )
            }
        )
    }
}
