import CLinux
import Glibc
import WorkerProtocol

/// The worker's end of the control socket.
///
/// - Owner: the instance thread, which waits here for orders, or for the answer to what its plugin asked.
final class ControlSocket {
    private let descriptor: Int32
    private var sequence: UInt32 = 0
    /// Whether nothing more will come.
    private(set) var isHostGone = false

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    /// What the host said, with the file that came with it.
    struct Order {
        let message: ControlMessage
        let attached: Int32?
    }

    /// The next order; nil when none is there, which with `wait` means that the host is gone.
    func receive(wait: Bool = false) throws(ArenaError) -> Order? {
        var bytes = [UInt8](repeating: 0, count: ControlMessage.size)
        var descriptors: [Int32] = [-1, -1]
        var count: UInt32 = 2
        let length = unsafe leat_receive(descriptor, &bytes, bytes.count, &descriptors, &count, wait)
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

    func send(
        _ kind: ControlMessage.Kind,
        code: Int32 = 0,
        values: [6 of UInt64] = .init(repeating: 0)
    ) throws(ArenaError) {
        sequence += 1
        let message = ControlMessage(kind, sequence: sequence, code: code, values: values)
        let sent = unsafe message.bytes.withUnsafeBytes { bytes in
            unsafe leat_send(descriptor, bytes.baseAddress, bytes.count, nil, 0)
        }
        guard sent == Int32(ControlMessage.size) else { throw .violation("the control socket takes no message") }
    }
}
