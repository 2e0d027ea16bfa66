import Foundation
import Testing

@Suite struct FormatTests {
    @Test(.timeLimit(.minutes(5))) func `The formatter finds nothing to say`() async throws {
        let lint = Process()
        lint.executableURL = URL(filePath: "/usr/bin/env")
        lint.arguments = [
            "swift", "format", "lint", "--strict", "--parallel", "--recursive", "Package.swift", "Sources", "Plugins",
            "Tests", "examples",
        ]
        lint.currentDirectoryURL = SourceTree.top
        let output = Pipe()
        lint.standardError = output
        lint.standardOutput = output
        try lint.run()
        // Reading blocks, so it has a thread of its own.
        let said = try await withCheckedThrowingContinuation { continuation in
            Thread { continuation.resume(with: Result { try output.fileHandleForReading.readToEnd() ?? Data() }) }
                .start()
        }
        lint.waitUntilExit()
        #expect(lint.terminationStatus == 0, "\(String(decoding: said.prefix(4_000), as: UTF8.self))")
    }
}
