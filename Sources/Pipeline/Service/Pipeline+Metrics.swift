import EventLog
import Synchronization
package import Telemetry

extension Pipeline {
    /// What a scrape is told.
    package func metrics() -> [MetricFamily] {
        let length = duplicates.length
        return [
            MetricFamily(
                name: "leat_duplicate_window_seconds",
                help: "How far back a repeated message id is found in every partition of this node.",
                kind: .gauge,
                samples: [MetricFamily.Sample(value: length / .seconds(1))]
            ),
            MetricFamily(
                name: "leat_duplicate_window_short_partitions",
                help: "Partitions whose duplicate window is shorter than set, for want of memory or because of damage.",
                kind: .gauge,
                samples: [MetricFamily.Sample(value: Double(duplicates.shortened.count))]
            ),
            MetricFamily(
                name: "leat_log_damaged_chunks",
                help: "Chunks of the log that were found damaged since the start.",
                kind: .gauge,
                samples: [MetricFamily.Sample(value: Double(log.damagedChunks))]
            ),
            MetricFamily(
                name: "leat_pipeline_refused_lanes",
                help: "Lanes that stand still because the database refuses their progress.",
                kind: .gauge,
                samples: [MetricFamily.Sample(value: Double(refusedLanes.load(ordering: .relaxed)))]
            ),
            waits.family,
        ]
    }
}
