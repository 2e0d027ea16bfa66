import Catalog
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
            family(
                "leat_pipeline_revision",
                "The revision of the configuration that the lanes of this node were given last.",
                .gauge,
                Int(arranged.load(ordering: .relaxed))
            ),
            waits.family,
            family(
                "leat_delivery_pauses_total",
                "How often a destination was to be paused because it refused this server's credentials.",
                .counter,
                relay.pauses
            ),
        ] + excluded.families + leaseMetrics + deliveryMetrics + secretMetrics + traces.families
    }

    /// What became of leases, and of the events under them.
    private var leaseMetrics: [MetricFamily] {
        let holding = log.holding
        let counts = log.leaseCounts
        return [
            family("leat_lease_partitions", "Partitions whose lanes this node runs.", .gauge, holding.held.count),
            family("leat_lease_lost_total", "Leases that this node lost while its lanes ran.", .counter, counts.lost),
            family(
                "leat_lease_lapses_total",
                "How often no sign of life was confirmed for the lease time.",
                .counter,
                counts.lapses
            ),
            family(
                "leat_lease_fenced_events_total",
                "Events whose outcome could not be committed because their lease was gone.",
                .counter,
                Int(checkpointer.fencedEvents)
            ),
            family(
                "leat_lease_cancelled_requests_total",
                "Requests that were called off under way, because a lease ran out or its lanes had to end.",
                .counter,
                fleet.cancelledRequests
            ),
            family(
                "leat_delivery_uncommitted_events",
                "Events handed to delivery and not committed: what would be delivered again if this node ended now.",
                .gauge,
                checkpointer.uncommittedEvents
            ),
        ]
    }

    private var secretMetrics: [MetricFamily] {
        [
            family(
                "leat_secrets_locked",
                "Secrets that this node cannot open.",
                .gauge,
                catalog.lockedSecrets.count
            ),
            family(
                "leat_delivery_secret_waits",
                "Destinations that this node sends nothing to for want of a secret.",
                .gauge,
                fleet.waitingForSecrets
            ),
        ]
    }

    private func family(_ name: String, _ help: String, _ kind: MetricFamily.Kind, _ value: Int) -> MetricFamily {
        MetricFamily(name: name, help: help, kind: kind, samples: [MetricFamily.Sample(value: Double(value))])
    }
}
