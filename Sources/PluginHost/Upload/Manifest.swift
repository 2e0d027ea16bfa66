import EventJSON
package import EventModel

/// What an author says about a plugin, so that the host need not run it to list, check or refuse it.
package struct Manifest: Equatable, Sendable {
    /// The longest manifest that is taken, in bytes.
    package static let mostBytes = 64 * 1024

    /// Reverse-domain: `[a-z0-9.-]`, 3 to 100 characters.
    package var id = ""
    /// A semantic version.
    package var version = ""
    package var kind = PluginKind.transform
    package var description = ""
    /// The symbol of the entry function.
    package var entry = Manifest.defaultEntry
    /// The contract's version that the plugin was built for.
    package var abiMajor = 1
    package var abiMinorMin = 0
    /// Whether equal input gives equal output, so that a batch can be run again at will.
    package var isPure = true
    package var limits = Wishes()
    /// Patterns of addresses that the host may be asked to send to.
    package var httpPermissions: [String] = []
    /// The answers that the connector classifies itself; none where it has no say.
    package var classifies: [AnswerPattern] = []
    /// The JSON Schema of the configuration, as written; empty when there is none.
    package var configSchema = ""

    /// What a plugin wishes to have; the operator's ceilings win.
    package struct Wishes: Equatable, Sendable {
        package var wallMilliseconds: Int?
        package var createMilliseconds: Int?
        package var memoryMebibytes: Int?
        package var threads: Int?
    }

    package static let defaultEntry = "leat_plugin_entry_v1"

    /// The contract that this host speaks.
    static let hostMajor = 1
    static let hostMinor = 0

    /// Reads a manifest strictly: unknown and repeated keys are refused, keys that begin with `x-` are left alone.
    ///
    /// - Throws: `ManifestError` with every problem at once.
    package init(parsing text: [UInt8]) throws(ManifestError) {
        guard text.count <= Self.mostBytes else {
            throw ManifestError([.init("", "has \(text.count) bytes; \(Self.mostBytes) are allowed")])
        }
        var tape = JSONTape(limits: JSONLimits(bytes: Self.mostBytes, depth: Limits.nestingDepth))
        do throws(JSONError) {
            try tape.parse(text)
        } catch {
            throw ManifestError([.init("", error.description)])
        }
        var reader = ManifestReader(tape)
        self = reader.manifest()
        if !reader.problems.isEmpty { throw ManifestError(reader.problems) }
    }

    init() {}
}

/// Why a manifest is not taken: every problem, with its place.
package struct ManifestError: ClassifiedError, Equatable {
    /// One thing that is wrong, and where.
    package struct Problem: Equatable, Sendable, CustomStringConvertible {
        /// The place as a dotted path; empty for the whole.
        package let path: String
        package let what: String

        init(_ path: String, _ what: String) {
            self.path = path
            self.what = what
        }

        package var description: String { path.isEmpty ? "the manifest \(what)" : "'\(path)' \(what)" }
    }

    package let problems: [Problem]

    init(_ problems: [Problem]) { self.problems = problems }

    package var code: String { "manifest_invalid" }
    package var disposition: Disposition { .bury }
    package var description: String { problems.map(\.description).joined(separator: "; ") }
}
