import Glibc
import Sandbox

extension FailureCause {
    /// The one cause that explains how a worker ended.
    ///
    /// The host's own verdict comes first, since it sent the signal; then the limits, since running into one shows as
    /// many different signals; then the signal.
    init(_ end: WorkerEnd, limits: WorkerLimits) {
        if let verdict = end.verdict {
            self = verdict
            return
        }
        let hasFilledMemory = end.peakBytes >= Int64(clamping: limits.memoryBytes / 10 * 9)
        let hasUsedCPU = end.cpuMicroseconds >= Int64(clamping: limits.cpuSeconds) * 1_000_000
        switch end.signal {
        case 0: self = .exitUnexpected
        case SIGXCPU: self = .cpuLimit
        case SIGKILL: self = hasUsedCPU ? .cpuLimit : .oom
        case SIGSYS: self = .signalSys
        case _ where hasFilledMemory: self = .oom
        case SIGSEGV: self = .signalSegv
        case SIGBUS: self = .signalBus
        case SIGILL: self = .signalIll
        case SIGFPE: self = .signalFpe
        case SIGABRT: self = .signalAbrt
        case SIGTRAP: self = .signalTrap
        default: self = .exitUnexpected
        }
    }
}
