import EventModel
import Sandbox
import WorkerProtocol

/// The way from a sealed worker to one that has created its plugin.
struct PluginCreation: Sendable {
    let plugin: PluginIdentity
    let kind: PluginKind
    let configuration: ArraySlice<UInt8>
    let workshop: Workshop
    /// Whom the plugin may ask; nil for nobody.
    let calls: HostCalls?

    /// How it went, and how long it took in nanoseconds.
    enum Result: Sendable {
        case ready(Worker, took: Int64)
        case failed(FailureCause, message: String, took: Int64)
    }

    /// How often it is begun anew when the launcher was lost on the way.
    private static let mostLosses = 3
    /// How long the next launcher is given to take over.
    private static let takeOver = Duration.milliseconds(10)

    /// Creates the plugin in a worker.
    ///
    /// - Throws: `PluginError.noWorkers` when there is no worker to be had, `.missing` when there is no file.
    func run(attempt: UInt32, outputBytes: Int) async throws(PluginError) -> Result {
        let image = try await workshop.library.image(plugin.digest)
        let limits = workshop.settings.limits(for: plugin)
        var losses = 0
        while true {
            do throws(WorkerStartError) {
                let result = try await load(image, into: try workshop.pool.take(limits), attempt, outputBytes)
                // A worker also cannot seal itself when its launcher ends meanwhile.
                guard case .failed(let cause, _, _) = result, [.launcherDied, .sandboxUnavailable].contains(cause),
                    losses < Self.mostLosses
                else { return result }
            } catch {
                guard losses < Self.mostLosses else { throw .noWorkers(reason: error.reason) }
            }
            losses += 1
            try? await Task.sleep(for: Self.takeOver)
        }
    }

    private func load(
        _ image: PluginImage,
        into worker: Worker,
        _ attempt: UInt32,
        _ outputBytes: Int
    ) async throws(WorkerStartError) -> Result {
        let limit = workshop.settings.creationTime(for: plugin).nanoseconds
        _ = try worker.grow(input: configuration.count + ArenaLayout.firstBytes / 2, output: outputBytes)
        let began = MonotonicTime.now
        let head = BatchHead(
            kind: .load,
            batch: 0,
            deadlineNanoseconds: began + limit,
            wallNanoseconds: MonotonicTime.wall
        )
        guard worker.write(request(attempt), head) else {
            worker.kill(.createFailed)
            return .failed(.createFailed, message: "the configuration does not fit an arena", took: 0)
        }
        if calls != nil, plugin.mayCall { try worker.permitCalls() }
        let watch = Watch(.loadTimeout, now: began, limit: limit, ceiling: limit)
        var desk = CallDesk(calls)
        var signal = await worker.load(file: image.file.number, watch: watch)
        while case .called(let bytes) = signal { signal = await desk.serve(worker, bytes: bytes, watch: watch) }
        // What the process took to start counts, whether or not it was started ahead; what the host took for it does not.
        let took = MonotonicTime.now - began - desk.waited + worker.startNanoseconds(before: began)
        return result(worker, signal, took: took)
    }

    private func request(_ attempt: UInt32) -> LoadRequest {
        LoadRequest(
            entry: plugin.entry,
            pluginID: plugin.id,
            pluginVersion: plugin.version,
            instanceID: plugin.description,
            configuration: configuration,
            hostVersion: Workshop.hostVersion,
            kinds: plugin.kinds.reduce(0) { $0 | UInt64($1.bit) },
            kind: kind.bit,
            attempt: attempt
        )
    }

    private func result(_ worker: Worker, _ signal: WorkerSignal, took: Int64) -> Result {
        switch signal {
        case .ready:
            let profile = worker.seal.profile
            guard profile < workshop.settings.leastProfile else { return .ready(worker, took: took) }
            worker.kill(.sandboxUnavailable)
            return .failed(
                .sandboxUnavailable,
                message: "a worker is sealed as '\(profile.rawValue)', which is too little",
                took: took
            )
        case .failed(let failure, _):
            let report = unsafe try? OutputArenaReader.failure(worker.arenas.output.shared)
            let words = [report?.text, report?.message].compactMap(\.self).filter { !$0.isEmpty }
            worker.kill(FailureCause(failure))
            return .failed(FailureCause(failure), message: words.joined(separator: ": "), took: took)
        case .ended(let end):
            return .failed(FailureCause(end, limits: worker.limits), message: worker.lastLine, took: took)
        case .answered, .called:
            worker.kill(.protocolViolation)
            return .failed(.protocolViolation, message: "it answered before it was asked", took: took)
        }
    }
}
