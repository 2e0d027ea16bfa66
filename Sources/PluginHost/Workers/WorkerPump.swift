import CLinux
import Glibc
import Sandbox
import Synchronization
import WorkerProtocol

/// One thread that waits for all workers at once, and for the launchers.
///
/// It resumes whoever waits for a worker and does nothing else: no event passes through it. It sleeps while nothing is
/// asked of any worker; otherwise it looks ten times a second whether one has been silent for too long.
final class WorkerPump: Sendable {
    let launcher: Launcher
    private let poll: Descriptor
    private let bell: Descriptor
    private let registry = Mutex(Registry())
    /// Whether the thread waits without an end, so that a new watch must wake it.
    private let isDozing = Atomic(false)

    private struct Registry {
        var workers: [UInt64: Worker] = [:]
        var seats: [UInt64: LauncherSeat] = [:]
        var next: UInt64 = 1
        var isStopping = false
        var stopWaiters: [CheckedContinuation<Void, Never>] = []
        var hasStopped = false
    }

    /// What an entry of the poll set is; the number of the worker or launcher stands below it.
    private enum Mark: UInt64 {
        case bell = 0
        case launcher = 1
        case control = 2
        case doorbell = 3

        static let shift: UInt64 = 56
    }

    /// How often silence is looked for, in nanoseconds.
    private static let tick: Int64 = 100_000_000

    init(launcher: Launcher) throws(WorkerStartError) {
        let number = leat_poll_set()
        guard number >= 0 else { throw WorkerStartError(what: "a poll set", errno: -number) }
        self.launcher = launcher
        poll = Descriptor(number)
        bell = try Descriptor.eventCounter()
        watch(bell, .bell, 0)
        for seat in [launcher.active, launcher.spare].compactMap(\.self) { watch(seat) }
    }

    /// Starts the thread; it ends after `stop`.
    func start() {
        let box = unsafe Unmanaged.passRetained(self)
        var thread = pthread_t()
        let result = unsafe pthread_create(&thread, nil, pumpThread, box.toOpaque())
        precondition(result == 0, "no thread for the pump")
        pthread_detach(thread)
    }

    /// Ends the launchers with all workers, and the thread.
    func stop() async {
        await withCheckedContinuation { continuation in
            let isOver = registry.withLock { registry in
                registry.isStopping = true
                if !registry.hasStopped { registry.stopWaiters.append(continuation) }
                return registry.hasStopped
            }
            if isOver { continuation.resume() } else { bell.ring() }
        }
    }

    // MARK: What workers ask

    /// Asks the launcher for a new, sealed worker without a plugin.
    ///
    /// It does not wait for it.
    func startWorker(limits: WorkerLimits) throws(WorkerStartError) -> Worker {
        let number = registry.withLock { registry in
            defer { registry.next += 1 }
            return registry.next
        }
        let (worker, ends) = try Worker.prepare(number: number, limits: limits, pump: self)
        registry.withLock { $0.workers[number] = worker }
        watch(worker.control, .control, number)
        let mark = Mark.doorbell.rawValue << Mark.shift | number
        _ = leat_poll_add_counter(poll.number, worker.outputDoorbell.number, mark)
        let request = LauncherMessage(
            .start,
            number,
            limits.memoryBytes,
            limits.cpuSeconds,
            limits.descriptors,
            limits.threads
        )
        let seat = withExtendedLifetime(ends) { launcher.send(request, descriptors: ends.map(\.number)) }
        guard let seat else {
            remove(worker)
            throw WorkerStartError(what: "the launcher", errno: EPIPE)
        }
        worker.state.withLock { $0.launcher = seat }
        return worker
    }

    func kill(_ number: UInt64) { _ = launcher.send(LauncherMessage(.kill, number)) }

    /// A worker began to be watched.
    func noteWatch() {
        if isDozing.load(ordering: .sequentiallyConsistent) { bell.ring() }
    }

    /// The workers that are not known to have ended.
    var workers: [Worker] { registry.withLock { Array($0.workers.values) } }

    // MARK: The thread

    fileprivate func run() {
        var marks = [UInt64](repeating: 0, count: 64)
        // When to look for silence next, in nanoseconds; nil while nobody is watched.
        var next: Int64? = MonotonicTime.now
        while !registry.withLock({ $0.isStopping }) {
            let timeout = next.map { Int32(clamping: max(0, ($0 - MonotonicTime.now) / 1_000_000 + 1)) } ?? -1
            let count = unsafe leat_poll_wait(poll.number, &marks, UInt32(marks.count), timeout)
            let ready = marks.prefix(max(0, Int(count)))
            // What a worker said before it rang is heard before.
            for mark in ready where !isDoorbell(mark) { handle(mark) }
            for mark in ready where isDoorbell(mark) { handle(mark) }
            let now = MonotonicTime.now
            if next ?? 0 <= now { next = watchOrDoze(now) }
        }
        finish()
    }

    /// Looks after all watched workers.
    ///
    /// - Returns: When to look again; nil when the thread may sleep until somebody rings.
    private func watchOrDoze(_ now: Int64) -> Int64? {
        isDozing.store(false, ordering: .sequentiallyConsistent)
        if let next = look(now) { return next }
        // Whoever is watched from here on rings; who was watched before is found by the second look.
        isDozing.store(true, ordering: .sequentiallyConsistent)
        guard let next = look(now) else { return nil }
        isDozing.store(false, ordering: .sequentiallyConsistent)
        return next
    }

    private func look(_ now: Int64) -> Int64? {
        let workers = registry.withLock { Array($0.workers.values) }
        var next: Int64?
        for worker in workers {
            guard let time = worker.look(now: now) else { continue }
            next = min(next ?? .max, time)
        }
        return next.map { min($0, now + Self.tick) }
    }

    private func isDoorbell(_ mark: UInt64) -> Bool { mark >> Mark.shift == Mark.doorbell.rawValue }

    private func handle(_ mark: UInt64) {
        let number = mark & (1 << Mark.shift - 1)
        switch Mark(rawValue: mark >> Mark.shift) {
        case .bell: bell.clear()
        case .launcher: if let seat = registry.withLock({ $0.seats[number] }) { hear(seat) }
        case .doorbell: worker(number)?.hasAnswered()
        case .control:
            guard let worker = worker(number) else { return }
            if !worker.hasSpoken() { forget(worker.control) }
        case nil: break
        }
    }

    private func hear(_ seat: LauncherSeat) {
        while true {
            do throws(LauncherSeat.Gone) {
                guard let message = try seat.receive(wait: false) else { return }
                hear(message)
            } catch {
                return lose(seat)
            }
        }
    }

    private func hear(_ message: LauncherMessage) {
        guard let worker = worker(message.values[0]) else { return }
        switch message.kind {
        case .started: worker.hasStarted(pid: Int32(truncatingIfNeeded: message.values[1]))
        case .notStarted: end(worker, WorkerEnd(verdict: .sandboxUnavailable, status: message.code))
        case .ended:
            end(
                worker,
                WorkerEnd(
                    status: Int32(truncatingIfNeeded: message.values[1]),
                    signal: Int32(truncatingIfNeeded: message.values[2]),
                    cpuMicroseconds: Int64(clamping: message.values[3]),
                    peakBytes: Int64(clamping: message.values[4])
                )
            )
        case .hello, .start, .kill, .spare: break
        }
    }

    /// A launcher is gone: the kernel has killed its workers, and the next launcher takes over.
    private func lose(_ seat: LauncherSeat) {
        forget(seat.socket)
        registry.withLock { $0.seats[seat.number] = nil }
        if let spare = launcher.replace(seat) { watch(spare) }
        let orphans = registry.withLock { Array($0.workers.values) }
        for worker in orphans where worker.state.withLock({ $0.launcher ?? seat.number }) == seat.number {
            end(worker, WorkerEnd(verdict: .launcherDied))
        }
    }

    private func finish() {
        launcher.close()
        for worker in registry.withLock({ Array($0.workers.values) }) { end(worker, WorkerEnd(verdict: .hostDied)) }
        let waiters = registry.withLock { registry in
            registry.hasStopped = true
            defer { registry.stopWaiters = [] }
            return registry.stopWaiters
        }
        for waiter in waiters { waiter.resume() }
    }

    // MARK: The poll set

    private func worker(_ number: UInt64) -> Worker? { registry.withLock { $0.workers[number] } }

    private func end(_ worker: Worker, _ how: WorkerEnd) {
        remove(worker)
        worker.hasEnded(how)
    }

    private func remove(_ worker: Worker) {
        forget(worker.control)
        forget(worker.outputDoorbell)
        _ = registry.withLock { $0.workers.removeValue(forKey: worker.number) }
    }

    private func watch(_ seat: LauncherSeat) {
        registry.withLock { $0.seats[seat.number] = seat }
        watch(seat.socket, .launcher, seat.number)
    }

    private func watch(_ descriptor: Descriptor, _ mark: Mark, _ number: UInt64) {
        _ = leat_poll_add(poll.number, descriptor.number, mark.rawValue << Mark.shift | number)
    }

    private func forget(_ descriptor: Descriptor) {
        _ = leat_poll_remove(poll.number, descriptor.number)
    }
}

private func pumpThread(_ pump: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    _ = unsafe leat_name_process("leat-pump")
    if let pump = unsafe pump { unsafe Unmanaged<WorkerPump>.fromOpaque(pump).takeRetainedValue().run() }
    return nil
}
