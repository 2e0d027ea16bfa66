import ArgumentParser
import CInProcess
import CLinux
import EventModel
import Foundation
import Logging
import PluginHost
import WorkerProtocol

/// What it costs to run a plugin in a worker of its own rather than in the host.
struct HopBench: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hop",
        abstract: "CPU of a batch host → worker → host, beside the same plugin called in this process."
    )

    @Argument(help: "The plugin: a transformation's library, such as examples/swift-mask-email builds.")
    var library: String

    @Option(help: "Its manifest; beside the library by default.")
    var manifest: String?

    @Option(help: "How often the measurement and its reference run.")
    var pairs = 9

    @Option(help: "Events of a batch.")
    var batch = 200

    @Option(help: "How many different events of about 1 KB.")
    var events = 4_000

    func run() async throws {
        // First, as in the server: it is to be started before there are threads.
        let launcher = try Launcher.start()
        let bytes = [UInt8](try Data(contentsOf: URL(filePath: library)))
        let digest = PluginDigest(of: bytes)
        let sidecar = URL(filePath: library).deletingLastPathComponent().appending(path: "manifest.json").path
        let text = try Data(contentsOf: URL(filePath: manifest ?? sidecar))
        let plugin = PluginIdentity(try Manifest(parsing: [UInt8](text)), digest: digest)
        let workshop = try Workshop(
            launcher: launcher,
            library: PluginLibrary { $0 == digest ? bytes : nil },
            timings: TimingRecorder()
        )
        let session = PluginSession(
            plugin,
            as: .transform,
            configuration: [UInt8]("{}".utf8)[...],
            workshop: workshop,
            logger: Logger(label: "leat.bench")
        )
        guard let near = InProcessPlugin(library) else { throw ValidationError("the plugin does not load") }
        let batches = Batches(SampleEvents(count: events), of: batch)
        try await batches.compare(session, near)
        let beside = try await Pairs(pairs, of: "hop") {
            try await batches.far(session, .both)
        } reference: {
            batches.near(near)
        }
        BenchLine(bench: "hop", unit: "µs CPU/batch", pairs: beside).emit()
        let inside = try await Pairs(pairs, of: "hop.worker") {
            try await batches.far(session, .worker)
        } reference: {
            batches.near(near)
        }
        BenchLine(bench: "hop.worker", unit: "µs CPU/batch", pairs: inside).emit()
        let elapsed = try await Pairs(pairs, of: "hop.elapsed") {
            try await batches.far(session, .elapsed)
        } reference: {
            batches.near(near)
        }
        BenchLine(bench: "hop.elapsed", unit: "µs/batch", pairs: elapsed).emit()
        await session.stop()
        await workshop.close()
    }
}

/// The events in batches, for both ways.
private struct Batches {
    private let sample: SampleEvents
    private let size: Int
    private let batches: [[PluginEvent]]

    init(_ sample: SampleEvents, of size: Int) {
        self.sample = sample
        self.size = size
        batches = stride(from: 0, to: sample.count - size + 1, by: size).map { start in
            (start..<start + size).map { PluginEvent(json: sample[$0], offset: Int64($0)) }
        }
    }

    /// How often one run goes over all batches.
    private static let rounds = 10

    /// What is measured of the way through a worker.
    enum Share {
        /// CPU of host and worker.
        case both
        /// CPU of the worker alone.
        case worker
        /// The time on the clock.
        case elapsed
    }

    /// Through a worker: microseconds for one batch.
    func far(_ session: PluginSession, _ share: Share) async throws -> Double {
        let worker = await session.workerProcess ?? 0
        let clock = ContinuousClock()
        let start = clock.now
        let before = (host: cpu(getpid()), worker: cpu(worker))
        for _ in 0..<Self.rounds {
            for batch in batches { _ = try await session.transform(batch) }
        }
        let inside = cpu(worker) - before.worker
        let used =
            switch share {
            case .both: Double(inside + cpu(getpid()) - before.host) / 1_000
            case .worker: Double(inside) / 1_000
            case .elapsed: (clock.now - start) / .microseconds(1)
            }
        // A worker that was replaced meanwhile has taken its count with it.
        guard await session.workerProcess == worker else { return try await far(session, share) }
        return used / Double(batches.count * Self.rounds)
    }

    /// In this process: microseconds of CPU for one batch.
    func near(_ plugin: InProcessPlugin) -> Double {
        let before = cpu(getpid())
        for _ in 0..<Self.rounds {
            for batch in batches.indices { _ = near(plugin, batch) }
        }
        return Double(cpu(getpid()) - before) / 1_000 / Double(batches.count * Self.rounds)
    }

    private func near(_ plugin: InProcessPlugin, _ batch: Int) -> (bytes: Int, parts: Int) {
        plugin.run(sample, batch * size..<(batch + 1) * size)
    }

    /// Both ways give the same.
    func compare(_ session: PluginSession, _ plugin: InProcessPlugin) async throws {
        for batch in batches.indices {
            var bytes = 0
            var count = 0
            for verdict in try await session.transform(batches[batch]) {
                guard case .emit(let parts) = verdict else { continue }
                for part in parts { bytes += part.count }
                count += parts.count
            }
            guard near(plugin, batch) == (bytes, count), count > 0 else {
                throw ValidationError("the worker gave \(bytes) bytes, in process \(near(plugin, batch))")
            }
        }
    }

    private func cpu(_ process: Int32) -> Int64 {
        var nanoseconds: Int64 = 0
        _ = unsafe leat_process_cpu(process, &nanoseconds)
        return nanoseconds
    }
}

/// The plugin, loaded into this process.
@safe private final class InProcessPlugin {
    private let plugin: OpaquePointer

    init?(_ library: String) {
        guard let plugin = unsafe leat_in_process_open(library) else { return nil }
        unsafe self.plugin = plugin
    }

    /// Runs some events and says how many bytes and parts they became.
    func run(_ sample: SampleEvents, _ events: Range<Int>) -> (bytes: Int, parts: Int) {
        var parts: UInt32 = 0
        let bytes = unsafe sample.bytes.withUnsafeBufferPointer { text in
            unsafe sample.offsets[events.lowerBound...].withUnsafeBufferPointer { offsets in
                unsafe leat_in_process_run(plugin, text.baseAddress, offsets.baseAddress, UInt32(events.count), &parts)
            }
        }
        return (bytes, Int(parts))
    }
}
