import CLinux
import Glibc
import WorkerProtocol

/// One launcher process and the host's end of its socket.
final class LauncherSeat: Sendable {
    /// Tells this launcher from the ones before and after it.
    let number: UInt64
    let socket: Descriptor
    /// The process when it is this one's child, else 0.
    let pid: Int32

    init(number: UInt64, socket: Descriptor, pid: Int32) {
        self.number = number
        self.socket = socket
        self.pid = pid
    }

    /// - Returns: 0, or -errno.
    func send(_ message: LauncherMessage, descriptors: [Int32] = []) -> Int32 {
        let sent = unsafe message.bytes.withUnsafeBytes { bytes in
            unsafe leat_send(socket.number, bytes.baseAddress, bytes.count, descriptors, UInt32(descriptors.count))
        }
        return sent < 0 ? sent : 0
    }

    /// - Returns: A message; nil when there is none now.
    /// - Throws: `Gone` at the end of the connection, or when something came that is no message.
    func receive(wait: Bool) throws(Gone) -> LauncherMessage? {
        var bytes = [UInt8](repeating: 0, count: LauncherMessage.size)
        let length = unsafe leat_receive(socket.number, &bytes, bytes.count, nil, nil, wait)
        if length == -EAGAIN { return nil }
        guard length > 0, let message = LauncherMessage(bytes: bytes.prefix(Int(length))) else { throw Gone() }
        return message
    }

    /// Takes the ended process, so that it does not stay as a zombie.
    ///
    /// Others' children are left alone.
    func reap() {
        guard pid > 0 else { return }
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    struct Gone: Error {}
}
