import Foundation
import TestSupport
import Testing

/// The contract's header, as an author's compiler sees it.
@Suite struct HeaderTests {
    private static let include = Program.top.appending(path: "Sources/CLeatPlugin/include")

    /// Compiles a file that includes nothing else; returns what the compiler says, nothing if it is content.
    private func compile(_ arguments: [String]) async throws -> String {
        let ended = try await Program.run(
            arguments + ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", Self.include.path, "-"],
            input: "#include <leat/plugin.h>\n"
        )
        return ended.status == 0 ? "" : ended.text + "failed"
    }

    @Test(arguments: [
        ["cc", "-std=c11", "-pedantic", "-x", "c"], ["clang", "-std=c11", "-pedantic", "-x", "c"],
        ["cc", "-std=c2x", "-x", "c"], ["cc", "-std=c++17", "-x", "c++"], ["clang", "-std=c++20", "-x", "c++"],
    ])
    func `The header compiles by itself, and every offset is where the contract says`(arguments: [String])
        async throws
    {
        #expect(try await compile(arguments) == "")
    }

    @Test func `Every field of every struct has its place asserted`() throws {
        let header = try String(contentsOf: Self.include.appending(path: "leat/plugin.h"), encoding: .utf8)
        let layout = try String(contentsOf: Self.include.appending(path: "leat/layout.h"), encoding: .utf8)
        var count = 0
        for part in header.components(separatedBy: "typedef struct ").dropFirst() where part.contains("{\n") {
            let name = String(part.prefix { $0 != " " })
            #expect(layout.contains("sizeof(\(name)) =="), "\(name)")
            count += 1
        }
        #expect(count > 20)
    }
}
