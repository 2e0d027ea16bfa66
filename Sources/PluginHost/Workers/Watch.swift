/// Decides when a worker has been silent for too long.
///
/// A value: it knows no clock.
///
/// A batch may take as long as it goes on steadily: the limit is for one event. A batch whose progress cannot be seen is
/// small enough by its sizer, so that the same limit holds for it as a whole.
struct Watch: Equatable {
    /// What it is called when time runs out.
    let cause: FailureCause
    /// How long nothing may change, in nanoseconds.
    let limit: Int64
    /// When the batch must be done however steadily it goes on, in nanoseconds.
    let ceiling: Int64
    /// CPU time that the process may use while nothing changes, in nanoseconds.
    let cpuLimit: Int64
    private var progress: UInt64 = 0
    private var progressedAt: Int64
    private var cpuThen: Int64?

    init(_ cause: FailureCause, now: Int64, limit: Int64, ceiling: Int64, cpuLimit: Int64 = .max) {
        self.cause = cause
        self.limit = limit
        self.ceiling = now + ceiling
        self.cpuLimit = cpuLimit
        progressedAt = now
    }

    /// The same watch for a plugin that has waited for the host until `now`: its own time goes on from there, and the end
    /// of all patience stays.
    func resumed(at now: Int64) -> Watch {
        var watch = self
        watch.progressedAt = now
        watch.cpuThen = nil
        return watch
    }

    /// How long the host may take for something that the plugin asks, in nanoseconds: the plugin is to have time left to
    /// make something of the answer.
    func patience(at now: Int64) -> Int64 { max(0, min(limit, ceiling - now)) / 4 * 3 }

    /// When to look again at the latest, in nanoseconds.
    var next: Int64 { min(progressedAt + limit, ceiling) }

    /// Looks at a worker.
    ///
    /// `progress` is any number that changes while the worker goes on; `cpu` is the CPU time of the process so far, in
    /// nanoseconds, or nil when it is unknown.
    /// - Returns: Why it must be killed, or nil.
    mutating func look(now: Int64, progress seen: UInt64, cpu: Int64?) -> FailureCause? {
        if seen != progress {
            progress = seen
            progressedAt = now
            cpuThen = cpu
        }
        if now >= next { return cause }
        guard let cpu else { return nil }
        guard let before = cpuThen else {
            cpuThen = cpu
            return nil
        }
        return cpu - before > cpuLimit ? .cpuLimit : nil
    }
}
