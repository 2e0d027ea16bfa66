import EventJSON
import EventModel

/// Takes a parsed manifest apart and notes every problem on the way.
struct ManifestReader {
    private let tape: JSONTape
    private(set) var problems: [ManifestError.Problem] = []

    init(_ tape: JSONTape) { self.tape = tape }

    mutating func manifest() -> Manifest {
        var manifest = Manifest()
        let known: Set<String> = [
            "id", "version", "kind", "description", "entry", "abi", "determinism", "limits", "permissions",
            "classify", "config_schema", "platforms", "batch", "selftest",
        ]
        let members = members(of: tape.root, at: "", known: known)
        manifest.id = text(members["id"], "id", isRequired: true) ?? ""
        manifest.version = text(members["version"], "version", isRequired: true) ?? ""
        manifest.description = text(members["description"], "description") ?? ""
        manifest.entry = text(members["entry"], "entry") ?? Manifest.defaultEntry
        checkNames(manifest)
        readKind(members["kind"], into: &manifest)
        readContract(members["abi"], into: &manifest)
        readDeterminism(members["determinism"], into: &manifest)
        readLimits(members["limits"], into: &manifest)
        readPermissions(members["permissions"], into: &manifest)
        readClassify(members["classify"], into: &manifest)
        readSchema(members["config_schema"], into: &manifest)
        return manifest
    }

    // MARK: Fields

    private mutating func checkNames(_ manifest: Manifest) {
        let idBytes = manifest.id.utf8
        if !idBytes.isEmpty, !(3...100).contains(idBytes.count) || !idBytes.allSatisfy(Self.isIDByte) {
            note("id", "must be 3 to 100 of a-z, 0-9, '.' and '-', such as com.example.mask-email")
        }
        if !manifest.version.isEmpty, !Self.isSemantic(manifest.version) {
            note("version", "must be a semantic version, such as 1.4.0")
        }
        let entryBytes = manifest.entry.utf8
        if entryBytes.isEmpty || entryBytes.count > 128 || !entryBytes.allSatisfy(Self.isSymbolByte) {
            note("entry", "must be the name of a C function")
        }
    }

    private mutating func readKind(_ node: JSONNode?, into manifest: inout Manifest) {
        guard let word = text(node, "kind", isRequired: true) else { return }
        guard let kind = PluginKind(rawValue: word) else {
            let names = PluginKind.allCases.map { "'\($0.rawValue)'" }.joined(separator: " or ")
            return note("kind", "must be \(names)")
        }
        manifest.kind = kind
    }

    private mutating func readContract(_ node: JSONNode?, into manifest: inout Manifest) {
        guard let node else { return note("abi", "is missing: say {\"major\": 1, \"minor_min\": 0}") }
        let members = members(of: node, at: "abi", known: ["major", "minor_min"])
        manifest.abiMajor = number(members["major"], "abi.major", in: 0...1_000, isRequired: true) ?? 1
        manifest.abiMinorMin = number(members["minor_min"], "abi.minor_min", in: 0...1_000) ?? 0
        if manifest.abiMajor != Manifest.hostMajor || manifest.abiMinorMin > Manifest.hostMinor {
            let asked = "\(manifest.abiMajor).\(manifest.abiMinorMin)"
            note("abi", "asks for contract \(asked); this server speaks \(Manifest.hostMajor).\(Manifest.hostMinor)")
        }
    }

    private mutating func readDeterminism(_ node: JSONNode?, into manifest: inout Manifest) {
        guard let word = text(node, "determinism") else { return }
        if word != "pure", word != "impure" { note("determinism", "must be 'pure' or 'impure'") }
        manifest.isPure = word == "pure"
    }

    private mutating func readLimits(_ node: JSONNode?, into manifest: inout Manifest) {
        guard let node else { return }
        let known: Set<String> = [
            "wall_ms", "create_ms", "memory_mib", "output_bytes", "fan_out", "threads", "log_lines",
        ]
        let members = members(of: node, at: "limits", known: known)
        for name in known.sorted() where members[name] != nil {
            _ = number(members[name], "limits.\(name)", in: 1...1_000_000_000)
        }
        manifest.limits.wallMilliseconds = members["wall_ms"].flatMap(tape.int64).flatMap { Int(exactly: $0) }
        manifest.limits.createMilliseconds = members["create_ms"].flatMap(tape.int64).flatMap { Int(exactly: $0) }
        manifest.limits.memoryMebibytes = members["memory_mib"].flatMap(tape.int64).flatMap { Int(exactly: $0) }
        manifest.limits.threads = members["threads"].flatMap(tape.int64).flatMap { Int(exactly: $0) }
    }

    private mutating func readPermissions(_ node: JSONNode?, into manifest: inout Manifest) {
        guard let node else { return }
        let members = members(of: node, at: "permissions", known: ["http", "streams", "secrets", "reveal_secrets"])
        readSecretNames(members["secrets"])
        guard let http = members["http"] else { return }
        guard tape.kind(http) == .array else { return note("permissions.http", "must be a list of address patterns") }
        for element in tape.elements(of: http) {
            guard let pattern = tape.string(element), pattern.contains("://") else {
                note("permissions.http", "holds something that is no pattern like 'https://api.example.com/v1'")
                continue
            }
            manifest.httpPermissions.append(pattern)
        }
    }

    private mutating func readClassify(_ node: JSONNode?, into manifest: inout Manifest) {
        guard let node else { return }
        guard manifest.kind == .requests else { return note("classify", "is for connectors that make requests") }
        let words = "of \"2xx\" to \"5xx\", a status such as \"409\", or \"transport\""
        let what = "must be a list of up to \(Self.mostPatterns) \(words)"
        guard tape.kind(node) == .array else { return note("classify", what) }
        let patterns = tape.elements(of: node).map { tape.string($0).flatMap(AnswerPattern.init) }
        guard patterns.count <= Self.mostPatterns, patterns.allSatisfy({ $0 != nil }) else {
            return note("classify", what)
        }
        manifest.classifies = patterns.compactMap { $0 }
    }

    private static let mostPatterns = 32

    /// The catalog reads them again where it asks whether a name is among them.
    private mutating func readSecretNames(_ node: JSONNode?) {
        guard let node else { return }
        let names = tape.kind(node) == .array ? tape.elements(of: node).map { tape.string($0) } : [nil]
        for name in names {
            guard let name, name.utf8.count <= 63, name == "*" || Self.isSecretName(name) else {
                note("permissions.secrets", "must be a list of names of a-z, 0-9 and '-', which may end with '*'")
                return
            }
        }
    }

    private static func isSecretName(_ name: String) -> Bool {
        let letters = name.hasSuffix("*") ? name.utf8.dropLast() : name.utf8[...]
        return !letters.isEmpty && letters.allSatisfy { isIDByte($0) && $0 != UInt8(ascii: ".") }
    }

    private mutating func readSchema(_ node: JSONNode?, into manifest: inout Manifest) {
        guard let node else { return }
        guard tape.kind(node) == .object else { return note("config_schema", "must be a JSON Schema, an object") }
        manifest.configSchema = String(decoding: tape.written(node), as: UTF8.self)
        var wrong: [JSONSchema.Problem] = []
        _ = JSONSchema(node, in: tape, at: "config_schema", &wrong)
        problems += wrong.map { ManifestError.Problem($0.path, $0.what) }
    }

    // MARK: Values

    private mutating func members(of node: JSONNode, at path: String, known: Set<String>) -> [String: JSONNode] {
        guard tape.kind(node) == .object else {
            note(path, "must be an object")
            return [:]
        }
        var members: [String: JSONNode] = [:]
        for member in tape.members(of: node) {
            guard let name = tape.string(member.key), !name.hasPrefix("x-") else { continue }
            let place = path.isEmpty ? name : "\(path).\(name)"
            if !known.contains(name) {
                note(place, "is not known; known are \(known.sorted().joined(separator: ", "))")
            } else if members.updateValue(member.value, forKey: name) != nil {
                note(place, "stands there twice")
            }
        }
        return members
    }

    private mutating func text(_ node: JSONNode?, _ path: String, isRequired: Bool = false) -> String? {
        guard let node else {
            if isRequired { note(path, "is missing") }
            return nil
        }
        guard let text = tape.string(node) else {
            note(path, "must be a text")
            return nil
        }
        if text.isEmpty, isRequired { note(path, "is empty") }
        return text
    }

    private mutating func number(
        _ node: JSONNode?,
        _ path: String,
        in range: ClosedRange<Int>,
        isRequired: Bool = false
    ) -> Int? {
        guard let node else {
            if isRequired { note(path, "is missing") }
            return nil
        }
        guard let number = tape.int64(node), let number = Int(exactly: number), range.contains(number) else {
            note(path, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
            return nil
        }
        return number
    }

    private mutating func note(_ path: String, _ what: String) { problems.append(.init(path, what)) }

    private static func isIDByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x61...0x7A, 0x30...0x39, 0x2D, 0x2E: true
        default: false
        }
    }

    private static func isSymbolByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x61...0x7A, 0x41...0x5A, 0x30...0x39, 0x5F: true
        default: false
        }
    }

    /// `major.minor.patch`, with a pre-release or build part behind it if need be.
    private static func isSemantic(_ version: String) -> Bool {
        guard version.utf8.count <= 64 else { return false }
        let parts = version.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "-" || $0 == "+" }
        let numbers = parts[0].split(separator: ".", omittingEmptySubsequences: false)
        let areNumbers = numbers.allSatisfy { part in
            !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
                && (part == "0" || !part.hasPrefix("0"))
        }
        guard numbers.count == 3, areNumbers else { return false }
        guard parts.count == 2 else { return true }
        return !parts[1].isEmpty
            && parts[1].utf8.allSatisfy { isIDByte($0) || (0x41...0x5A).contains($0) || $0 == 0x2B }
    }
}
