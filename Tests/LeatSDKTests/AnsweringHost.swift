import CLinux
import EventModel
import Foundation
import Synchronization
import TestSupport
import Testing

@testable import WorkerProtocol

/// The host's side of a plugin's calls, on a thread of its own: it answers each request by its own address.
@safe final class AnsweringHost: Sendable {
    nonisolated(unsafe) let memory: MappedFile
    /// The worker's end of the control socket.
    let far: Int32
    private let near: Int32
    private let asked = Mutex<[HostCall]>([])

    init() throws {
        var ends: [Int32] = [-1, -1]
        #expect(unsafe leat_socket_pair(&ends) == 0)
        (near, far) = (ends[0], ends[1])
        unsafe memory = try MappedFile(bytes: HostCall.arenaBytes)
        let near = near
        nonisolated(unsafe) let memory = unsafe memory
        Thread.detachNewThread { [weak self] in
            while let call = unsafe Self.receive(near, memory) {
                self?.asked.withLock { $0.append(call) }
                unsafe Self.answer(call, near, memory)
            }
            close(near)
        }
    }

    deinit { close(far) }

    /// What was asked, in order.
    var calls: [HostCall] { asked.withLock { $0 } }

    private static func receive(_ socket: Int32, _ memory: MappedFile) -> HostCall? {
        var bytes = [UInt8](repeating: 0, count: ControlMessage.size)
        guard unsafe leat_receive(socket, &bytes, bytes.count, nil, nil, true) == Int32(ControlMessage.size),
            let message = try? ControlMessage(bytes: bytes), message.kind == .call
        else { return nil }
        return try? HostCall(unsafe Array(memory.bytes.prefix(Int(message.values[0]))))
    }

    private static func answer(_ call: HostCall, _ socket: Int32, _ memory: MappedFile) {
        let answer: HostAnswer =
            switch call {
            case .fetch(let requests):
                .responses(
                    requests.map { request in
                        let isMissing = request.url.hasSuffix("/missing")
                        return InputResponse(
                            tag: request.tag,
                            status: isMissing ? 0 : 200,
                            transportError: isMissing ? 8 : 0,
                            headers: [("Content-Type", "text/plain")],
                            body: Array("\(request.method) \(request.url)".utf8)[...],
                            isCut: request.body.count > 3
                        )
                    }
                )
            case .reference(let name): name == "token" ? .text(Array("word-of-\(name)".utf8)) : .refused(.denied)
            }
        guard let arena = try? memory.memory() else { return }
        let written = answer.write(into: arena)
        var values: [6 of UInt64] = .init(repeating: 0)
        values[0] = UInt64(written.length)
        let message = ControlMessage(.answer, sequence: 1, code: written.status, values: values)
        _ = unsafe message.bytes.withUnsafeBytes { bytes in
            unsafe leat_send(socket, bytes.baseAddress, bytes.count, nil, 0)
        }
    }
}
