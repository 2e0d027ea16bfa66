import ArgumentParser
import Foundation
import Glibc
import PostgreSQL
import Synchronization

/// A real `leat serve` on a database of ours.
final class ServedNode: Sendable {
    private let process: Process
    let port: Int

    var pid: Int32 { process.processIdentifier }

    /// Starts a server with a data folder of its own and waits until it serves.
    static func start(_ database: ConnectionSettings, folder: String) async throws -> ServedNode {
        let process = Process()
        let own = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        process.executableURL = own.appending(path: "leat")
        process.arguments = ["serve", "--port", "0", "--data-directory", folder]
        process.environment = [
            "PATH": "/usr/bin:/bin", "HOME": folder, "DATABASE_URL": database.address,
            "LEAT_DELIVERY_ALLOW": "127.0.0.0/8",
        ]
        // The database's socket lets nobody else in.
        if geteuid() == 0 { process.environment?["LEAT_USER"] = "postgres" }
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let words = Words()
        pipe.fileHandleForReading.readabilityHandler = { handle in words.take(handle.availableData) }
        let end = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < end, process.isRunning {
            if let port = words.port { return ServedNode(process, port) }
            try await Task.sleep(for: .milliseconds(20))
        }
        process.terminate()
        throw ValidationError("leat serve does not serve: \(words.text)")
    }

    private init(_ process: Process, _ port: Int) { (self.process, self.port) = (process, port) }

    /// Asks the server to end, and waits for that.
    func stop() async throws {
        process.terminate()
        while process.isRunning { try await Task.sleep(for: .milliseconds(20)) }
    }
}

/// What a program has said so far.
private final class Words: Sendable {
    private let said = Mutex("")

    func take(_ data: Data) { said.withLock { $0 += String(decoding: data, as: UTF8.self) } }

    var text: String { said.withLock { $0 } }

    /// Where it serves, once it has said so.
    var port: Int? {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
        let line = lines.first { $0.contains("Leat serves at ") }
        return line.flatMap { Int($0.split(separator: ":").last ?? "") }
    }
}
