import CLinux
import EventModel
import Glibc

/// An open descriptor that is closed when nobody holds it any more.
///
/// Nobody holds it after its last use by name: whoever passes `number` on must keep the object until the number was used,
/// as a property or by `withExtendedLifetime`.
final class Descriptor: Sendable {
    let number: Int32

    init(_ number: Int32) { self.number = number }

    deinit { close(number) }

    /// Two connected SEQPACKET sockets.
    static func pair() throws(WorkerStartError) -> Pair {
        var ends: [Int32] = [-1, -1]
        let result = unsafe leat_socket_pair(&ends)
        guard result >= 0 else { throw WorkerStartError(what: "a socket", errno: -result) }
        return Pair(near: Descriptor(ends[0]), far: Descriptor(ends[1]))
    }

    /// A pipe that blocks its writer and not its reader.
    static func pipe() throws(WorkerStartError) -> Pair {
        var ends: [Int32] = [-1, -1]
        let result = unsafe leat_pipe(&ends)
        guard result >= 0 else { throw WorkerStartError(what: "a pipe", errno: -result) }
        return Pair(near: Descriptor(ends[0]), far: Descriptor(ends[1]))
    }

    static func eventCounter() throws(WorkerStartError) -> Descriptor {
        let counter = leat_event_counter()
        guard counter >= 0 else { throw WorkerStartError(what: "a doorbell", errno: -counter) }
        return Descriptor(counter)
    }

    /// Adds 1 to an event counter.
    func ring() { _ = eventfd_write(number, 1) }

    /// Sets an event counter to 0.
    func clear() {
        var count: eventfd_t = 0
        _ = unsafe eventfd_read(number, &count)
    }
}

/// The host's end and the other one.
struct Pair {
    let near: Descriptor
    let far: Descriptor
}

/// What the system refused when a worker was to be started.
struct WorkerStartError: Error {
    let what: String
    let errno: Int32

    var reason: String { "\(what): \(unsafe String(cString: strerror(errno)))" }
}
