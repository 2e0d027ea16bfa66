import WorkerProtocol

/// Why a worker did not do what it should: the closed set that is stored with each failure and counted.
package enum FailureCause: String, Sendable, CaseIterable {
    /// The plugin ended its process by itself, whatever the status.
    case exitUnexpected = "exit_unexpected"
    case signalSegv = "signal_segv"
    case signalBus = "signal_bus"
    case signalIll = "signal_ill"
    case signalFpe = "signal_fpe"
    case signalAbrt = "signal_abrt"
    case signalTrap = "signal_trap"
    /// A system call that the seal answers with death.
    case signalSys = "signal_sys"
    case oom
    case cpuLimit = "cpu_limit"
    case wallTimeout = "wall_timeout"
    case loadTimeout = "load_timeout"
    case createTimeout = "create_timeout"
    case createFailed = "create_failed"
    case loadError = "load_error"
    case abiMismatch = "abi_mismatch"
    case identityMismatch = "identity_mismatch"
    case protocolViolation = "protocol_violation"
    case outputLimit = "output_limit"
    case noVerdict = "no_verdict"
    case hostDied = "host_died"
    case launcherDied = "launcher_died"
    case sandboxUnavailable = "sandbox_unavailable"

    init(_ failure: WorkerFailure) {
        switch failure {
        case .loadError: self = .loadError
        case .abiMismatch: self = .abiMismatch
        case .identityMismatch: self = .identityMismatch
        case .createFailed: self = .createFailed
        case .protocolViolation: self = .protocolViolation
        case .sandboxUnavailable: self = .sandboxUnavailable
        }
    }

    /// What it means, for a person who reads a dead letter.
    package var sentence: String {
        switch self {
        case .exitUnexpected: "the plugin ended its own process"
        case .signalSegv: "the plugin touched memory that is not its own"
        case .signalBus: "the plugin touched memory that has no content"
        case .signalIll: "the plugin trapped: a Swift precondition failed, or it met an instruction that is none"
        case .signalFpe: "the plugin divided by zero"
        case .signalAbrt: "the plugin aborted: an assertion, an uncaught exception or a damaged heap"
        case .signalTrap: "the plugin trapped"
        case .signalSys: "the plugin made a system call that no plugin may make"
        case .oom: "the plugin took more memory than it may"
        case .cpuLimit: "the plugin took more CPU time than it may"
        case .wallTimeout: "the plugin did not answer in time"
        case .loadTimeout: "the plugin did not load in time"
        case .createTimeout: "the plugin was not created in time"
        case .createFailed: "the plugin refused to be created"
        case .loadError: "the plugin's file could not be loaded"
        case .abiMismatch: "the plugin does not fit this version of the plugin contract"
        case .identityMismatch: "the plugin's file says another id, version or kind than its manifest"
        case .protocolViolation: "the worker broke the protocol, which only a damaged or hostile plugin does"
        case .outputLimit: "the plugin gave more output than it may"
        case .noVerdict: "the plugin neither emitted, dropped nor failed the event"
        case .hostDied: "the server ended while the plugin ran"
        case .launcherDied: "the launcher of workers ended"
        case .sandboxUnavailable: "a worker could not be started or sealed"
        }
    }
}
