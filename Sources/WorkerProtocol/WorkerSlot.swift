/// The descriptors that a worker finds open, each at its fixed number; every other one is closed.
///
/// The plugin's own file is not among them: it comes later over the control socket, so that a sealed worker can wait
/// in a pool without knowing whose it will be.
package enum WorkerSlot: Int32, CaseIterable, Sendable {
    /// Reads nothing.
    case standardInput = 0
    /// A pipe to the host's log collector; never protocol.
    case standardOutput = 1
    /// A pipe to the host's log collector; never protocol.
    case standardError = 2
    /// One end of a SEQPACKET pair that carries `ControlMessage`s.
    case control = 3
    /// The memory file that the host writes and the worker can only read.
    case inputArena = 4
    /// The memory file that the worker writes and the host copies from.
    case outputArena = 5
    /// An eventfd: the host adds 1 when the input arena holds work.
    case inputDoorbell = 6
    /// An eventfd: the worker adds 1 when the output arena holds the answer.
    case outputDoorbell = 7

    /// The first descriptor number that must be closed when a worker starts.
    package static let end: Int32 = 8
}
