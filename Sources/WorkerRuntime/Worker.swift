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
    private let control: ControlSocket

    init(_ slots: WorkerDescriptors) throws(ArenaError) {
        self.slots = slots
        control = ControlSocket(slots.control)
        input = try ArenaMapping(slots.inputArena, isWritable: false)
        let output = try ArenaMapping(slots.outputArena, isWritable: true)
        stage = StagePointer(try PluginStage(output: output, control: control))
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
            while waiting[1].revents != 0, let order = try control.receive() {
                if try !obey(order) { return }
            }
            if control.isHostGone { return }
            if waiting[0].revents != 0, takeDoorbell() { try answer() }
        }
    }

    /// - Returns: False when the worker shall end.
    private mutating func obey(_ order: ControlSocket.Order) throws(ArenaError) -> Bool {
        switch order.message.kind {
        case .load: return try load(order.attached)
        case .replaceArena:
            try replaceArena(order)
            return true
        case .callArena:
            guard let file = order.attached, plugin == nil else {
                throw .violation("a worker gets its call arena once, with its file")
            }
            defer { close(file) }
            stage.setCalls(try ArenaMapping(file, isWritable: true))
            return true
        case .drain:
            plugin?.destroy()
            try send(.drained)
            return false
        default: throw .violation("the host sent a message that only a worker sends")
        }
    }

    private mutating func replaceArena(_ order: ControlSocket.Order) throws(ArenaError) {
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

    private func reportReady(_ values: [6 of UInt64]) throws(LoadFailure) {
        do throws(ArenaError) {
            try send(.ready, values: values)
        } catch {
            throw LoadFailure(.protocolViolation, error.description)
        }
    }

    /// Leaves the reason in the output arena and tells the host.
    func fail(_ failure: LoadFailure) throws(ArenaError) {
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

    // MARK: The sockets

    func send(
        _ kind: ControlMessage.Kind,
        code: Int32 = 0,
        values: [6 of UInt64] = .init(repeating: 0)
    ) throws(ArenaError) {
        try control.send(kind, code: code, values: values)
    }

    private func takeDoorbell() -> Bool {
        var rung: UInt64 = 0
        return unsafe read(slots.inputDoorbell, &rung, 8) == 8
    }
}
