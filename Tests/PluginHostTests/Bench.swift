import Crypto
import EventModel
import Foundation
import Logging
import PluginHost
import Sandbox
import Synchronization
import TestSupport
import Testing

/// A workshop of its own for one test, with real launchers and workers, and a look at what is left afterwards.
struct Bench {
    let workshop: Workshop
    let timings = TimingRecorder()
    private let shelf: Shelf

    /// The files that the workshop's library can fetch.
    private final class Shelf: Sendable {
        let files = Mutex<[PluginDigest: [UInt8]]>([:])
    }

    /// Runs `body` and checks that afterwards no process and no descriptor of the workshop is left.
    static func run(
        _ settings: PluginHostSettings = PluginHostSettings(),
        program: String? = nil,
        _ body: (Bench) async throws -> Void
    ) async throws {
        let before = Self.openFiles()
        let children = try await open(settings, program: program, body)
        for pid in children { #expect(await Self.isGone(pid), "process \(pid) is still there") }
        #expect(Self.openFiles() == before)
    }

    private static func open(
        _ settings: PluginHostSettings,
        program: String?,
        _ body: (Bench) async throws -> Void
    ) async throws -> Set<Int32> {
        let bench = try Bench(settings, program: program)
        var children = Self.descendants()
        do {
            try await body(bench)
        } catch {
            await bench.workshop.close()
            throw error
        }
        children.formUnion(Self.descendants())
        await bench.workshop.close()
        #expect(bench.workshop.livingWorkers == 0)
        return children
    }

    private init(_ settings: PluginHostSettings, program: String?) throws {
        let shelf = Shelf()
        let library = PluginLibrary { digest in shelf.files.withLock { $0[digest] } }
        workshop = try Workshop(
            launcher: try Launcher.start(program: program),
            library: library,
            timings: timings,
            settings: settings
        )
        self.shelf = shelf
    }

    /// Stores a plugin file.
    func upload(_ library: URL) throws -> PluginIdentity {
        let bytes = [UInt8](try Data(contentsOf: library))
        let name = SHA256.hash(data: bytes).map { String(format: "%02x", $0) }.joined()
        let digest = try #require(PluginDigest(rawValue: name))
        shelf.files.withLock { $0[digest] = bytes }
        return PluginIdentity(
            id: PluginFixture.id,
            version: PluginFixture.version,
            digest: digest,
            kinds: [.transform],
            entry: "leat_plugin_entry_v1"
        )
    }

    /// Opens a session for a fixture of `Tests/FaultyPlugins`.
    func session(_ library: URL, configuration: String = "{}") throws -> PluginSession {
        try session(upload(library), configuration: configuration)
    }

    func session(_ plugin: PluginIdentity, as kind: PluginKind = .transform, configuration: String = "{}")
        -> PluginSession
    {
        var logger = Logger(label: "leat.test")
        logger.logLevel = .critical
        return PluginSession(
            plugin,
            as: kind,
            configuration: Array(configuration.utf8)[...],
            workshop: workshop,
            logger: logger
        )
    }

    // MARK: What is left

    /// The processes below this one.
    static func descendants() -> Set<Int32> {
        var parents: [Int32: Int32] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? [] {
            guard let pid = Int32(name), let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8),
                let rest = stat.split(separator: ")").last, stat.contains("(leat-")
            else { continue }
            let fields = rest.split(separator: " ")
            parents[pid] = fields.count > 1 ? Int32(fields[1]) : nil
        }
        let own = getpid()
        return Set(
            parents.keys.filter { pid in
                var next = pid
                for _ in 0..<8 where next != own { next = parents[next] ?? 0 }
                return next == own
            }
        )
    }

    /// Whether the process ends, at once or soon: the workers of a killed launcher are killed by the kernel.
    private static func isGone(_ pid: Int32) async -> Bool {
        for _ in 0..<10_000 {
            let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            // Z: it has ended, and only its foster parent has not looked yet.
            guard let state = stat?.split(separator: ")").last?.first(where: { $0 != " " }), state != "Z" else {
                return true
            }
            await Task.yield()
        }
        return false
    }

    /// The arenas, pipes, sockets and counters that this process has open, by kind.
    private static func openFiles() -> [String: Int] {
        var kinds: [String: Int] = [:]
        for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
            guard let target = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)"),
                // Folders of databases belong to other tests that run at the same time.
                target.contains("leat-"), !target.contains("/leat-test-")
            else { continue }
            kinds[String(target.prefix(24)), default: 0] += 1
        }
        return kinds
    }
}

/// Events that ask a fixture for something: `"crash"` becomes `{"n":3,"do":"crash"}`; nil asks for nothing.
func events(_ orders: [String?]) -> [PluginEvent] {
    orders.enumerated().map { number, order in
        let text = order.map { #"{"n":\#(number),"do":"\#($0)"}"# } ?? #"{"n":\#(number)}"#
        return PluginEvent(json: Array(text.utf8)[...], offset: Int64(number))
    }
}

extension PluginVerdict {
    /// The verdict in a few words: the parts, or the code.
    var words: String {
        switch self {
        case .emit(let parts): parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: "+")
        case .drop(let reason): "dropped: \(reason)"
        case .fail(let code, _, let disposition): disposition == .bury ? "buried: \(code)" : "again: \(code)"
        }
    }
}

/// All tests with real workers, one at a time: they count processes and descriptors.
@Suite(.serialized, .timeLimit(.minutes(2))) struct WorkerTests {}
