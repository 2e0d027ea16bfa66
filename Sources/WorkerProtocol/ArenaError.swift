package import EventModel

/// What can be wrong with bytes that lie between host and worker.
package enum ArenaError: ClassifiedError, Equatable {
    /// The other side broke the protocol; the text says how. The host kills the worker and trusts none of its answer.
    case violation(String)
    /// The memory is too small for even the header page, or for what must be written.
    case tooSmall(needed: Int, available: Int)

    package var code: String {
        switch self {
        case .violation: "protocol_violation"
        case .tooSmall: "arena_too_small"
        }
    }

    package var disposition: Disposition {
        switch self {
        case .violation: .retry(after: .zero)
        case .tooSmall: .stop
        }
    }

    package var description: String {
        switch self {
        case .violation(let what): "the worker protocol was broken: \(what)"
        case .tooSmall(let needed, let available): "an arena of \(available) bytes cannot hold \(needed) bytes"
        }
    }
}

/// Why a worker cannot run its plugin.
///
/// The raw value travels in `ControlMessage.code`.
package enum WorkerFailure: Int32, Sendable, CaseIterable {
    /// The loader refused the file, or the entry function does not lie in it.
    case loadError = 1
    /// The entry or a structure of the plugin does not fit this contract.
    case abiMismatch = 2
    /// The binary says another id, version or kind than the manifest.
    case identityMismatch = 3
    /// `create` returned an error; the message's first value is its status.
    case createFailed = 4
    /// The host sent what the worker cannot read.
    case protocolViolation = 5
    /// The worker could not seal itself.
    case sandboxUnavailable = 6

    /// The cause as it is stored and counted.
    package var code: String {
        switch self {
        case .loadError: "load_error"
        case .abiMismatch: "abi_mismatch"
        case .identityMismatch: "identity_mismatch"
        case .createFailed: "create_failed"
        case .protocolViolation: "protocol_violation"
        case .sandboxUnavailable: "sandbox_unavailable"
        }
    }
}
