import CLinux
import Glibc
import WorkerProtocol

/// One worker process: its descriptors, its mapped arenas and, once it is loaded, its plugin.
///
/// - Owner: `WorkerRuntime.run`; there is one in a process.
struct Worker {
    private let slots: WorkerDescriptors
    private var input: ArenaMapping
    private let stage: StagePointer
    private var plugin: LoadedPlugin?
    private var events = EventTable()
    private var sequence: UInt32 = 0

    init(_ slots: WorkerDescriptors) throws(ArenaError) {
        self.slots = slots
        input = try ArenaMapping(slots.inputArena, isWritable: false)
        stage = StagePointer(try PluginStage(output: ArenaMapping(slots.outputArena, isWritable: true)))
    }

    // MARK: The loop

    /// Waits for the host's orders and batches until there will be no more.
    ///
    /// - Throws: `ArenaError` when the host sends what cannot be read.
    mutating func serve() throws(ArenaError) {
        // In this order: poll looks at one after the other, so an order that was sent before a batch is seen with it.
        var waiting = [
            pollfd(fd: slots.inputDoorbell, events: Int16(POLLIN), revents: 0),
            pollfd(fd: slots.control, events: Int16(POLLIN), revents: 0),
        ]
        while true {
            guard unsafe poll(&waiting, 2, -1) >= 0 else { continue }
            while waiting[1].revents != 0, let order = try receive() {
                if try !obey(order) { return }
            }
            if isHostGone { return }
            if waiting[0].revents != 0, takeDoorbell() { try answer() }
        }
    }

    /// - Returns: False when the worker shall end.
    private mutating func obey(_ order: Order) throws(ArenaError) -> Bool {
        switch order.message.kind {
        case .load: return try load(order.attached)
        case .replaceArena:
            try replaceArena(order)
            return true
        case .drain:
            plugin?.destroy()
            try send(.drained)
            return false
        default: throw .violation("the host sent a message that only a worker sends")
        }
    }

    private mutating func replaceArena(_ order: Order) throws(ArenaError) {
        guard let file = order.attached else { throw .violation("an arena was replaced without its file") }
        defer { close(file) }
        switch WorkerSlot(rawValue: order.message.code) {
        case .inputArena:
            input.unmap()
            input = try ArenaMapping(file, isWritable: false)
        case .outputArena: try stage.replaceOutput(ArenaMapping(file, isWritable: true))
        default: throw .violation("the host replaced something that is no arena")
        }
    }

    // MARK: The plugin

    /// - Returns: False when the plugin cannot run, and the worker with it.
    private mutating func load(_ file: Int32?) throws(ArenaError) -> Bool {
        guard let file, plugin == nil else { throw .violation("a worker takes one plugin, with its file") }
        let arena = try InputArenaReader(input.memory())
        let request = try arena.loadRequest()
        stage.open(arena.head, count: 0)
        do throws(LoadFailure) {
            let plugin = try LoadedPlugin(file, request, stage, deadline: arena.head.deadlineNanoseconds)
            close(file)
            self.plugin = plugin
            stage.close(status: 0, runNanoseconds: plugin.times.create)
            let times = plugin.times
            try reportReady([times.open, times.entry, times.create, plugin.interfaces, 0, 0])
            return true
        } catch {
            try fail(error)
            return false
        }
    }

    private mutating func reportReady(_ values: [6 of UInt64]) throws(LoadFailure) {
        do throws(ArenaError) {
            try send(.ready, values: values)
        } catch {
            throw LoadFailure(.protocolViolation, error.description)
        }
    }

    /// Leaves the reason in the output arena and tells the host.
    mutating func fail(_ failure: LoadFailure) throws(ArenaError) {
        stage.describe(failure)
        let status = UInt64(bitPattern: Int64(failure.status))
        try send(.failed, code: failure.cause.rawValue, values: [status, 0, 0, 0, 0, 0])
    }

    /// Runs the batch in the input arena and rings.
    private mutating func answer() throws(ArenaError) {
        guard let plugin else { throw .violation("a batch came before its plugin") }
        let arena = try InputArenaReader(input.memory())
        let begin = Clock.monotonic()
        let status = try plugin.answer(arena, stage, &events)
        stage.close(status: status, runNanoseconds: UInt64(clamping: Clock.monotonic() - begin))
        var one: UInt64 = 1
        guard unsafe write(slots.outputDoorbell, &one, 8) == 8 else {
            throw .violation("the output doorbell cannot be rung")
        }
    }

    // MARK: The control socket

    private struct Order {
        let message: ControlMessage
        let attached: Int32?
    }

    private var isHostGone = false

    /// The next order, or nil when none waits or the host is gone.
    private mutating func receive() throws(ArenaError) -> Order? {
        var bytes = [UInt8](repeating: 0, count: ControlMessage.size)
        var descriptors: [Int32] = [-1, -1]
        var count: UInt32 = 2
        let length = unsafe leat_receive(slots.control, &bytes, bytes.count, &descriptors, &count, false)
        if length == -EAGAIN { return nil }
        if length == 0 || length == -ECONNRESET {
            isHostGone = true
            return nil
        }
        guard length == Int32(ControlMessage.size), count <= 1 else {
            throw .violation("a control message has the wrong length or too many files")
        }
        return Order(message: try ControlMessage(bytes: bytes), attached: count == 1 ? descriptors[0] : nil)
    }

    mutating func send(
        _ kind: ControlMessage.Kind,
        code: Int32 = 0,
        values: [6 of UInt64] = .init(repeating: 0)
    ) throws(ArenaError) {
        sequence += 1
        let message = ControlMessage(kind, sequence: sequence, code: code, values: values)
        let sent = unsafe message.bytes.withUnsafeBytes { bytes in
            unsafe leat_send(slots.control, bytes.baseAddress, bytes.count, nil, 0)
        }
        guard sent == Int32(ControlMessage.size) else { throw .violation("the control socket takes no message") }
    }

    private func takeDoorbell() -> Bool {
        var rung: UInt64 = 0
        return unsafe read(slots.inputDoorbell, &rung, 8) == 8
    }
}
