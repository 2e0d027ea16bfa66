import CLinux
import Glibc
package import Sandbox
import Synchronization
import WorkerProtocol

/// The host's way to start processes: a small program that was started before the host had threads, and keeps the rights
/// that the host gives up afterwards.
///
/// Two of them run; the second only waits. When the first ends, all its workers end with it, the second takes over and
/// starts a third in its own place, so the host itself never starts a process later.
package final class Launcher: Sendable {
    private let seats: Mutex<Seats>
    /// What workers of this launcher will have.
    package let prospect: SandboxReport

    private struct Seats {
        var active: LauncherSeat?
        var spare: LauncherSeat?
        var next: UInt64 = 0
    }

    /// Starts both processes.
    ///
    /// Call it first in `main`, before any thread.
    ///
    /// - Throws: `LauncherError` with a sentence for the operator.
    package static func start(program: String? = nil) throws(LauncherError) -> Launcher {
        let program = if let program { program } else { try Self.programBesideThisOne() }
        let first = try spawn(program, number: 0)
        let second = try spawn(program, number: 1)
        return Launcher(active: first.seat, spare: second.seat, hello: first.hello)
    }

    private init(active: LauncherSeat, spare: LauncherSeat, hello: LauncherMessage) {
        seats = Mutex(Seats(active: active, spare: spare, next: 2))
        var prospect: SandboxReport = [.filter]
        if hello.code == 0 { prospect.insert(.network) }
        if hello.values[0] == 1 { prospect.insert(.identity) }
        self.prospect = prospect
    }

    var active: LauncherSeat? { seats.withLock { $0.active } }
    var spare: LauncherSeat? { seats.withLock { $0.spare } }

    /// Sends to the launcher in charge.
    ///
    /// - Returns: Its number, or nil when none is alive.
    func send(_ message: LauncherMessage, descriptors: [Int32] = []) -> UInt64? {
        guard let seat = active, seat.send(message, descriptors: descriptors) == 0 else { return nil }
        return seat.number
    }

    /// Notes the end of a launcher.
    ///
    /// - Returns: A new spare whose socket is to be watched, when one could be asked for.
    func replace(_ gone: LauncherSeat) -> LauncherSeat? {
        gone.reap()
        return seats.withLock { seats in
            if seats.active?.number == gone.number {
                seats.active = seats.spare
                seats.spare = nil
            } else if seats.spare?.number == gone.number {
                seats.spare = nil
            }
            guard let active = seats.active, seats.spare == nil, let pair = try? Descriptor.pair() else { return nil }
            let asked = withExtendedLifetime(pair.far) {
                active.send(LauncherMessage(.spare), descriptors: [pair.far.number])
            }
            guard asked == 0 else { return nil }
            seats.spare = LauncherSeat(number: seats.next, socket: pair.near, pid: 0)
            seats.next += 1
            return seats.spare
        }
    }

    /// Lets both processes end, and every worker with them.
    func close() {
        let ends = seats.withLock { seats in
            defer { seats = Seats(active: nil, spare: nil, next: seats.next) }
            return [seats.active, seats.spare].compactMap(\.self)
        }
        for seat in ends {
            _ = shutdown(seat.socket.number, Int32(SHUT_RDWR))
            seat.reap()
        }
    }

    private static func spawn(
        _ program: String,
        number: UInt64
    ) throws(LauncherError) -> (seat: LauncherSeat, hello: LauncherMessage) {
        do {
            let pair = try Descriptor.pair()
            let nothing = Descriptor(unsafe open("/dev/null", O_RDWR | O_CLOEXEC))
            let pid = try withExtendedLifetime((nothing, pair.far)) {
                try Spawn(
                    .path(program),
                    arguments: ["leat-worker", "launcher"],
                    descriptors: [nothing.number, nothing.number, STDERR_FILENO, pair.far.number]
                ).start()
            }
            let seat = LauncherSeat(number: number, socket: pair.near, pid: pid)
            guard let hello = try seat.receive(wait: true), hello.kind == .hello else {
                throw LauncherError(reason: "\(program) did not answer as a launcher")
            }
            return (seat, hello)
        } catch let error as LauncherError {
            throw error
        } catch {
            throw LauncherError(reason: "\(program): \(error)")
        }
    }

    private static func programBesideThisOne() throws(LauncherError) -> String {
        var bytes = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        let length = unsafe readlink("/proc/self/exe", &bytes, Int(PATH_MAX))
        guard length > 0 else { throw LauncherError(reason: "/proc is not mounted") }
        let own = String(decoding: bytes.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard let slash = own.lastIndex(of: "/") else { throw LauncherError(reason: "the own path is unknown") }
        return own[...slash] + "leat-worker"
    }
}

/// Why no worker can ever be started here.
package struct LauncherError: Error, CustomStringConvertible {
    package let reason: String
    package var description: String { "the launcher of workers could not be started: \(reason)" }
}
