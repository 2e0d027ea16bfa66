package import CoreMetrics
import Synchronization

/// Everything this process can tell a scrape.
///
/// Owners of counts offer them as a collector, which is asked at each scrape, so that the path of an event pays nothing.
/// Libraries that speak swift-metrics are heard through the same registry.
///
/// - Owner: the program that composes the server makes the one instance.
package final class MetricRegistry: MetricsFactory, Sendable {
    /// Returns the families that one owner has to show now.
    package typealias Collector = @Sendable () -> [MetricFamily]

    private struct Key: Hashable {
        let name: String
        let labels: [MetricFamily.Label]
    }

    private struct State {
        var collectors: [Collector] = []
        var instruments: [Key: any Instrument] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    /// Adds an owner's collector for the life of the process.
    package func register(_ collector: @escaping Collector) {
        state.withLock { $0.collectors.append(collector) }
    }

    /// The text that answers a scrape.
    package func exposition() -> String {
        let (collectors, instruments) = state.withLock { ($0.collectors, Array($0.instruments.values)) }
        return Exposition.text(of: collectors.flatMap { $0() } + instruments.map { $0.family() })
    }

    // MARK: What swift-metrics asks of a back end

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        instrument(label, dimensions) { CountInstrument(name: $0, labels: $1) }
    }

    package func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        instrument(label, dimensions) { SumInstrument(name: $0, labels: $1) }
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        instrument(label, dimensions) { LevelInstrument(name: $0, labels: $1) }
    }

    package func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        if aggregate {
            instrument(label, dimensions) { SpreadInstrument(name: $0, labels: $1, bounds: SpreadInstrument.counts) }
        } else {
            instrument(label, dimensions) { LevelInstrument(name: $0, labels: $1) }
        }
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        instrument(label + "_seconds", dimensions) {
            SpreadInstrument(name: $0, labels: $1, bounds: SpreadInstrument.seconds)
        }
    }

    package func destroyCounter(_ handler: any CounterHandler) { forget(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { forget(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { forget(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { forget(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { forget(handler) }

    private func instrument<Made: Instrument>(
        _ label: String,
        _ dimensions: [(String, String)],
        make: (String, [MetricFamily.Label]) -> Made
    ) -> Made {
        let name = String(label.map { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_") ? $0 : "_" })
        let labels = dimensions.map { MetricFamily.Label($0.0, $0.1) }.sorted { $0.name < $1.name }
        return state.withLock { state in
            let key = Key(name: name, labels: labels)
            if let known = state.instruments[key] as? Made { return known }
            let made = make(name, labels)
            state.instruments[key] = made
            return made
        }
    }

    private func forget(_ handler: AnyObject) {
        state.withLock { state in
            state.instruments = state.instruments.filter { $0.value as AnyObject !== handler }
        }
    }
}
