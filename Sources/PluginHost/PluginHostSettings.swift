package import Sandbox

/// The bounds within which plugins run on this node.
package struct PluginHostSettings: Sendable {
    /// What one worker may take whose plugin wishes for nothing else.
    package var limits = WorkerLimits()
    /// The memory that a plugin may wish for, in bytes; less than the least would not let a worker start.
    package var memoryRange: ClosedRange<UInt64> = 32 * 1024 * 1024...1024 * 1024 * 1024
    /// The weakest seal with which a plugin is still run.
    package var leastProfile = SandboxReport.Profile.filter
    /// Sealed workers that wait for a plugin, so that a crash costs no process start.
    package var spareWorkers = 2
    /// The most events of one batch.
    package var batchEvents = 500
    /// The most bytes of JSON in one batch; a longer event goes alone.
    package var batchBytes = 1024 * 1024
    /// The plugin time that a batch should take at most.
    package var batchTime = Duration.milliseconds(100)
    /// How long a plugin may work on one event when it wishes for nothing else.
    package var eventTime = Duration.seconds(2)
    /// How long a plugin may wish to work on one event.
    package var eventTimeCeiling = Duration.seconds(10)
    /// How long a batch may take, however steadily it goes on.
    package var batchCeiling = Duration.seconds(60)
    /// CPU time that a plugin may take while it works on one event, all threads together.
    package var eventCPU = Duration.seconds(4)
    /// How long loading and creating a plugin may take that wishes for nothing else.
    package var creationTime = Duration.seconds(5)
    /// How long a plugin may wish to take until it is created.
    package var creationTimeCeiling = Duration.seconds(30)
    /// The workers that one batch may cost before its plugin counts as failing.
    package var killBudget = 24
    /// The share of a batch's events that may end workers before the plugin counts as failing.
    package var culpritShare = 0.2
    /// Memory for plugin files, in bytes.
    package var cachedFileBytes = 512 * 1024 * 1024

    package init() {}

    /// What a worker of this plugin may take.
    func limits(for plugin: PluginIdentity) -> WorkerLimits {
        var limits = limits
        if let wish = plugin.memoryBytes {
            limits.memoryBytes = min(max(wish, memoryRange.lowerBound), memoryRange.upperBound)
        }
        return limits
    }

    /// How long this plugin may take to be loaded and created.
    func creationTime(for plugin: PluginIdentity) -> Duration {
        min(plugin.creationTime ?? creationTime, creationTimeCeiling)
    }
}
