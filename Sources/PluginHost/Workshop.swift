/// What all sessions of a node share: where workers, plugin files and timings are.
package final class Workshop: Sendable {
    let pump: WorkerPump
    let pool: WorkerPool
    let library: PluginLibrary
    let settings: PluginHostSettings
    package let timings: TimingRecorder

    /// The version that plugins read.
    static let hostVersion = "0.1.0"

    /// Opens the workshop on launchers that run already.
    ///
    /// - Throws: `PluginError.noWorkers` with the reason.
    package init(
        launcher: Launcher,
        library: PluginLibrary,
        timings: TimingRecorder,
        settings: PluginHostSettings = PluginHostSettings()
    ) throws(PluginError) {
        do throws(WorkerStartError) {
            pump = try WorkerPump(launcher: launcher)
        } catch {
            throw .noWorkers(reason: error.reason)
        }
        pool = WorkerPool(pump: pump, count: settings.spareWorkers)
        self.library = library
        self.timings = timings
        self.settings = settings
        pump.start()
        pool.fill(settings.limits)
    }

    /// Ends every worker and the launchers; sessions must be stopped before.
    package func close() async {
        pool.empty()
        await pump.stop()
    }

    /// The worker processes that are not known to have ended.
    package var livingWorkers: Int { pump.workers.count }
}
