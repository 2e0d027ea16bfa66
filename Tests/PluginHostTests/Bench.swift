import Crypto
import EventModel
import Foundation
import Logging
import Sandbox
import Synchronization
import TestSupport
import Testing
import WorkerProtocol

@testable import PluginHost

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
        let left = try await open(settings, program: program, body)
        for pid in left.processes { #expect(await Self.isGone(pid), "process \(pid) is still there") }
        let open = Self.openFiles()
        #expect(left.files.isDisjoint(with: open), "\(left.files.intersection(open)) are still open")
    }

    /// What a workshop has while it is open: processes, and files by their numbers in the kernel.
    private struct Belongings {
        var processes: Set<Int32> = []
        var files: Set<UInt64> = []

        mutating func add(_ workshop: Workshop) {
            for seat in [workshop.pump.launcher.active, workshop.pump.launcher.spare] {
                if let pid = seat?.pid, pid > 0 { processes.insert(pid) }
            }
            for worker in workshop.pump.workers {
                if let pid = worker.process { processes.insert(pid) }
                for descriptor in [worker.control, worker.arenas.input.file, worker.arenas.output.file] {
                    if let file = Bench.file(descriptor.number) { files.insert(file) }
                }
            }
        }
    }

    private static func open(
        _ settings: PluginHostSettings,
        program: String?,
        _ body: (Bench) async throws -> Void
    ) async throws -> Belongings {
        let bench = try Bench(settings, program: program)
        var belongings = Belongings()
        belongings.add(bench.workshop)
        do {
            try await body(bench)
        } catch {
            await bench.workshop.close()
            throw error
        }
        belongings.add(bench.workshop)
        await bench.workshop.close()
        #expect(bench.workshop.livingWorkers == 0)
        return belongings
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

    func session(
        _ plugin: PluginIdentity,
        as kind: PluginKind = .transform,
        configuration: String = "{}",
        calls: HostCalls? = nil
    ) -> PluginSession {
        PluginSession(
            plugin,
            as: kind,
            configuration: Array(configuration.utf8)[...],
            workshop: workshop,
            calls: calls,
            logger: logger
        )
    }

    var logger: Logger {
        var logger = Logger(label: "leat.test")
        logger.logLevel = .critical
        return logger
    }

    /// A stage of a rehearsal for a fixture of `Tests/FaultyPlugins`.
    func stage(
        _ library: URL,
        _ kind: PluginKind = .transform,
        config: String = "{}"
    ) throws -> RehearsalStage {
        var plugin = try upload(library)
        plugin.kinds = [kind]
        return RehearsalStage(plugin: plugin, kind: kind, config: config)
    }

    // MARK: What is left

    /// Whether the process ends, at once or soon: the workers of a killed launcher are killed by the kernel.
    private static func isGone(_ pid: Int32) async -> Bool {
        let bound = ContinuousClock.now + .seconds(30)
        while ContinuousClock.now < bound {
            let stat = try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)
            // Z: it has ended, and only its foster parent has not looked yet.
            guard let state = stat?.split(separator: ")").last?.first(where: { $0 != " " }), state != "Z" else {
                return true
            }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return false
    }

    /// The files that this process has open.
    private static func openFiles() -> Set<UInt64> {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return Set(names.compactMap(Int32.init).compactMap(file))
    }

    /// The number of an open file in the kernel; nil for event counters and the like, which share one.
    private static func file(_ descriptor: Int32) -> UInt64? {
        var facts = stat()
        let isNumbered = unsafe fstat(descriptor, &facts) == 0 && facts.st_mode & S_IFMT != 0
        return isNumbered ? UInt64(facts.st_dev) << 40 | UInt64(facts.st_ino) : nil
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
        case .requested: "requested"
        case .drop(let reason): "dropped: \(reason)"
        case .fail(let code, _, let disposition): disposition == .bury ? "buried: \(code)" : "again: \(code)"
        }
    }
}

/// All tests with real workers, one at a time: they count processes and descriptors.
@Suite(.serialized, .timeLimit(.minutes(2))) struct WorkerTests {}
