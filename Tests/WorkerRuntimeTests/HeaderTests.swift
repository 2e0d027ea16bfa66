import Foundation
import Testing

/// The contract's header, as an author's compiler sees it.
@Suite struct HeaderTests {
    private static let include = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources/CLeatPlugin/include")

    /// Compiles a file that includes nothing else; returns what the compiler says, nothing if it is content.
    private func compile(_ arguments: [String]) throws -> String {
        let compiler = Process()
        compiler.executableURL = URL(filePath: "/usr/bin/env")
        compiler.arguments =
            arguments + ["-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I", Self.include.path, "-"]
        let (input, output) = (Pipe(), Pipe())
        compiler.standardInput = input
        compiler.standardError = output
        try compiler.run()
        input.fileHandleForWriting.write(Data("#include <leat/plugin.h>\n".utf8))
        try input.fileHandleForWriting.close()
        let said = try output.fileHandleForReading.readToEnd() ?? Data()
        compiler.waitUntilExit()
        return compiler.terminationStatus == 0 ? "" : String(decoding: said, as: UTF8.self) + "failed"
    }

    @Test(arguments: [
        ["cc", "-std=c11", "-pedantic", "-x", "c"], ["clang", "-std=c11", "-pedantic", "-x", "c"],
        ["cc", "-std=c2x", "-x", "c"], ["cc", "-std=c++17", "-x", "c++"], ["clang", "-std=c++20", "-x", "c++"],
    ])
    func `The header compiles by itself, and every offset is where the contract says`(arguments: [String]) throws {
        #expect(try compile(arguments) == "")
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
