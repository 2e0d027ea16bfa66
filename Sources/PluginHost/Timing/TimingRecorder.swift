import Synchronization

/// Collects how long plugins take and how much they are given, as the host measures it.
package final class TimingRecorder: Sendable {
    package enum Stage: String, Sendable, CaseIterable {
        case creation
        case execution
    }

    package init() {}

    func record(
        _ plugin: PluginIdentity,
        _ stage: Stage,
        took nanoseconds: Int64,
        failure: FailureCause?,
        inputBytes: Int = 0,
        events: Int = 0,
        outputBytes: Int? = nil
    ) {}
}
