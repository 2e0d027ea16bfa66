package import Foundation

/// Test plugins that are compiled when a test first asks for them.
///
/// The sources are in `Tests/FaultyPlugins`; each says what it does. Compiling one takes about 50 ms.
package enum PluginFixture: Sendable {
    /// What all fixtures are called, in their own words.
    package static let id = "test.fixture"
    package static let version = "1.0.0"
    /// `LEAT_KIND_TRANSFORM`.
    package static let transformKind: UInt64 = 1
    /// `LEAT_KIND_DEST_REQUEST`; the fixtures `connector` and `grouper` are.
    package static let connectorKind: UInt64 = 2

    /// Compiles `Tests/FaultyPlugins/<name>.c`.
    ///
    /// - Parameters:
    ///   - name: `events`, `load`, `liar`, `pry`, `reporter`, `caller`, `connector` or `grouper`.
    ///   - definitions: As after the compiler's `-D`, such as `FAULT_NO_ENTRY` or `FIXTURE_VERSION="2.0.0"`.
    /// - Returns: The shared library, in a folder of this process.
    /// - Throws: `NotCompiled`.
    package static func library(_ name: String, _ definitions: String...) async throws -> URL {
        try await cache.library("Tests/FaultyPlugins/\(name).c", definitions)
    }

    /// Compiles an example in C.
    ///
    /// - Parameter source: Its one file, below `examples`.
    /// - Returns: The shared library, in a folder of this process.
    /// - Throws: `NotCompiled`.
    package static func example(_ source: String) async throws -> URL {
        try await cache.library("examples/\(source)", [])
    }

    private static let cache = Cache()

    /// Compiles each library once, whichever test asks first.
    private actor Cache {
        private var libraries: [[String]: Task<URL, any Error>] = [:]
        private var folder: URL?

        func library(_ source: String, _ definitions: [String]) async throws -> URL {
            let key = [source] + definitions
            if let library = libraries[key] { return try await library.value }
            let place = try place().appending(path: "plugin-\(libraries.count).so")
            // Ends with the compiler; everybody who asks for the library waits for it.
            let compiling = Task {
                try await Self.compile(source, definitions, to: place)
                return place
            }
            libraries[key] = compiling
            return try await compiling.value
        }

        private func place() throws -> URL {
            if let folder { return folder }
            let made = FileManager.default.temporaryDirectory.appending(path: "leat-fixtures-\(UUID().uuidString)")
            try FileManager.default.createDirectory(at: made, withIntermediateDirectories: true)
            folder = made
            return made
        }

        private static func compile(_ source: String, _ definitions: [String], to library: URL) async throws {
            let ended = try await Program.run(
                ["cc", "-std=c11", "-O1", "-w", "-fPIC", "-shared", "-fvisibility=hidden", "-pthread"]
                    + ["-Wl,-z,relro,-z,now,-z,noexecstack"]
                    + definitions.map { "-D\($0)" }
                    + ["-I", Program.top.appending(path: "Sources/CLeatPlugin/include").path, "-o", library.path]
                    + [Program.top.appending(path: source).path]
            )
            guard ended.status == 0 else { throw NotCompiled(source: source, words: ended.text) }
        }
    }

    /// The fixture itself is wrong, or there is no C compiler.
    package struct NotCompiled: Error, CustomStringConvertible {
        let source: String
        let words: String
        package var description: String { "\(source) cannot be compiled: \(words)" }
    }
}
