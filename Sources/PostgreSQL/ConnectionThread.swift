import CPostgreSQL
import Glibc
import Synchronization

/// The one thread on which everything of one connection happens.
///
/// libpq blocks, so it must not run on the cooperative pool; and a connection belongs to one thread at a time. As the
/// executor of the connection's actor this thread gives both by construction. Between jobs it sleeps on the bell and,
/// while somebody listens, on the connection's socket, so waiting for notifications costs nothing.
final class ConnectionThread: SerialExecutor {
    private struct State {
        var jobs: [UnownedJob] = []
        var isAsleep = false
        var isStopped = false
    }

    let bell = Bell()
    private let identity = Atomic<UInt>(0)
    private let state = Mutex(State())
    /// Touched on this thread only.
    private nonisolated(unsafe) var idleLink: Link?

    /// The size of the thread's stack in bytes; libpq needs little.
    private static let stackBytes = 512 * 1024

    func start() {
        var attributes = pthread_attr_t()
        unsafe pthread_attr_init(&attributes)
        unsafe pthread_attr_setstacksize(&attributes, Self.stackBytes)
        unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let argument = unsafe Unmanaged.passRetained(self).toOpaque()
        let failure = unsafe pthread_create(
            &thread,
            &attributes,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let owner = unsafe Unmanaged<ConnectionThread>.fromOpaque(argument).takeRetainedValue()
                owner.loop()
                return nil
            },
            argument
        )
        precondition(failure == 0, "no thread is left for a connection")
        unsafe pthread_attr_destroy(&attributes)
    }

    /// Ends the thread when its jobs are done.
    func stop() {
        state.withLock { $0.isStopped = true }
        bell.ring()
    }

    /// Lets the thread read from `link` whenever it is idle; nil ends that.
    ///
    /// Called on this thread only.
    func watchWhenIdle(_ link: Link?) { unsafe idleLink = link }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let wasAsleep = state.withLock { state in
            state.jobs.append(job)
            defer { state.isAsleep = false }
            return state.isAsleep
        }
        if wasAsleep { bell.ring() }
    }

    /// Stops the program if the caller runs on another thread: libpq would be used by two at once.
    func assertIsCurrent() {
        assert(identity.load(ordering: .relaxed) == UInt(pthread_self()), "libpq is used off its thread")
    }

    private func loop() {
        identity.store(UInt(pthread_self()), ordering: .relaxed)
        unsafe leat_name_thread("postgresql")
        while true {
            let (jobs, isStopped) = state.withLock { state in
                let jobs = state.jobs
                state.jobs.removeAll(keepingCapacity: true)
                state.isAsleep = jobs.isEmpty
                return (jobs, state.isStopped)
            }
            for job in jobs { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
            guard jobs.isEmpty else { continue }
            if isStopped { return }
            sleep()
        }
    }

    private func sleep() {
        guard let link = unsafe idleLink else {
            _ = bell.wait(milliseconds: -1)
            return
        }
        let ready = bell.wait(other: link.socket, events: Int16(POLLIN), milliseconds: -1)
        if ready != 0, !link.readWhileIdle() { unsafe idleLink = nil }
    }
}
