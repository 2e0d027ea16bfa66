import WorkerProtocol

/// What a worker's owner can wait for.
enum WorkerSignal: Sendable {
    /// The plugin is created.
    case ready
    /// The plugin cannot be created; the text lies in the output arena.
    case failed(WorkerFailure, status: Int64)
    /// The answer to the batch lies in the output arena since `at` (monotonic nanoseconds).
    case answered(at: Int64)
    /// The plugin asks for something that lies in so many bytes of the call arena, and waits.
    case called(bytes: Int)
    /// The process is gone.
    case ended(WorkerEnd)
}

/// How a worker process ended.
struct WorkerEnd: Sendable, Equatable {
    /// Why the host killed it, if it did.
    var verdict: FailureCause?
    var status: Int32 = 0
    var signal: Int32 = 0
    var cpuMicroseconds: Int64 = 0
    var peakBytes: Int64 = 0
}
