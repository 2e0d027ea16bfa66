import CoreMetrics
import Synchronization

/// One metric that a library writes through swift-metrics.
protocol Instrument: AnyObject, Sendable {
    func family() -> MetricFamily
}

/// A count of things that happened.
final class CountInstrument: Instrument, CounterHandler {
    private let name: String
    private let labels: [MetricFamily.Label]
    private let count = Atomic<Int64>(0)

    init(name: String, labels: [MetricFamily.Label]) {
        self.name = name
        self.labels = labels
    }

    func increment(by amount: Int64) { count.wrappingAdd(amount, ordering: .relaxed) }
    func reset() { count.store(0, ordering: .relaxed) }

    func family() -> MetricFamily {
        let sample = MetricFamily.Sample(labels: labels, value: Double(count.load(ordering: .relaxed)))
        return MetricFamily(name: name + "_total", help: "Counted by a library.", kind: .counter, samples: [sample])
    }
}

/// A sum of fractions.
final class SumInstrument: Instrument, FloatingPointCounterHandler {
    private let name: String
    private let labels: [MetricFamily.Label]
    private let sum = Mutex(0.0)

    init(name: String, labels: [MetricFamily.Label]) {
        self.name = name
        self.labels = labels
    }

    func increment(by amount: Double) { sum.withLock { $0 += amount } }
    func reset() { sum.withLock { $0 = 0 } }

    func family() -> MetricFamily {
        let sample = MetricFamily.Sample(labels: labels, value: sum.withLock { $0 })
        return MetricFamily(name: name + "_total", help: "Summed by a library.", kind: .counter, samples: [sample])
    }
}

/// A level that goes up and down.
final class LevelInstrument: Instrument, MeterHandler, RecorderHandler {
    private let name: String
    private let labels: [MetricFamily.Label]
    private let level = Mutex(0.0)

    init(name: String, labels: [MetricFamily.Label]) {
        self.name = name
        self.labels = labels
    }

    func set(_ value: Int64) { level.withLock { $0 = Double(value) } }
    func set(_ value: Double) { level.withLock { $0 = value } }
    func increment(by amount: Double) { level.withLock { $0 += amount } }
    func decrement(by amount: Double) { level.withLock { $0 -= amount } }
    func record(_ value: Int64) { set(value) }
    func record(_ value: Double) { set(value) }

    func family() -> MetricFamily {
        let sample = MetricFamily.Sample(labels: labels, value: level.withLock { $0 })
        return MetricFamily(name: name, help: "Set by a library.", kind: .gauge, samples: [sample])
    }
}

/// How values spread over fixed bounds.
final class SpreadInstrument: Instrument, RecorderHandler, TimerHandler {
    /// Bounds for durations, in seconds, from 0.1 ms up.
    static let seconds = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// Bounds for anything that is counted.
    static let counts = [1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576].map(Double.init)

    private struct State {
        var counts: [Int64]
        var sum = 0.0
    }

    private let name: String
    private let labels: [MetricFamily.Label]
    private let bounds: [Double]
    private let state: Mutex<State>

    init(name: String, labels: [MetricFamily.Label], bounds: [Double]) {
        self.name = name
        self.labels = labels
        self.bounds = bounds
        state = Mutex(State(counts: Array(repeating: 0, count: bounds.count + 1)))
    }

    func recordNanoseconds(_ duration: Int64) { record(Double(duration) / 1e9) }
    func record(_ value: Int64) { record(Double(value)) }

    func record(_ value: Double) {
        let place = bounds.firstIndex { value <= $0 } ?? bounds.count
        state.withLock { state in
            state.counts[place] += 1
            state.sum += value
        }
    }

    func family() -> MetricFamily {
        let (counts, sum) = state.withLock { ($0.counts, $0.sum) }
        var running: Int64 = 0
        let cumulative = counts.map { count in
            running += count
            return running
        }
        let samples = MetricFamily.Sample.histogram(
            bounds: bounds,
            cumulative: Array(cumulative.dropLast()),
            count: running,
            sum: sum,
            labels: labels
        )
        return MetricFamily(name: name, help: "Measured by a library.", kind: .histogram, samples: samples)
    }
}
