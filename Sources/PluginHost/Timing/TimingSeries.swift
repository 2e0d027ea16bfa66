import Synchronization

/// The measures of one plugin version on this node.
final class TimingSeries: Sendable {
    let pluginID: String
    let version: String
    private let state = Mutex(State())

    private struct State {
        /// Since the last flush.
        var recent: [TimingMeasure: TimingDistribution] = [:]
        /// Since the node started.
        var total: [TimingMeasure: TimingDistribution] = [:]

        mutating func record(_ measure: TimingMeasure, _ value: Int64, _ failure: FailureCause?) {
            recent[measure, default: TimingDistribution()].record(value, failure: failure)
            total[measure, default: TimingDistribution()].record(value, failure: failure)
        }
    }

    init(pluginID: String, version: String) {
        self.pluginID = pluginID
        self.version = version
    }

    /// Takes one creation, which may have failed.
    func created(nanoseconds: Int64, failure: FailureCause?) {
        state.withLock { state in
            state.record(.creation, nanoseconds / 1_000, failure)
        }
    }

    /// Takes one batch; `outputBytes` is nil when there was no answer.
    func executed(nanoseconds: Int64, inputBytes: Int, events: Int, outputBytes: Int?, failure: FailureCause?) {
        state.withLock { state in
            state.record(.execution, nanoseconds / 1_000, failure)
            state.record(.inputBytes, Int64(inputBytes), failure)
            state.record(.inputEvents, Int64(events), failure)
            if let outputBytes { state.record(.outputBytes, Int64(outputBytes), failure) }
        }
    }

    var recent: [TimingMeasure: TimingDistribution] { state.withLock { $0.recent } }

    var total: [TimingMeasure: TimingDistribution] { state.withLock { $0.total } }

    /// Takes what was measured since the last time.
    func drain() -> [TimingMeasure: TimingDistribution] {
        state.withLock { state in
            defer { state.recent = [:] }
            return state.recent
        }
    }
}
