import CLinux
import Glibc
import Sandbox
import Synchronization
import WorkerProtocol

/// One worker process as its owner sees it: it loads one plugin, answers one batch at a time, and ends once.
///
/// - Owner: one session at a time asks; the pump answers. Whatever both touch lies behind the lock.
final class Worker: Sendable {
    let number: UInt64
    let limits: WorkerLimits
    let control: Descriptor
    let inputDoorbell: Descriptor
    let outputDoorbell: Descriptor
    private let words: Descriptor
    private let pump: WorkerPump
    let state: Mutex<State>

    struct State {
        /// The launcher whose child the process is.
        var launcher: UInt64?
        var pid: Int32?
        var end: WorkerEnd?
        /// What it said before anybody asked: that it cannot be sealed.
        var refusal: WorkerSignal?
        var waiter: CheckedContinuation<WorkerSignal, Never>?
        var endWaiters: [CheckedContinuation<Void, Never>] = []
        var watch: Watch?
        /// Why the host had the process killed.
        var verdict: FailureCause?
        var isControlClosed = false
        /// Messages so far in each direction.
        var sent: UInt32 = 0
        var received: UInt32 = 0
        var seal: SandboxReport = []
        let askedAt = MonotonicTime.now
        var sealedAt: Int64?
        /// The last that the plugin wrote to its outputs.
        var lastWords: [UInt8] = []
        var input: Arena
        var output: Arena
        /// Where the plugin asks; nil where it may not.
        var calls: Arena?
        /// Whether the worker waits for the answer to a call.
        var isCalling = false
    }

    /// Makes everything that the process will find open.
    ///
    /// - Returns: The worker, and its ends in the order of the launcher's `start`; they may be closed once sent.
    static func prepare(
        number: UInt64,
        limits: WorkerLimits,
        pump: WorkerPump
    ) throws(WorkerStartError) -> (worker: Worker, ends: [Descriptor]) {
        let control = try Descriptor.pair()
        let words = try Descriptor.pipe()
        let input = try Arena(.input, size: ArenaLayout.firstBytes)
        let output = try Arena(.output, size: ArenaLayout.firstBytes)
        let doorbells = (input: try Descriptor.eventCounter(), output: try Descriptor.eventCounter())
        let worker = Worker(
            number: number,
            limits: limits,
            control: control.near,
            doorbells: doorbells,
            words: words.near,
            pump: pump,
            state: State(input: input, output: output)
        )
        return (worker, [words.far, control.far, input.file, output.file, doorbells.input, doorbells.output])
    }

    private init(
        number: UInt64,
        limits: WorkerLimits,
        control: Descriptor,
        doorbells: (input: Descriptor, output: Descriptor),
        words: Descriptor,
        pump: WorkerPump,
        state: consuming State
    ) {
        self.number = number
        self.limits = limits
        self.control = control
        inputDoorbell = doorbells.input
        outputDoorbell = doorbells.output
        self.words = words
        self.pump = pump
        self.state = Mutex(state)
    }

    // MARK: What the owner asks

    /// The memory in use; only the owner touches the input.
    var arenas: (input: Arena, output: Arena) { state.withLock { ($0.input, $0.output) } }

    var process: Int32? { state.withLock { $0.pid } }

    /// How the process ended, if it did.
    var end: WorkerEnd? { state.withLock { $0.end } }

    /// How long the process took to start and seal itself before `moment`, in nanoseconds.
    func startNanoseconds(before moment: Int64) -> Int64 {
        state.withLock { max(0, min($0.sealedAt ?? moment, moment) - $0.askedAt) }
    }

    var seal: SandboxReport { state.withLock { $0.seal } }

    /// Whether so much of the CPU time of its life is used that it should be replaced before the kernel ends it.
    var isWornOut: Bool {
        guard let pid = state.withLock({ $0.pid }) else { return false }
        var used: Int64 = 0
        guard unsafe leat_process_cpu(pid, &used) == 0 else { return false }
        return used > Int64(clamping: limits.cpuSeconds) * 1_000_000_000 / 3 * 2
    }

    /// Sends the plugin's file; the load request lies in the input arena.
    ///
    /// - Returns: `.ready`, `.failed` or `.ended`.
    func load(file: Int32, watch: Watch) async -> WorkerSignal {
        await ask(watch) { worker in worker.state.withLock { worker.send(.load, descriptors: [file], &$0) } }
    }

    /// Lets the worker answer the batch in the input arena.
    ///
    /// - Returns: `.answered` or `.ended`.
    func answer(watch: Watch) async -> WorkerSignal {
        await ask(watch) { worker in worker.inputDoorbell.ring() }
    }

    /// Lets the plugin that is loaded next ask for things.
    func permitCalls() throws(WorkerStartError) {
        let arena = try Arena(.calls, size: HostCall.arenaBytes)
        state.withLock { state in
            state.calls = arena
            var values: [6 of UInt64] = .init(repeating: 0)
            values[0] = UInt64(arena.size)
            send(.callArena, values: values, descriptors: [arena.file.number], &state)
        }
    }

    /// What the plugin asked for in the first `bytes` of the call arena.
    ///
    /// - Throws: `ArenaError.violation`.
    func call(bytes: Int) throws(ArenaError) -> HostCall {
        guard let arena = state.withLock({ $0.calls }) else { throw .violation("a plugin asks that may not") }
        return try HostCall(unsafe SharedBytes.copy(arena.shared, count: bytes))
    }

    /// Answers the plugin, which goes on.
    ///
    /// - Returns: As `answer` and `load`, or `.called` when it asks for something else.
    func reply(_ answer: HostAnswer, watch: Watch) async -> WorkerSignal {
        let arena = state.withLock { $0.calls }
        var values: [6 of UInt64] = .init(repeating: 0)
        var status = CallRefusal.internalError.rawValue
        if let arena, let memory = try? unsafe ArenaMemory(arena.memory) {
            let written = answer.write(into: memory)
            (status, values[0]) = (written.status, UInt64(written.length))
        }
        return await ask(watch) { worker in
            worker.state.withLock { state in
                state.isCalling = false
                worker.send(.answer, code: status, values: values, &state)
            }
        }
    }

    private func ask(_ watch: Watch, _ start: (Worker) -> Void) async -> WorkerSignal {
        await withCheckedContinuation { continuation in
            let known: WorkerSignal? = state.withLock { state in
                if let known = state.refusal ?? state.end.map(WorkerSignal.ended) { return known }
                state.waiter = continuation
                state.watch = watch
                return nil
            }
            if let known { return continuation.resume(returning: known) }
            // Not under the lock: who is woken may take this thread's core and answer before the lock is free.
            start(self)
            pump.noteWatch()
        }
    }

    /// Gives the worker larger arenas, when `input` or `output` bytes do not fit the ones it has.
    ///
    /// - Returns: False when no arena can be that large.
    func grow(input: Int, output: Int) throws(WorkerStartError) -> Bool {
        let now = arenas
        guard let inputSize = Arena.size(for: input), let outputSize = Arena.size(for: output) else { return false }
        if inputSize > now.input.size {
            let arena = try Arena(.input, size: inputSize)
            state.withLock { state in
                state.input = arena
                replace(.inputArena, arena, &state)
            }
        }
        if outputSize > now.output.size {
            let arena = try Arena(.output, size: outputSize)
            state.withLock { state in
                state.output = arena
                replace(.outputArena, arena, &state)
            }
        }
        return true
    }

    private func replace(_ slot: WorkerSlot, _ arena: Arena, _ state: inout State) {
        var values: [6 of UInt64] = .init(repeating: 0)
        values[0] = UInt64(arena.size)
        send(.replaceArena, code: slot.rawValue, values: values, descriptors: [arena.file.number], &state)
    }

    /// Lets the plugin destroy its instance, for at most a second; a worker in the middle of something is killed at once.
    func drain() {
        let now = MonotonicTime.now
        let isBusy = state.withLock { state in
            guard state.end == nil else { return false }
            guard state.watch == nil, !state.isCalling else { return true }
            state.watch = Watch(.hostDied, now: now, limit: Self.drainTime, ceiling: Self.drainTime)
            send(.drain, &state)
            return false
        }
        if isBusy { kill(.hostDied) } else { pump.noteWatch() }
    }

    /// How long a plugin may take to destroy its instance, in nanoseconds.
    private static let drainTime: Int64 = 1_000_000_000

    /// Has the process killed; how it ended is reported as always, with this cause.
    func kill(_ cause: FailureCause) {
        let isAlive = state.withLock { state in
            if state.verdict == nil { state.verdict = cause }
            return state.end == nil
        }
        if isAlive { requestKill() }
    }

    /// Asks the launcher for the end of the process without saying why.
    func requestKill() { pump.kill(number) }

    /// Waits until the process is gone.
    func ended() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if state.end == nil { state.endWaiters.append(continuation) }
                return state.end != nil
            }
            if isOver { continuation.resume() }
        }
    }

    private func send(
        _ kind: ControlMessage.Kind,
        code: Int32 = 0,
        values: [6 of UInt64] = .init(repeating: 0),
        descriptors: [Int32] = [],
        _ state: inout State
    ) {
        state.sent &+= 1
        let message = ControlMessage(kind, sequence: state.sent, code: code, values: values)
        // A worker that is gone is seen by the pump.
        _ = unsafe message.bytes.withUnsafeBytes { bytes in
            unsafe leat_send(
                control.number,
                bytes.baseAddress,
                bytes.count,
                descriptors,
                UInt32(descriptors.count)
            )
        }
    }

    // MARK: Words of the plugin

    /// How much of what a plugin writes is kept, in bytes.
    private static let lastWordsBytes = 2_048

    /// Empties the pipe of both outputs once, so that an honest talkative plugin is not blocked for long.
    func hear() {
        var bytes = [UInt8](repeating: 0, count: 64 * 1024)
        let count = unsafe read(words.number, &bytes, bytes.count)
        guard count > 0 else { return }
        state.withLock { state in
            state.lastWords += bytes[max(0, count - Self.lastWordsBytes)..<count]
            state.lastWords = state.lastWords.suffix(Self.lastWordsBytes)
        }
    }

    /// The last line that the plugin wrote, which after a trap says what went wrong.
    var lastLine: String {
        hear()
        let words = state.withLock { $0.lastWords }
        let line = words.split(whereSeparator: { $0 == 0x0A || $0 == 0x0D }).last ?? []
        return String(decoding: line.prefix(512), as: UTF8.self)
    }
}
