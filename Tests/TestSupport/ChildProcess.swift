package import Foundation
import Sandbox
import Synchronization

/// A program that runs beside the tests.
///
/// Foundation's `Process` looks through all open files at each start and reads beyond the end of what it was given there;
/// with a thousand of them open, as in these tests, it dies of that now and then.
package final class ChildProcess: Sendable {
    /// How it came to its end.
    package enum End: Equatable, Sendable {
        case exited(Int32)
        case killed(by: Int32)
    }

    package let pid: Int32
    private let end = Mutex<End?>(nil)
    private let waiters = Mutex<[CheckedContinuation<Void, Never>]>([])

    /// Starts a program; a name without a path is looked for where the environment says.
    ///
    /// A pipe's other end is closed here, so that its reader sees the program's end. What has none leads nowhere.
    package init(
        _ words: [String],
        environment: [String: String]? = nil,
        in folder: String? = nil,
        input: Pipe? = nil,
        output: Pipe? = nil,
        errors: Pipe? = nil
    ) throws {
        let nothing = unsafe open("/dev/null", O_RDWR | O_CLOEXEC)
        defer { close(nothing) }
        let isPath = words.first?.hasPrefix("/") == true
        let environment = environment ?? ProcessInfo.processInfo.environment
        var spawn = Spawn(
            .path(isPath ? words[0] : "/usr/bin/env"),
            arguments: isPath ? words : ["env"] + words,
            environment: environment.map { "\($0)=\($1)" },
            descriptors: [
                input?.fileHandleForReading.fileDescriptor ?? nothing,
                output?.fileHandleForWriting.fileDescriptor ?? nothing,
                errors?.fileHandleForWriting.fileDescriptor ?? nothing,
            ]
        )
        spawn.directory = folder
        pid = try spawn.start()
        try input?.fileHandleForReading.close()
        try output?.fileHandleForWriting.close()
        if errors !== output { try errors?.fileHandleForWriting.close() }
        Thread { [self] in reap() }.start()
    }

    package var isRunning: Bool { end.withLock { $0 == nil } }

    /// Sends a signal if it still runs.
    package func signal(_ number: Int32) {
        end.withLock { if $0 == nil { _ = kill(pid, number) } }
    }

    /// Waits for its end.
    package func ended() async -> End {
        await withCheckedContinuation { (waiter: CheckedContinuation<Void, Never>) in
            let isOver = end.withLock { end in
                if end == nil { waiters.withLock { $0.append(waiter) } }
                return end != nil
            }
            if isOver { waiter.resume() }
        }
        return end.withLock { $0 } ?? .exited(-1)
    }

    /// Waits without taking the number away, so that no signal ever goes to a stranger.
    private func reap() {
        var seen = unsafe siginfo_t()
        while unsafe waitid(P_PID, id_t(pid), &seen, WEXITED | WNOWAIT) != 0, errno == EINTR {}
        let waiting = end.withLock { end in
            var status: Int32 = 0
            while unsafe waitpid(pid, &status, 0) < 0, errno == EINTR {}
            end = status & 0x7F == 0 ? .exited(status >> 8 & 0xFF) : .killed(by: status & 0x7F)
            return waiters.withLock { waiters in
                defer { waiters = [] }
                return waiters
            }
        }
        for waiter in waiting { waiter.resume() }
    }
}
