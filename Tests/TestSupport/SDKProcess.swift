import Foundation

/// One of the real Python SDKs in its own virtual environment, run by `Tests/SDKs/drive.py`.
package final class SDKProcess: Sendable {
    /// What the SDK made of one command.
    package struct Report: Decodable {
        package let ids: [String]
        package let refused: Int
        package let errors: [String]
    }

    /// Why there is no SDK, or no word from it.
    package struct Failure: Error, CustomStringConvertible {
        package let description: String
    }

    private static let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    private static let drivers = top.appending(path: "Tests/SDKs")
    private static let environments = Once()

    private let process: ChildProcess
    private let input = Pipe()
    private let lines: AsyncStream<String>

    /// Starts the SDK `rudder`, `segment` or `legacy`, sending to a port of this machine.
    package init(_ sdk: String, port: Int, writeKey: String = "WRITE_KEY") async throws {
        let environment = try await Self.environments.folder(of: sdk) { try await Self.environment(sdk) }
        let output = Pipe()
        let driver = Self.drivers.appending(path: "drive.py").path
        process = try ChildProcess(
            [environment.appending(path: "bin/python").path, driver, sdk, "http://127.0.0.1:\(port)", writeKey],
            input: input,
            output: output
        )
        let (lines, found) = AsyncStream.makeStream(of: String.self)
        self.lines = lines
        let handle = output.fileHandleForReading
        let reader = Thread {
            var pending = Data()
            while case let more = handle.availableData, !more.isEmpty {
                pending += more
                while let end = pending.firstIndex(of: 0x0A) {
                    found.yield(String(decoding: pending[..<end], as: UTF8.self))
                    pending = Data(pending[(end + 1)...])
                }
            }
            found.finish()
        }
        reader.start()
    }

    deinit {
        process.signal(SIGTERM)
    }

    /// Gives one command; its report comes when the SDK has sent everything.
    package func begin(_ command: String) throws {
        try input.fileHandleForWriting.write(contentsOf: Data((command + "\n").utf8))
    }

    /// Waits for the report of the command that was begun first.
    package func report() async throws -> Report {
        guard let line = await lines.first(where: { _ in true }) else {
            throw Failure(description: "the driver ended without a report")
        }
        return try JSONDecoder().decode(Report.self, from: Data(line.utf8))
    }

    /// The folder of the SDK's virtual environment, made when it is not there; a failing pip is a failing test.
    private static func environment(_ sdk: String) async throws -> URL {
        let folder = top.appending(path: ".build/venvs/\(sdk)")
        let requirements = drivers.appending(path: "\(sdk).txt")
        let stamp = folder.appending(path: "requirements.txt")
        let wanted = try Data(contentsOf: requirements)
        if (try? Data(contentsOf: stamp)) == wanted { return folder }
        try await command("python3", "-m", "venv", "--clear", folder.path)
        let pip = folder.appending(path: "bin/pip").path
        try await command(pip, "install", "--quiet", "--disable-pip-version-check", "-r", requirements.path)
        try wanted.write(to: stamp)
        return folder
    }

    private static func command(_ words: String...) async throws {
        let ended = try await Program.run(words, atMost: .seconds(600))
        guard ended.status == 0 else {
            throw Failure(description: "\(words.joined(separator: " ")) failed: \(ended.text.suffix(2_000))")
        }
    }
}
