import CLinux
import Glibc
import WorkerProtocol

/// The life of a worker after it was started: seal, take one plugin, answer batches, end.
///
/// It runs on the process's first thread, which is the plugin's instance thread. Everything it says goes through its
/// control socket and its arenas; standard output and error are left to the plugin.
package enum WorkerRuntime {
    /// The worker's exit status when it ended in order; every other end is the plugin's or the host's doing.
    package static let orderlyStatus: Int32 = 0
    /// The exit status when the worker could not begin or the host broke the protocol; the reason is on standard error.
    package static let brokenStatus: Int32 = 70

    /// Runs until the host is gone, drains the worker, or the plugin cannot be loaded.
    ///
    /// - Parameters:
    ///   - slots: The descriptors to use; the fixed ones except in tests.
    ///   - seal: Gives up what the process may do, before any byte of a plugin is mapped; what it returns goes to the
    ///     host with `sealed`. When it throws, the host gets `failed` with `sandbox_unavailable`.
    /// - Returns: The exit status.
    package static func run<Failure: Error & CustomStringConvertible>(
        slots: WorkerDescriptors = WorkerDescriptors(),
        seal: () throws(Failure) -> UInt64
    ) -> Int32 {
        do throws(ArenaError) {
            var worker = try Worker(slots)
            try worker.send(.hello, values: [ControlMessage.protocolVersion, UInt64(getpid()), 0, 0, 0, 0])
            let report: UInt64
            do throws(Failure) {
                report = try seal()
            } catch {
                try worker.fail(LoadFailure(.sandboxUnavailable, error.description))
                return orderlyStatus
            }
            try worker.send(.sealed, values: [report, 0, 0, 0, 0, 0])
            try worker.serve()
            return orderlyStatus
        } catch {
            let line = "leat-worker: \(error.description)\n"
            _ = unsafe line.withCString { text in unsafe write(slots.standardError, text, strlen(text)) }
            return brokenStatus
        }
    }
}

/// The descriptors that a worker works with.
package struct WorkerDescriptors: Sendable {
    package var control: Int32
    package var inputArena: Int32
    package var outputArena: Int32
    package var inputDoorbell: Int32
    package var outputDoorbell: Int32
    package var standardError: Int32

    /// The fixed slots.
    package init() {
        control = WorkerSlot.control.rawValue
        inputArena = WorkerSlot.inputArena.rawValue
        outputArena = WorkerSlot.outputArena.rawValue
        inputDoorbell = WorkerSlot.inputDoorbell.rawValue
        outputDoorbell = WorkerSlot.outputDoorbell.rawValue
        standardError = WorkerSlot.standardError.rawValue
    }
}
