import Foundation
import Testing

@Suite struct WordTests {
    @Test func `Nothing is left for later`() throws {
        let words = ["TODO", "FIXME", "XXX", "HACK"]
        let files = try SourceTree.files(
            in: ["Sources", "Plugins", "Tests", "examples"],
            endings: [".swift", ".c", ".h", ".sql", ".py"]
        )
        for file in files where !file.path.hasPrefix("Tests/TidyTests") {
            for (number, line) in file.lines.enumerated() {
                let parts = line.split { !$0.isLetter }
                #expect(!parts.contains { words.contains(String($0)) }, "\(file.path):\(number + 1)")
            }
        }
    }

    @Test func `Only the command line prints`() throws {
        for file in try SourceTree.files(in: ["Sources", "Plugins"], endings: [".swift"]) {
            if ["leat", "leat-bench"].contains(file.target) { continue }
            for (number, line) in file.lines.enumerated() {
                let statement = line.trimmingCharacters(in: .whitespaces)
                #expect(
                    !statement.hasPrefix("print(") && !statement.hasPrefix("debugPrint("),
                    "\(file.path):\(number + 1)"
                )
            }
        }
    }

    /// Where memory is handled by hand: at C, between processes, and in the scanner.
    private static let boundary: Set<String> = [
        "PostgreSQL", "Sandbox", "WorkerProtocol", "WorkerRuntime", "LeatSDK", "EventJSON", "PluginHost", "leat-worker",
        "leat-bench",
    ]

    /// Single files of other targets that stand at such a boundary.
    private static let boundaryFiles: Set<String> = [
        "Sources/Delivery/Guard/SystemLookup.swift", "Sources/Delivery/Request/Deflate.swift",
        "Sources/EventLog/Chunk/Bytes.swift", "Sources/EventLog/Chunk/Compression.swift",
        "Sources/EventLog/Chunk/Hash.swift", "Sources/EventLog/Schema/Schema.swift",
        "Sources/Ingestion/Event/RandomWords.swift", "Sources/Ingestion/Request/Inflate.swift",
    ]

    @Test func `Dangerous words stand only at the boundary`() throws {
        let words = ["unsafe ", "@unchecked", "nonisolated(unsafe)", "unsafeBitCast", "UnsafeMutable", "Unmanaged"]
        for file in try SourceTree.files(in: ["Sources", "Plugins"], endings: [".swift"]) {
            if Self.boundary.contains(file.target) || Self.boundaryFiles.contains(file.path) { continue }
            for (number, line) in file.lines.enumerated()
            where !line.trimmingCharacters(in: .whitespaces).hasPrefix("//") {
                #expect(!words.contains { line.contains($0) }, "\(file.path):\(number + 1): \(line)")
            }
        }
    }

    @Test func `Types are named by nouns of the domain`() throws {
        let endings = ["Manager", "Helper", "Helpers", "Utils", "Util", "Core", "Common", "Base", "Data", "Info"]
        for file in try SourceTree.files(in: ["Sources", "Plugins"], endings: [".swift"]) {
            for (number, line) in file.lines.enumerated() {
                let words = line.split { !($0.isLetter || $0.isNumber) }
                guard
                    let keyword = words.firstIndex(where: {
                        ["struct", "class", "enum", "actor", "protocol"].contains($0)
                    }),
                    words.indices.contains(keyword + 1), !line.contains("//")
                else { continue }
                let name = words[keyword + 1]
                #expect(!endings.contains { name.hasSuffix($0) }, "\(file.path):\(number + 1): \(name)")
            }
        }
    }

    @Test func `A task that nobody waits for says why`() throws {
        var bare = 0
        for file in try SourceTree.files(in: ["Sources"], endings: [".swift"]) {
            for (number, line) in file.lines.enumerated()
            where startsTask(line) {
                let above = file.lines[max(0, number - 4)..<number].contains { $0.contains("//") }
                #expect(above, "\(file.path):\(number + 1) starts a task without a comment above it")
                bare += 1
            }
        }
        #expect(bare <= 12, "\(bare) tasks stand outside any group; give them an owner")
    }

    @Test func `Every type that another target may use says what it is`() throws {
        for file in try SourceTree.files(in: ["Sources"], endings: [".swift"]) {
            for (number, line) in file.lines.enumerated() {
                let words = line.split(separator: " ").map(String.init)
                guard words.first == "package" || words.first == "public",
                    words.prefix(4).contains(where: { ["struct", "class", "enum", "actor", "protocol"].contains($0) })
                else { continue }
                let documented = isDocumented(number, in: file.lines)
                #expect(documented, "\(file.path):\(number + 1): \(line)")
            }
        }
    }

    /// Whether a line starts a task outside any group.
    private func startsTask(_ line: String) -> Bool {
        let words = line.split { !($0.isLetter || $0 == ".") }
        return words.contains("Task.detached") || words.contains("Task") && line.contains("Task {")
    }

    private func isDocumented(_ number: Int, in lines: [String]) -> Bool {
        var above = number - 1
        while above >= 0, lines[above].trimmingCharacters(in: .whitespaces).hasPrefix("@") { above -= 1 }
        return above >= 0 && lines[above].trimmingCharacters(in: .whitespaces).hasPrefix("///")
    }
}
