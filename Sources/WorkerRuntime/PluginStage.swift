import CLeatPlugin
import EventJSON
import Glibc
import Synchronization
import WorkerProtocol

/// What a plugin can reach through the host's tables and sinks while one of its functions runs.
///
/// - Owner: the instance thread, but for `threads`, which any thread may use.
@safe struct PluginStage {
    var output: OutputArenaWriter
    var mapping: ArenaMapping
    /// Whether sinks take anything.
    var isOpen = false
    /// The batch that is answered; edits are checked against the length of their event.
    var input: InputArenaReader?
    /// One request on its way into the arena.
    var scratch: [UInt8] = []
    var configuration = unsafe leat_slice(ptr: nil, len: 0)
    var configurationTape = JSONTape(limits: PluginStage.configurationLimits)
    /// Where the plugin's calls go; nil in a test that plays the worker.
    let control: ControlSocket?
    /// The call arena; nil where the plugin may not ask.
    var calls: ArenaMapping?
    /// Whether the answer to a call is being given.
    var isCalling = false
    /// Words that stand for secrets, by their names.
    var secretWords: [String: leat_slice] = unsafe [:]
    let instanceThread = pthread_self()
    let threads = SharedWithThreads()

    /// One MiB.
    static let configurationLimits = JSONLimits(bytes: 1 << 20, depth: 64)

    init(output: ArenaMapping, control: ControlSocket? = nil) throws(ArenaError) {
        mapping = output
        self.control = control
        self.output = OutputArenaWriter(try output.memory())
    }

    /// Whether the caller may use a sink now.
    var admitsCaller: Bool { isOpen && isInstanceThread }

    var isInstanceThread: Bool { pthread_equal(pthread_self(), instanceThread) != 0 }
}

/// The part that a plugin's own threads may use.
final class SharedWithThreads: Sendable {
    let wall = Atomic<Int64>(0)
    let deadline = Atomic<Int64>(0)
    /// Records of other threads, until the instance thread writes them.
    let logs = Mutex<[PendingLog]>([])
    let droppedLogs = Atomic<Int>(0)
    let metrics = Mutex(OwnMetrics())

    struct PendingLog: Sendable {
        let level: Int32
        let message: [UInt8]
        let fields: [UInt8]
    }
}

/// The one stage of a process, at a place that never moves, so that C can hold on to it.
@safe struct StagePointer {
    let pointer: UnsafeMutablePointer<PluginStage>

    init(_ stage: PluginStage) {
        unsafe pointer = .allocate(capacity: 1)
        unsafe pointer.initialize(to: stage)
    }

    init(_ context: OpaquePointer) { unsafe pointer = UnsafeMutablePointer(context) }

    /// The stage as C passes it back.
    var context: OpaquePointer { unsafe OpaquePointer(pointer) }

    /// The configuration, valid until the process ends.
    var configuration: leat_slice { unsafe pointer.pointee.configuration }

    /// Keeps the configuration where the plugin can look things up in it.
    func setConfiguration(_ bytes: UnsafeRawBufferPointer) {
        unsafe pointer.pointee.configuration = leat_slice(bytes)
        do throws(JSONError) {
            try unsafe pointer.pointee.configurationTape.parse(bytes)
        } catch {
            // The host has checked it; a plugin that asks for a part of it finds none.
            unsafe pointer.pointee.configurationTape.reset()
        }
    }

    func replaceOutput(_ mapping: ArenaMapping) throws(ArenaError) {
        unsafe pointer.pointee.output = OutputArenaWriter(try mapping.memory())
        unsafe pointer.pointee.mapping.unmap()
        unsafe pointer.pointee.mapping = mapping
    }

    /// Begins the answer to a batch.
    func open(_ input: InputArenaReader) {
        unsafe pointer.pointee.input = input
        open(input.head, count: input.count)
    }

    /// Begins an answer: sinks take from now on.
    func open(_ head: BatchHead, count: Int) {
        unsafe pointer.pointee.threads.wall.store(head.wallNanoseconds, ordering: .relaxed)
        unsafe pointer.pointee.threads.deadline.store(head.deadlineNanoseconds, ordering: .relaxed)
        unsafe pointer.pointee.output.begin(head, count: count)
        unsafe pointer.pointee.isOpen = true
    }

    /// Ends an answer: sinks take nothing more.
    func close(status: Int32, runNanoseconds: UInt64) {
        unsafe pointer.pointee.isOpen = false
        // What was reported while the plugin was created goes with the first batch.
        if unsafe pointer.pointee.input != nil { writeMetrics() }
        unsafe pointer.pointee.input = nil
        writePendingLogs()
        unsafe pointer.pointee.output.finish(status: status, runNanoseconds: runNanoseconds)
    }

    /// Leaves the reason of a failed load for the host.
    func describe(_ failure: LoadFailure) {
        if unsafe !pointer.pointee.isOpen {
            open(BatchHead(kind: .load, batch: 0, deadlineNanoseconds: 0, wallNanoseconds: 0), count: 0)
        }
        unsafe pointer.pointee.output.failure(failure.text)
        close(status: failure.status, runNanoseconds: 0)
    }

    private func writeMetrics() {
        let threads = unsafe pointer.pointee.threads
        threads.metrics.withLock { metrics in
            metrics.hand { metric in unsafe pointer.pointee.output.metric(metric) }
        }
    }

    private func writePendingLogs() {
        let threads = unsafe pointer.pointee.threads
        let waiting = threads.logs.withLock { logs in
            defer { logs.removeAll() }
            return logs
        }
        for log in waiting {
            unsafe log.message.withUnsafeBytes { message in
                unsafe log.fields.withUnsafeBytes { fields in
                    unsafe pointer.pointee.output.log(level: log.level, message, fields: fields)
                }
            }
        }
        unsafe pointer.pointee.output.dropLogs(threads.droppedLogs.exchange(0, ordering: .relaxed))
    }
}
