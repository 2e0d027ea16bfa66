import CLinux
import Glibc
import Sandbox
import WorkerProtocol

/// Serves the socket that the host gave, until the host is gone.
func runLauncher() -> Int32 {
    guard var launcher = Launcher() else { return LeatWorker.refuse("the launcher could not open what it needs") }
    launcher.serve()
    return 0
}

/// Starts workers on request, kills them on request and reports how they ended.
///
/// It has one thread and keeps no more than the processes it started, so there is little that could go wrong in the one
/// program that may hold rights which the host has given up. When the host's end of the socket closes, it kills every
/// worker and ends; when it is killed itself, the kernel kills its workers.
private struct Launcher {
    /// This very program.
    private let program: Int32
    private let childSignals: Int32
    /// The errno for which there is no network namespace, or 0.
    private let networkError: Int32
    private var identities: IdentityPool?
    private var workers: [Int32: Worker] = [:]

    private struct Worker {
        let number: UInt64
        let identity: UInt32?
    }

    init?() {
        program = unsafe open("/proc/self/exe", O_RDONLY | O_CLOEXEC)
        guard program >= 0 else { return nil }
        childSignals = leat_child_signals()
        guard childSignals >= 0 else { return nil }
        let isRoot = geteuid() == 0
        networkError = -leat_leave_network(!isRoot)
        // In its own user namespace it may narrow what workers inherit; as root each worker does that for itself.
        if !isRoot, networkError == 0 { _ = leat_narrow_capabilities() }
        identities = isRoot ? IdentityPool() : nil
        _ = leat_not_dumpable()
        _ = unsafe leat_name_process("leat-launcher")
    }

    mutating func serve() {
        let isOwn: UInt64 = identities == nil ? 0 : 1
        report(LauncherMessage(.hello, code: networkError, isOwn, UInt64(getpid())))
        while true {
            var waiting = [
                pollfd(fd: LauncherSlot.host, events: Int16(POLLIN), revents: 0),
                pollfd(fd: childSignals, events: Int16(POLLIN), revents: 0),
            ]
            guard unsafe poll(&waiting, 2, -1) >= 0 else { continue }
            if waiting[1].revents != 0 { reapAll() }
            if waiting[0].revents != 0, !answer() { break }
        }
        endAll()
    }

    /// Kills what still runs and takes it, so that nothing is left when the host sees the launcher's end.
    private mutating func endAll() {
        for pid in workers.keys { kill(pid, SIGKILL) }
        var rounds = 20
        while !workers.isEmpty, rounds > 0 {
            rounds -= 1
            var waiting = [pollfd(fd: childSignals, events: Int16(POLLIN), revents: 0)]
            _ = unsafe poll(&waiting, 1, 100)
            reapAll()
        }
    }

    /// Takes one request.
    ///
    /// - Returns: False when the host is gone or sends what cannot be read.
    private mutating func answer() -> Bool {
        var bytes = [UInt8](repeating: 0, count: LauncherMessage.size)
        var descriptors = [Int32](repeating: -1, count: 8)
        var count: UInt32 = 8
        let length = unsafe leat_receive(LauncherSlot.host, &bytes, bytes.count, &descriptors, &count, true)
        let attached = Array(descriptors.prefix(length > 0 ? Int(count) : 0))
        defer { for descriptor in attached { close(descriptor) } }
        guard length > 0, let request = LauncherMessage(bytes: bytes.prefix(Int(length))) else { return false }
        switch request.kind {
        case .start: start(request, attached)
        case .kill: killWorker(request.values[0])
        case .spare: startSpare(attached)
        case .hello, .started, .notStarted, .ended: return false
        }
        return true
    }

    private mutating func start(_ request: LauncherMessage, _ attached: [Int32]) {
        let number = request.values[0]
        guard attached.count == 6 else { return report(LauncherMessage(.notStarted, code: EINVAL, number)) }
        let identity = identities?.take()
        if identities != nil, identity == nil { return report(LauncherMessage(.notStarted, code: EAGAIN, number)) }
        let order = SandboxOrder(
            parent: getpid(),
            identity: identity,
            isOffNetwork: networkError == 0,
            limits: WorkerLimits(
                memoryBytes: request.values[1],
                cpuSeconds: request.values[2],
                descriptors: request.values[3],
                threads: request.values[4]
            )
        )
        // Slots 0 to 7: no input, one pipe for both outputs, then control, arenas and doorbells.
        let slots = [LauncherSlot.nothing, attached[0]] + attached
        do {
            let pid = try startSelf(["worker"] + order.arguments, slots)
            workers[pid] = Worker(number: number, identity: identity)
            report(LauncherMessage(.started, number, UInt64(pid)))
        } catch {
            identities?.giveBack(identity)
            report(LauncherMessage(.notStarted, code: error.errno, number))
        }
    }

    private func killWorker(_ number: UInt64) {
        // The process was not taken yet, so its id is still its own.
        guard let pid = workers.first(where: { $0.value.number == number })?.key else { return }
        kill(pid, SIGKILL)
    }

    /// The other launcher has rights as this one had them at first; its network namespace is made anew.
    private func startSpare(_ attached: [Int32]) {
        guard let socket = attached.first else { return }
        // When it cannot be started its socket closes, which the host sees.
        _ = try? startSelf(["launcher"], [LauncherSlot.nothing, LauncherSlot.nothing, STDERR_FILENO, socket])
    }

    private func startSelf(_ arguments: [String], _ slots: [Int32]) throws(SpawnError) -> Int32 {
        try Spawn(.descriptor(program), arguments: ["leat-worker"] + arguments, descriptors: slots).start()
    }

    private mutating func reapAll() {
        _ = leat_clear_child_signals(childSignals)
        var end = leat_exit()
        while unsafe leat_reap(&end) > 0 {
            guard let worker = workers.removeValue(forKey: end.pid) else { continue }
            identities?.giveBack(worker.identity)
            report(
                LauncherMessage(
                    .ended,
                    worker.number,
                    UInt64(end.status),
                    UInt64(end.signal),
                    UInt64(clamping: end.cpu_microseconds),
                    UInt64(clamping: end.peak_bytes)
                )
            )
        }
    }

    private func report(_ message: LauncherMessage) {
        // A host that is gone is seen by the next poll.
        unsafe message.bytes.withUnsafeBytes { bytes in
            _ = unsafe leat_send(LauncherSlot.host, bytes.baseAddress, bytes.count, nil, 0)
        }
    }
}

/// The descriptors that a launcher finds open.
private enum LauncherSlot {
    /// `/dev/null`.
    static let nothing: Int32 = 0
    static let host: Int32 = 3
}

/// Users that belong to nobody, one for each worker that runs, so that workers cannot signal each other and each has
/// process limits of its own.
private struct IdentityPool {
    /// Above the users that Debian gives to people, below those it reserves.
    private static let first: UInt32 = 59_000
    private static let count: UInt32 = 1_000
    private var taken: Set<UInt32> = []
    private var next: UInt32 = 0

    /// Nil when a thousand workers run: the next one must wait, since it may not be root.
    mutating func take() -> UInt32? {
        for _ in 0..<Self.count {
            let identity = Self.first + next
            next = (next + 1) % Self.count
            if taken.insert(identity).inserted { return identity }
        }
        return nil
    }

    mutating func giveBack(_ identity: UInt32?) {
        if let identity { taken.remove(identity) }
    }
}
