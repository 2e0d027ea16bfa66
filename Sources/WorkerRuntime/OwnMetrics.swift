import WorkerProtocol

/// The metrics that a plugin defined, and what it reported of each since the last answer.
struct OwnMetrics {
    private var metrics: [ReportedMetric] = []
    /// Whether there is something to tell of each.
    private var isNews: [Bool] = []

    /// The place of a metric, which is new or was defined before with the same words.
    ///
    /// - Returns: Nil when there are too many.
    mutating func define(_ kind: ReportedMetric.Kind, _ name: String, _ unit: String) -> UInt32? {
        if let known = metrics.firstIndex(where: { $0.kind == kind && $0.name == name && $0.unit == unit }) {
            return UInt32(known)
        }
        guard metrics.count < ReportedMetric.mostOfPlugin else { return nil }
        metrics.append(ReportedMetric(kind, name: name, unit: unit, value: 0, counts: Self.empty(kind)))
        isNews.append(false)
        return UInt32(metrics.count - 1)
    }

    mutating func record(_ place: UInt32, _ value: Double) {
        guard Int(place) < metrics.count, value.isFinite else { return }
        let place = Int(place)
        switch metrics[place].kind {
        case .counter:
            guard value >= 0 else { return }
            metrics[place].value += value
        case .gauge: metrics[place].value = value
        case .histogram:
            let bucket = ReportedMetric.bounds.firstIndex { value <= $0 } ?? ReportedMetric.bounds.count
            metrics[place].counts[bucket] += 1
            metrics[place].value += value
        }
        // A sum of finite numbers that is none any more says nothing.
        if !metrics[place].value.isFinite { metrics[place].value = 0 }
        isNews[place] = true
    }

    /// Hands over what is new, as far as `give` takes it; the rest is for the next time.
    mutating func hand(over give: (ReportedMetric) -> Bool) {
        for place in metrics.indices where isNews[place] {
            guard give(metrics[place]) else { return }
            isNews[place] = false
            guard metrics[place].kind != .gauge else { continue }
            metrics[place].value = 0
            metrics[place].counts = Self.empty(metrics[place].kind)
        }
    }

    private static func empty(_ kind: ReportedMetric.Kind) -> [UInt64] {
        kind == .histogram ? Array(repeating: 0, count: ReportedMetric.bounds.count + 1) : []
    }
}
