package import Foundation

/// Another program, run to its end.
package enum Program {
    /// What a program left behind.
    package struct Ended: Sendable {
        package let status: Int32
        /// What it wrote to standard output.
        package let output: String
        /// What it wrote to standard error.
        package let errors: String
        package var text: String { output + errors }
    }

    /// The folder of the whole project.
    package static let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// A program that is built beside the tests.
    package static func built(_ name: String) -> String {
        URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(path: name).path
    }

    /// Runs a program on threads that may block, and kills it when it takes too long.
    package static func run(
        _ words: [String],
        environment: [String: String]? = nil,
        in folder: String? = nil,
        input: String = "",
        atMost bound: Duration = .seconds(240)
    ) async throws -> Ended {
        let pipes = (input: Pipe(), output: Pipe(), errors: Pipe())
        let process = try ChildProcess(
            words,
            environment: environment,
            in: folder,
            input: pipes.input,
            output: pipes.output,
            errors: pipes.errors
        )
        async let output = read(pipes.output)
        async let errors = read(pipes.errors)
        try pipes.input.fileHandleForWriting.write(contentsOf: Data(input.utf8))
        try pipes.input.fileHandleForWriting.close()
        let watchdog = Task {
            try await Task.sleep(for: bound)
            process.signal(SIGTERM)
        }
        let said = try await (output, errors)
        watchdog.cancel()
        let status: Int32 = if case .exited(let status) = await process.ended() { status } else { -1 }
        return Ended(status: status, output: said.0, errors: said.1)
    }

    /// Everything that comes through a pipe.
    private static func read(_ pipe: Pipe) async throws -> String {
        try await withCheckedThrowingContinuation { continuation in
            let thread = Thread {
                continuation.resume(
                    with: Result {
                        String(decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
                    }
                )
            }
            thread.start()
        }
    }
}
