package import EventModel

/// Why a plugin as a whole cannot run now; a fault of a single event is a verdict and never this.
package enum PluginError: ClassifiedError, Equatable {
    /// The plugin could not be created, or fails too much to go on: wait this long.
    case failing(cause: FailureCause, message: String, retryAfter: Duration)
    /// The file, the manifest and the host do not fit together: no retry can help, a new version can.
    case unusable(cause: FailureCause, message: String)
    /// The plugin's file is not in the store or is not what its digest says.
    case missing(PluginDigest, reason: String)
    /// No worker can be started on this machine now.
    case noWorkers(reason: String)
    /// The session was shut down.
    case stopped

    package var code: String {
        switch self {
        case .failing(let cause, _, _), .unusable(let cause, _): cause.rawValue
        case .missing: "plugin_missing"
        case .noWorkers: FailureCause.sandboxUnavailable.rawValue
        case .stopped: "stopped"
        }
    }

    package var disposition: Disposition {
        switch self {
        case .failing(_, _, let delay): .retry(after: delay)
        case .unusable: .quarantine
        case .missing: .retry(after: .seconds(5))
        case .noWorkers: .retry(after: .seconds(1))
        case .stopped: .stop
        }
    }

    package var description: String {
        switch self {
        case .failing(let cause, let message, let delay):
            "\(cause.sentence); trying again in \(delay)\(Self.detail(message))"
        case .unusable(let cause, let message):
            "\(cause.sentence); upload a version that fits\(Self.detail(message))"
        case .missing(let digest, let reason): "the plugin file \(digest) cannot be used: \(reason)"
        case .noWorkers(let reason): "no worker can be started: \(reason)"
        case .stopped: "the plugin's session was shut down"
        }
    }

    private static func detail(_ message: String) -> String { message.isEmpty ? "" : ": \(message)" }
}
