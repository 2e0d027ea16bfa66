package import Foundation

/// The example packages, built as a user builds them.
package enum ExamplePackage {
    private static let products = Once()

    /// Runs `swift build -c release` in `examples/<name>`, once; what it makes is kept for the next test run.
    ///
    /// - Parameters:
    ///   - name: The folder.
    ///   - product: The dynamic library.
    /// - Returns: The shared library.
    /// - Throws: `NotBuilt`.
    package static func build(_ name: String, product: String) async throws -> URL {
        let folder = try await products.folder(of: name) { try await build(name) }
        return folder.appending(path: "lib\(product).so")
    }

    private static func build(_ name: String) async throws -> URL {
        let scratch = Program.top.appending(path: ".build/examples/\(name)")
        let ended = try await Program.run(
            [
                "swift", "build", "-c", "release",
                "--package-path", Program.top.appending(path: "examples/\(name)").path,
                "--scratch-path", scratch.path,
            ],
            atMost: .seconds(900)
        )
        guard ended.status == 0 else { throw NotBuilt(name: name, words: String(ended.text.suffix(4_000))) }
        return scratch.appending(path: "release")
    }

    /// The example does not compile any more.
    package struct NotBuilt: Error, CustomStringConvertible {
        let name: String
        let words: String
        package var description: String { "examples/\(name) cannot be built: \(words)" }
    }
}
