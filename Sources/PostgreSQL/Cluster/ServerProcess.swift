import CLinux
import EventModel
import Glibc

/// One program of PostgreSQL that we started, or a server that an earlier run of ours left behind.
struct ServerProcess: Sendable {
    let pid: Int32
    /// Names the process whatever happens to its number; open until the process has ended.
    let descriptor: Int32
    let isChild: Bool

    /// Starts a program whose output goes to `log`.
    static func start(
        _ path: String,
        _ arguments: [String],
        account: (user: UInt32, group: UInt32)?,
        log: Int32
    ) throws(PostgreSQLError) -> ServerProcess {
        let nothing = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(nothing) }
        let environment = ["PATH=/usr/bin:/bin", "LANG=C", "LC_ALL=C", "TZ=UTC"]
        var pid: Int32 = 0
        var descriptor: Int32 = -1
        let failure = unsafe withMutableCStrings([path] + arguments) { arguments in
            unsafe withMutableCStrings(environment) { environment in
                unsafe [nothing, log, log].withUnsafeBufferPointer { descriptors in
                    unsafe path.withCString { path in
                        unsafe "/".withCString { root in
                            var request = unsafe leat_spawn_request()
                            unsafe request.path = unsafe path
                            unsafe request.arguments = unsafe arguments
                            unsafe request.environment = unsafe environment
                            unsafe request.descriptors = descriptors.baseAddress
                            unsafe request.descriptor_count = 3
                            // Ours may be one that the server's user may not enter, and its programs insist on returning.
                            unsafe request.directory = unsafe root
                            unsafe request.user = account?.user ?? UInt32.max
                            unsafe request.group = account?.group ?? UInt32.max
                            unsafe request.new_session = true
                            return unsafe leat_spawn(&request, &pid, &descriptor)
                        }
                    }
                }
            }
        }
        guard failure == 0 else {
            throw .cluster(reason: "\(path) cannot be started (\(Files.reason(-failure))).")
        }
        return ServerProcess(pid: pid, descriptor: descriptor, isChild: true)
    }

    /// A process of somebody else's making; nil if it has ended.
    static func existing(_ pid: Int32) -> ServerProcess? {
        let descriptor = leat_pidfd_open(pid)
        return descriptor < 0 ? nil : ServerProcess(pid: pid, descriptor: descriptor, isChild: false)
    }

    func signal(_ number: Int32) { leat_pidfd_kill(descriptor, number) }

    /// Waits for the end, blocking; nil if it does not come in time.
    ///
    /// - Returns: the exit status, or 128 and the signal; 0 for a process that is not our child.
    func waitForEnd(_ timeout: Duration?) -> Int32? {
        var watched = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        let deadline = timeout.map { ContinuousClock.now + $0 }
        while true {
            let left = deadline.map { max(0, Int32(clamping: ContinuousClock.now.duration(to: $0).milliseconds)) }
            let count = unsafe poll(&watched, 1, left ?? -1)
            if count > 0 { break }
            if count == 0 { return nil }
            if errno != EINTR { return nil }
        }
        guard isChild else { return 0 }
        var status: Int32 = 0
        while unsafe waitpid(pid, &status, 0) < 0 { if errno != EINTR { return 0 } }
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }

    func forget() { close(descriptor) }
}

/// Calls `body` with a null-terminated array of writable C strings, as `execve` wants it.
private func withMutableCStrings<Result>(
    _ strings: [String],
    _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = unsafe strings.map { unsafe strdup($0) }
    unsafe pointers.append(nil)
    defer { unsafe pointers.forEach { unsafe free($0) } }
    return unsafe pointers.withUnsafeBufferPointer { list in
        guard let base = list.baseAddress else { fatalError("a terminated list is never empty") }
        return unsafe body(base)
    }
}
