import CLinux
import Foundation
import Synchronization
import TestSupport
import Testing
import WorkerProtocol
import WorkerRuntime

/// A worker's runtime on a thread of the test, and the host's side of its sockets, doorbells and arenas.
///
/// What would end a process is tested with real workers elsewhere; here the runtime itself is looked at.
@safe final class WorkerInThread {
    let input: MappedFile
    let output: MappedFile
    private let control: Int32
    private let slots: WorkerDescriptors
    private let ended: Ended
    private var sequence: UInt32 = 0
    private var batch: UInt64 = 0

    /// The exit status, once the runtime has returned.
    private final class Ended: Sendable {
        let status = Mutex<Int32?>(nil)
        let semaphore = DispatchSemaphore(value: 0)
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    init(arenaBytes: Int = ArenaLayout.firstBytes) throws {
        input = try MappedFile(bytes: arenaBytes)
        output = try MappedFile(bytes: arenaBytes)
        var sockets: [Int32] = [-1, -1]
        guard unsafe leat_socket_pair(&sockets) == 0 else { throw Failure(description: "no sockets") }
        control = sockets[0]
        var slots = WorkerDescriptors()
        slots.control = sockets[1]
        slots.inputArena = input.file
        slots.outputArena = output.file
        slots.inputDoorbell = leat_event_counter()
        slots.outputDoorbell = leat_event_counter()
        self.slots = slots
        let ended = Ended()
        self.ended = ended
        let thread = Thread { [slots] in
            let status = WorkerRuntime.run(slots: slots, seal: { () throws(NoSeal) in 7 })
            ended.status.withLock { $0 = status }
            // The kernel would do this for a process.
            close(slots.control)
            ended.semaphore.signal()
        }
        thread.stackSize = 4 << 20
        thread.start()
    }

    private struct NoSeal: Error, CustomStringConvertible {
        var description: String { "" }
    }

    deinit {
        close(control)
        _ = ended.semaphore.wait(timeout: .now() + 10)
        close(slots.inputDoorbell)
        close(slots.outputDoorbell)
    }

    // MARK: Control

    /// The next message, within ten seconds.
    func receive() throws -> ControlMessage {
        try wait(for: control)
        var bytes = [UInt8](repeating: 0, count: 128)
        let length = unsafe leat_receive(control, &bytes, bytes.count, nil, nil, true)
        guard length > 0 else { throw Failure(description: "the worker is gone") }
        return try ControlMessage(bytes: Array(bytes.prefix(Int(length))))
    }

    func send(_ kind: ControlMessage.Kind, code: Int32 = 0, file: Int32? = nil) {
        sequence += 1
        let message = ControlMessage(kind, sequence: sequence, code: code)
        let files = file.map { [$0] } ?? []
        _ = unsafe leat_send(control, message.bytes, ControlMessage.size, files, UInt32(files.count))
    }

    func hangUp() { shutdown(control, Int32(SHUT_RDWR)) }

    /// The runtime's exit status, within ten seconds.
    func status() throws -> Int32 {
        guard ended.semaphore.wait(timeout: .now() + 10) == .success else {
            throw Failure(description: "the worker did not end")
        }
        ended.semaphore.signal()
        return ended.status.withLock { $0 } ?? -1
    }

    // MARK: Plugin

    /// Says hello, takes the seal and loads a library.
    func load(_ library: URL, kind: UInt64 = PluginFixture.transformKind, configuration: String = "{}") throws
        -> ControlMessage
    {
        let request = LoadRequest(
            pluginID: PluginFixture.id,
            pluginVersion: PluginFixture.version,
            instanceID: "test",
            configuration: Array(configuration.utf8)[...],
            hostVersion: "0.0.0",
            kinds: kind,
            kind: UInt32(kind)
        )
        return try load(library, request)
    }

    func load(_ library: URL, _ request: LoadRequest) throws -> ControlMessage {
        #expect(try receive().kind == .hello)
        let sealed = try receive()
        #expect(sealed.kind == .sealed && sealed.values[0] == 7)
        var writer = InputArenaWriter(try input.memory(), head(.load))
        let isTaken = writer.append(request)
        #expect(isTaken)
        writer.finish()
        let file = try copy(of: library)
        defer { close(file) }
        send(.load, file: file)
        return try receive()
    }

    /// The library in a memory file of its own, as a worker gets it; the loader would take one file for one library.
    private func copy(of library: URL) throws -> Int32 {
        let bytes = try Data(contentsOf: library)
        let file = unsafe leat_memory_file("plugin", UInt64(bytes.count))
        let written = unsafe bytes.withUnsafeBytes { bytes in unsafe write(file, bytes.baseAddress, bytes.count) }
        guard written == bytes.count else { throw Failure(description: "no memory file for the plugin") }
        return file
    }

    func loadReport() throws -> LoadReport { try unsafe OutputArenaReader.failure(output.bytes) }

    // MARK: Batches

    func head(_ kind: ArenaKind) -> BatchHead {
        batch += 1
        return BatchHead(kind: kind, batch: batch, deadlineNanoseconds: .max, wallNanoseconds: 1_000)
    }

    /// Runs one batch and reads its answer.
    func answer(_ inputs: BatchInputs, _ kind: ArenaKind) throws -> BatchAnswer {
        let head = head(kind)
        var writer = InputArenaWriter(try input.memory(), head)
        guard writer.append(inputs) else { throw Failure(description: "the arena is full") }
        writer.finish()
        try ring()
        return try unsafe OutputArenaReader.answer(output.bytes, head, inputs)
    }

    func answer(_ events: [PluginEvent], _ kind: ArenaKind = .transform) throws -> BatchAnswer {
        try answer(.events(events), kind)
    }

    func answer(_ events: [String]) throws -> BatchAnswer {
        try answer(events.map { PluginEvent(json: Array($0.utf8)[...]) })
    }

    func classify(_ responses: [InputResponse]) throws -> BatchAnswer { try answer(.responses(responses), .classify) }

    func ring() throws {
        var one: UInt64 = 1
        _ = unsafe write(slots.inputDoorbell, &one, 8)
        try wait(for: slots.outputDoorbell)
        _ = unsafe read(slots.outputDoorbell, &one, 8)
    }

    private func wait(for descriptor: Int32) throws {
        var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard unsafe poll(&waiting, 1, 10_000) == 1 else { throw Failure(description: "the worker says nothing") }
    }
}
