package import Foundation

/// The example packages, built as a user builds them.
package enum ExamplePackage {
    /// Runs `swift build -c release` in `examples/<name>`; what it makes is kept for the next test run.
    ///
    /// - Parameters:
    ///   - name: The folder.
    ///   - product: The dynamic library.
    /// - Returns: The shared library.
    /// - Throws: `NotBuilt`.
    package static func build(_ name: String, product: String) throws -> URL {
        let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let scratch = top.appending(path: ".build/examples/\(name)")
        let swift = Process()
        swift.executableURL = URL(filePath: "/usr/bin/env")
        swift.arguments = [
            "swift", "build", "-c", "release", "--package-path", top.appending(path: "examples/\(name)").path,
            "--scratch-path", scratch.path,
        ]
        let words = Pipe()
        swift.standardOutput = words
        swift.standardError = words
        try swift.run()
        let said = try words.fileHandleForReading.readToEnd() ?? Data()
        swift.waitUntilExit()
        guard swift.terminationStatus == 0 else {
            throw NotBuilt(name: name, words: String(decoding: said.suffix(4_000), as: UTF8.self))
        }
        return scratch.appending(path: "release/lib\(product).so")
    }

    /// The example does not compile any more.
    package struct NotBuilt: Error, CustomStringConvertible {
        let name: String
        let words: String
        package var description: String { "examples/\(name) cannot be built: \(words)" }
    }
}
