import Catalog
import Delivery
import Telemetry

extension Pipeline {
    /// How delivery stands on this node, destination by destination.
    var deliveryMetrics: [MetricFamily] {
        let snapshot = catalog.current
        let now = Moment.now
        let deliveries = deliveries
        let known = snapshot.destinations.compactMap { destination in
            deliveries[destination.id].map { (name: destination.name, delivery: $0) }
        }
        func gauge(_ name: String, _ help: String, _ value: (DeliveryStanding) -> Double?) -> MetricFamily {
            MetricFamily(
                name: name,
                help: help,
                kind: .gauge,
                samples: known.compactMap { entry in
                    value(entry.delivery).map {
                        MetricFamily.Sample(labels: [.init("destination", entry.name)], value: $0)
                    }
                }
            )
        }
        return [
            MetricFamily(
                name: "leat_destination_paused",
                help: "Destinations that are paused or drained, by what for.",
                kind: .gauge,
                samples: snapshot.destinations.compactMap { destination in
                    destination.state.cause.map { cause in
                        let labels = [
                            MetricFamily.Label("destination", destination.name), .init("reason", cause),
                        ]
                        return MetricFamily.Sample(labels: labels, value: 1)
                    }
                }
            ),
            gauge(
                "leat_destination_effective_rate",
                "Requests that this node may begin in a second; none without a limit."
            ) { $0.requestsPerSecond },
            gauge("leat_destination_in_flight_requests", "Requests under way.") { Double($0.courier.inFlight) },
            gauge("leat_destination_next_retry_seconds", "Time until something is tried again.") { delivery in
                delivery.nextRetry(at: now).map { max(0, Double($0 - now.wall) / 1e6) }
            },
            MetricFamily(
                name: "leat_destination_waiting",
                help: "What waits on this node, by why: requests, or events and portions that are no request yet.",
                kind: .gauge,
                samples: known.flatMap { entry in
                    Dictionary(grouping: entry.delivery.waits(at: now), by: \.reason).sorted { $0.key < $1.key }.map {
                        let labels = [MetricFamily.Label("destination", entry.name), .init("reason", $0.key)]
                        return MetricFamily.Sample(labels: labels, value: Double($0.value.reduce(0) { $0 + $1.count }))
                    }
                }
            ),
        ]
    }
}

extension DestinationState {
    /// Why it is not simply delivered to, in a bounded number of words; nil where it is.
    fileprivate var cause: String? {
        switch self {
        case .running: nil
        case .draining: "drain"
        case .paused(let halt): halt.by == DestinationState.server ? "credentials" : "operator"
        }
    }
}
