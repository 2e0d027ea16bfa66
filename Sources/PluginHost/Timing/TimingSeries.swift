import Synchronization

/// The measures of one plugin version on this node.
final class TimingSeries: Sendable {
    let pluginID: String
    let version: String
    /// What its instances reported of metrics of their own.
    let reported = ReportedMetrics()
    private let state = Mutex(State())

    private struct State {
        /// Since the last flush.
        var recent: [TimingMeasure: TimingDistribution] = [:]
        /// Since the node started.
        var total: [TimingMeasure: TimingDistribution] = [:]
        /// Of the batches in which the plugin asked the host for something, how long it waited.
        var waits: TimingDistribution?
        var logs = LogAllowance()
        var droppedLogs = 0

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

    /// Takes how long a plugin waited for the host while it worked on a batch; 0 when it asked for nothing.
    func waited(nanoseconds: Int64) {
        guard nanoseconds > 0 else { return }
        state.withLock { state in
            if state.waits == nil { state.waits = TimingDistribution() }
            state.waits?.record(nanoseconds / 1_000)
        }
    }

    /// The waits of its batches; nil while it has asked for nothing.
    ///
    /// - Unit: microseconds.
    var waits: TimingDistribution? { state.withLock { $0.waits } }

    /// Takes `count` log records and the number of those that the worker left out.
    ///
    /// - Returns: How many of them may be passed on.
    func admitLogs(_ count: Int, leftOut: Int, now: Int64) -> Int {
        guard count + leftOut > 0 else { return 0 }
        return state.withLock { state in
            let admitted = state.logs.take(count, now: now)
            state.droppedLogs += count - admitted + leftOut
            return admitted
        }
    }

    /// Log records that were not passed on.
    var droppedLogs: Int { state.withLock { $0.droppedLogs } }

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
