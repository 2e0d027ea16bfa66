import EventLog
import Telemetry

extension RetentionStanding {
    /// What a scrape is told of the log's size and of who lags, as of the last look a minute ago at most.
    var families: [MetricFamily] {
        [
            gauge("leat_log_bytes", "The log on disk, in bytes.", Double(bytes)),
            gauge("leat_log_bound_bytes", "The bound of the log in bytes; 0 for none.", Double(bound)),
            gauge("leat_log_slices", "Slices of the log.", Double(slices)),
            gauge(
                "leat_log_held_slices",
                "Slices of the log that stay beyond their time because a connection has not read them.",
                Double(heldSlices)
            ),
            gauge(
                "leat_log_stuck_slices",
                "Slices that were to go and that somebody who uses them does not let go yet.",
                Double(stuckSlices)
            ),
            gauge(
                "leat_log_pushed_back_sources",
                "Sources that are refused because the log is full of what a connection has not read.",
                Double(pushedBack.count)
            ),
            ofLags("leat_lag_unread_events", "Events that a connection has still to read.") { Double($0.unread) },
            ofLags("leat_lag_seconds", "The age of the oldest event that a connection has not read.") {
                $0.age / .seconds(1)
            },
            ofLags("leat_lag_retention_ratio", "How much of what the log keeps a connection has used up by lagging.") {
                $0.share
            },
        ]
    }

    private func gauge(_ name: String, _ help: String, _ value: Double) -> MetricFamily {
        MetricFamily(name: name, help: help, kind: .gauge, samples: [MetricFamily.Sample(value: value)])
    }

    private func ofLags(_ name: String, _ help: String, _ value: (Lag) -> Double) -> MetricFamily {
        MetricFamily(
            name: name,
            help: help,
            kind: .gauge,
            samples: lags.map { MetricFamily.Sample(labels: [.init("connection", $0.name)], value: value($0)) }
        )
    }
}
