import Synchronization
import Telemetry

/// What ingestion tells a scrape; counted once for each request.
final class IngestionCounts: Sendable {
    /// Upper bounds of the time a request takes, in seconds.
    private static let seconds: [Double] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

    private struct State {
        var requests: [Int: Int64] = [:]
        var accepted: Int64 = 0
        var refused: [EventRefusal: Int64] = [:]
        var bytes: Int64 = 0
        var times = [Int64](repeating: 0, count: IngestionCounts.seconds.count + 1)
        var timeSum = 0.0
    }

    private let state = Mutex(State())

    /// Counts an answered request.
    func add(status: Int, seconds: Double, bytes: Int) {
        let place = Self.seconds.firstIndex { seconds <= $0 } ?? Self.seconds.count
        state.withLock { state in
            state.requests[status, default: 0] += 1
            state.bytes += Int64(bytes)
            state.times[place] += 1
            state.timeSum += seconds
        }
    }

    /// Counts the events of a request whose commit is known.
    func add(accepted: Int, refused: [RefusedEvent]) {
        state.withLock { state in
            state.accepted += Int64(accepted)
            for event in refused { state.refused[event.reason, default: 0] += 1 }
        }
    }

    /// The families that a scrape shows.
    func families(waitingBytes: Int) -> [MetricFamily] {
        let state = self.state.withLock { $0 }
        var running: Int64 = 0
        let cumulative = state.times.map { count in
            running += count
            return running
        }
        let refused = EventRefusal.allCases.map { reason in
            MetricFamily.Sample(
                labels: [.init("reason", reason.rawValue)],
                value: Double(state.refused[reason] ?? 0)
            )
        }
        return [
            MetricFamily(
                name: "leat_ingest_requests_total",
                help: "Requests answered, by status.",
                kind: .counter,
                samples: state.requests.sorted { $0.key < $1.key }.map { status, count in
                    MetricFamily.Sample(labels: [.init("status", String(status))], value: Double(count))
                }
            ),
            MetricFamily(
                name: "leat_ingest_request_seconds",
                help: "Time from the head of a request to its answer.",
                kind: .histogram,
                samples: MetricFamily.Sample.histogram(
                    bounds: Self.seconds,
                    cumulative: Array(cumulative.dropLast()),
                    count: running,
                    sum: state.timeSum,
                    labels: []
                )
            ),
            MetricFamily(
                name: "leat_ingest_events_accepted_total",
                help: "Events answered as durable.",
                kind: .counter,
                samples: [MetricFamily.Sample(value: Double(state.accepted))]
            ),
            MetricFamily(
                name: "leat_ingest_events_refused_total",
                help: "Events refused, by reason.",
                kind: .counter,
                samples: refused
            ),
            MetricFamily(
                name: "leat_ingest_body_bytes_total",
                help: "Bytes of request bodies once inflated.",
                kind: .counter,
                samples: [MetricFamily.Sample(value: Double(state.bytes))]
            ),
            MetricFamily(
                name: "leat_ingest_waiting_bytes",
                help: "Bytes of request bodies that are being read or wait for their commit.",
                kind: .gauge,
                samples: [MetricFamily.Sample(value: Double(waitingBytes))]
            ),
        ]
    }
}
