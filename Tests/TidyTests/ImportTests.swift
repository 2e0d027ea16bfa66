import Foundation
import Testing

@Suite struct ImportTests {
    /// What each target may import of ours: downwards only, as `docs/architecture.md` draws it.
    private static let ours: [String: Set<String>] = [
        // Words
        "EventModel": [],
        "EventJSON": ["EventModel"],
        "Conditions": ["EventJSON", "EventModel"],
        // Instruments
        "PostgreSQL": ["CPostgreSQL", "CLinux", "EventModel"],
        "Sandbox": ["CSeccomp", "CLinux"],
        "Telemetry": ["EventModel"],
        // Stages
        "WorkerProtocol": ["CSharedMemory", "EventModel"],
        "WorkerRuntime": ["CLeatPlugin", "CLinux", "EventJSON", "EventModel", "WorkerProtocol"],
        "EventLog": ["CCompression", "CHashing", "CSchema", "EventJSON", "EventModel", "PostgreSQL"],
        "Catalog": ["Conditions", "EventJSON", "EventModel", "PostgreSQL"],
        "Ingestion": ["CCompression", "Catalog", "EventJSON", "EventLog", "EventModel", "Telemetry"],
        "PluginHost": [
            "CLinux", "Conditions", "EventJSON", "EventModel", "PostgreSQL", "Sandbox", "Telemetry", "WorkerProtocol",
        ],
        "Delivery": ["CCompression", "CLinux", "EventModel"],
        "Pipeline": [
            "Catalog", "Conditions", "Delivery", "EventJSON", "EventLog", "EventModel", "PluginHost", "Telemetry",
            "WorkerProtocol",
        ],
        // Watch
        "AdminAPI": ["Catalog", "Conditions", "EventModel"],
        // What plugin authors use
        "LeatSDK": ["CLeatPlugin", "EventJSON", "EventModel"],
        // Programs
        "leat-worker": ["CLinux", "Sandbox", "WorkerProtocol", "WorkerRuntime"],
        "leat": [
            "AdminAPI", "Catalog", "Delivery", "EventLog", "EventModel", "Ingestion", "Pipeline", "PluginHost",
            "PostgreSQL", "Sandbox", "Telemetry",
        ],
        "leat-bench": [
            "CInProcess", "CLinux", "CSimdjson", "Catalog", "Conditions", "Delivery", "EventJSON", "EventLog",
            "EventModel", "Ingestion", "LeatSDK",
            "Pipeline", "PluginHost", "PostgreSQL", "Sandbox", "Telemetry", "WorkerProtocol",
        ],
    ]

    /// Where Foundation may not come, because it costs tens of milliseconds and megabytes at the start of a process.
    private static let withoutFoundation: Set<String> = [
        "EventModel", "EventJSON", "Conditions", "WorkerProtocol", "WorkerRuntime", "Sandbox", "leat-worker",
        "LeatSDK",
    ]

    /// What reaches the network or the database.
    private static let reaching: Set<String> = [
        "PostgreSQL", "CPostgreSQL", "Hummingbird", "HummingbirdCore", "AsyncHTTPClient", "NIOCore", "NIOPosix",
        "NIOHTTP1",
    ]

    /// What comes with the compiler or with an operating system, so that no package declares it.
    private static let toolchain: Set<String> = [
        "Dispatch", "Foundation", "FoundationEssentials", "Glibc", "Musl", "Swift", "Synchronization", "Testing",
        "XCTest",
    ]

    private static func modules(
        in folders: [String] = ["Sources"]
    ) throws -> [(target: String, path: String, module: String)] {
        try SourceTree.files(in: folders, endings: [".swift"]).flatMap { file in
            file.lines.compactMap { line in
                module(importedBy: line).map { (file.target, file.path, $0) }
            }
        }
    }

    /// The module that a line imports, whatever stands before and after the word.
    private static func module(importedBy line: String) -> String? {
        let words = line.split(separator: " ")
        guard let keyword = words.firstIndex(of: "import"), words.indices.contains(keyword + 1), !line.contains("//"),
            words.prefix(keyword).allSatisfy({ $0.allSatisfy(\.isLetter) || $0.hasPrefix("@") })
        else { return nil }
        // Tests hold programs in other languages, which import several modules at once.
        guard !words[keyword + 1].hasSuffix(",") else { return nil }
        let kinds: Set<Substring> = ["struct", "class", "enum", "func", "protocol", "let", "var", "typealias"]
        let name = kinds.contains(words[keyword + 1]) ? words[keyword + 2] : words[keyword + 1]
        return String(name.prefix { $0 != "." })
    }

    @Test func `Imports point downwards only`() throws {
        let known = Set(Self.ours.keys).union(Self.ours.values.joined())
        for (target, path, module) in try Self.modules() {
            let allowed = Self.ours[target]
            #expect(allowed != nil, "\(path): the target \(target) has no row in the table of imports")
            guard known.contains(module) else { continue }
            #expect(allowed?.contains(module) == true, "\(path) may not import \(module)")
        }
    }

    /// An import that nobody declared builds only when another target happens to be compiled first.
    @Test func `Every target declares what it imports`() throws {
        let manifest = try SourceTree.text("Package.swift")
        let declared = Dictionary(
            manifest.components(separatedBy: "arget(").dropFirst().map { target in
                let words = target.matches(of: /"([\w-]+)"/).map { String($0.1) }
                return (words.first ?? "", Set(words.dropFirst()))
            },
            uniquingKeysWith: { $0.union($1) }
        )
        #expect(declared["EventLog"]?.contains("PostgreSQL") == true, "the manifest is not read as it is written")
        for (target, path, module) in try Self.modules(in: ["Sources", "Tests"])
        where !Self.toolchain.contains(module) {
            #expect(declared[target]?.contains(module) == true, "\(path): \(target) does not declare \(module)")
        }
    }

    @Test func `Small processes stay free of Foundation`() throws {
        for (target, path, module) in try Self.modules() where Self.withoutFoundation.contains(target) {
            #expect(!["Foundation", "FoundationEssentials"].contains(module), "\(path) imports \(module)")
        }
    }

    @Test func `A worker can reach neither network nor database`() throws {
        var reached: Set<String> = []
        var open = ["leat-worker"]
        let imports = Dictionary(grouping: try Self.modules(), by: \.target).mapValues { Set($0.map(\.module)) }
        while let target = open.popLast() {
            guard reached.insert(target).inserted else { continue }
            open += imports[target] ?? []
        }
        #expect(reached.isDisjoint(with: Self.reaching), "\(reached.intersection(Self.reaching).sorted())")
        #expect(reached.contains("WorkerRuntime"))
    }
}
