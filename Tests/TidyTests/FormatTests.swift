import Foundation
import TestSupport
import Testing

@Suite struct FormatTests {
    @Test(.timeLimit(.minutes(5))) func `The formatter finds nothing to say`() async throws {
        let lint = try await Program.run(
            [
                "swift", "format", "lint", "--strict", "--parallel", "--recursive", "Package.swift", "Sources",
                "Plugins", "Tests", "examples",
            ],
            in: SourceTree.top.path
        )
        #expect(lint.status == 0, "\(lint.text.prefix(4_000))")
    }
}
