import Foundation
import Synchronization
import TestSupport

/// A real `leat serve`, started as a user starts it.
final class ServerProcess: Sendable {
    private let process: ChildProcess
    private let reader: Reader
    let address: String
    /// Shown at the very first start only.
    let token: String?

    var pid: Int32 { process.pid }

    /// Starts a server on a data folder, by another program if there is a `prefix`, and waits until it serves.
    ///
    /// - Throws: `NotServing` with what it said instead.
    static func start(
        data: String,
        port: Int = 0,
        words: [String] = [],
        environment: [String: String] = [:],
        through prefix: [String] = []
    ) async throws -> ServerProcess {
        // Receivers of tests are on this machine, or in networks that are set aside for tests.
        let standard = [
            "PATH": "/usr/bin:/bin", "HOME": data + "/..", "LEAT_LOG_LEVEL": "notice",
            "LEAT_DELIVERY_ALLOW": "127.0.0.0/8,198.18.0.0/15",
            // Hundreds of tests share a few cores.
            "LEAT_SHUTDOWN_TIMEOUT": "120",
        ]
        let output = Pipe()
        let process = try ChildProcess(
            prefix + [Program.built("leat"), "serve", "--port", String(port), "--data-directory", data] + words,
            environment: standard.merging(environment) { $1 },
            output: output,
            errors: output
        )
        return try await ServerProcess(process, output)
    }

    private init(_ process: ChildProcess, _ output: Pipe) async throws {
        self.process = process
        let reading = Reader()
        reading.start(output)
        guard let served = await reading.line(after: "Leat serves at ", within: .seconds(120)) else {
            process.signal(SIGTERM)
            throw NotServing(words: reading.text)
        }
        address = served
        token = reading.found("Admin token, shown this once: ")
        reader = reading
    }

    /// Everything it printed.
    var text: String { reader.text }

    /// Ends the process without a chance to do anything, and waits for its end.
    func kill() async {
        process.signal(SIGKILL)
        await reader.end()
    }

    /// Asks the process to end and waits; returns its exit status.
    func stop() async -> Int32 {
        process.signal(SIGTERM)
        await reader.end()
        return if case .exited(let status) = await process.ended() { status } else { -1 }
    }

    struct NotServing: Error, CustomStringConvertible {
        let words: String
        var description: String { "the server does not serve: \(words)" }
    }
}

/// Reads what a process prints, on a thread of its own, and tells who waits.
private final class Reader: Sendable {
    private struct State {
        var text = ""
        var isAtEnd = false
        var waiters: [AsyncStream<Void>.Continuation] = []
    }

    private let state = Mutex(State())

    var text: String { state.withLock { $0.text } }

    func start(_ pipe: Pipe) {
        Thread { [self] in
            while true {
                let bytes = pipe.fileHandleForReading.availableData
                let waiters = state.withLock { state in
                    state.text += String(decoding: bytes, as: UTF8.self)
                    state.isAtEnd = bytes.isEmpty
                    return state.waiters
                }
                for waiter in waiters { waiter.yield() }
                if bytes.isEmpty { break }
            }
        }.start()
    }

    /// What follows `words` at the beginning of a whole line.
    func found(_ words: String) -> String? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        return lines.first { $0.hasPrefix(words) }.map { String($0.dropFirst(words.count)) }
    }

    func line(after words: String, within bound: Duration) async -> String? {
        await wait(within: bound) { self.found(words) != nil }
        return found(words)
    }

    func end() async { await wait(within: .seconds(120)) { self.state.withLock { $0.isAtEnd } } }

    private func wait(within bound: Duration, until isEnough: @escaping @Sendable () -> Bool) async {
        let (changes, change) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        change.yield()
        state.withLock { $0.waiters.append(change) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in changes where isEnough() || self.state.withLock({ $0.isAtEnd }) { break }
            }
            group.addTask { try? await Task.sleep(for: bound) }
            await group.next()
            group.cancelAll()
        }
        change.finish()
    }
}
