import CLinux
import EventModel
import Logging
import Sandbox
import WorkerProtocol

/// One plugin version with one configuration, as it lives in one worker after another.
///
/// - Owner: its session, which asks for one batch at a time.
actor PluginRunner {
    let plugin: PluginIdentity
    private let creation: PluginCreation
    private let timings: TimingSeries
    private let calls: HostCalls?
    let logger: Logger
    private var settings: PluginHostSettings { creation.workshop.settings }

    private var worker: Worker?
    private var backoff = Backoff()
    private var lastFailure: (cause: FailureCause, message: String) = (.createFailed, "")
    private var creations: UInt32 = 0
    private var batches: UInt64 = 0
    private var isStopped = false
    /// The output arena that answers need, in bytes.
    private var outputBytes = ArenaLayout.firstBytes
    var sizer: BatchSizer

    /// After how many batches the worker's CPU time is looked at.
    private static let wearInterval: UInt64 = 32
    /// What the host holds of a batch's output at most before it stops to run again what did not fit, in bytes.
    private static let mostOutputBytes = 4 * ArenaLayout.largestBytes
    /// Workers that a batch may lose for no fault of its plugin.
    private static let mostLosses = 3

    init(
        plugin: PluginIdentity,
        kind: PluginKind,
        configuration: ArraySlice<UInt8>,
        workshop: Workshop,
        timings: TimingRecorder,
        calls: HostCalls?,
        logger: Logger
    ) {
        self.plugin = plugin
        self.calls = calls
        creation = PluginCreation(
            plugin: plugin,
            kind: kind,
            configuration: configuration,
            workshop: workshop,
            calls: calls
        )
        self.timings = timings.series(plugin)
        self.logger = logger
        sizer = BatchSizer(most: workshop.settings.batchEvents, goal: workshop.settings.batchTime)
    }

    /// How long the plugin may work on one event.
    private var eventTime: Duration { min(plugin.eventTime ?? settings.eventTime, settings.eventTimeCeiling) }

    /// How many events the next batch should have.
    var batchSize: Int { sizer.size }

    /// The process that runs the plugin now, for those who measure it.
    var workerProcess: Int32? { worker?.process }

    // MARK: Batches

    /// Runs events through the plugin until each has a verdict, whatever it does to its workers.
    ///
    /// `absorb` takes the answer to a trial, and the events that it was about, as places in `inputs`.
    /// - Returns: The events that end workers, each with its cause.
    /// - Throws: `PluginError` when the plugin as a whole cannot go on; what was absorbed so far is void then.
    func run(
        _ kind: ArenaKind,
        _ inputs: BatchInputs,
        absorb: (BatchAnswer, Isolation.Trial) -> Void
    ) async throws(PluginError) -> [(event: Int, cause: FailureCause)] {
        var isolation = Isolation(
            count: inputs.count,
            killBudget: settings.killBudget,
            culpritShare: settings.culpritShare
        )
        var losses = 0
        var outputBytes = 0
        while let trial = isolation.next {
            if isolation.isHopeless, let last = isolation.culprits.last { throw failing(last.cause, "too many events") }
            let worker = try await readyWorker()
            let isWhole = trial.count == inputs.count
            switch try await answer(to: isWhole ? inputs : inputs.picking(trial), kind, worker) {
            case .answered(let answer):
                isolation.take(.answered)
                backoff.succeeded()
                absorb(answer, trial)
                outputBytes += answer.outputBytes
                guard !answer.outgrown.isEmpty, outputBytes < Self.mostOutputBytes else { break }
                runAgain(answer.outgrown.map { trial[$0] }, of: trial, on: worker, &isolation)
            case .ended(let cause, let suspect):
                self.worker = nil
                if cause == .launcherDied || cause == .hostDied {
                    losses += 1
                    if isStopped { throw .stopped }
                    if losses > Self.mostLosses { throw .noWorkers(reason: cause.sentence) }
                } else {
                    isolation.take(.ended(cause, suspect: suspect))
                }
            }
        }
        return isolation.culprits
    }

    private enum Trialed {
        case answered(BatchAnswer)
        case ended(FailureCause, suspect: Int?)
    }

    private func answer(
        to inputs: BatchInputs,
        _ kind: ArenaKind,
        _ worker: Worker
    ) async throws(PluginError) -> Trialed {
        let needed = inputs.arenaBytes
        try grow(worker, input: needed, output: max(outputBytes, needed))
        batches += 1
        let began = MonotonicTime.now
        let head = head(kind, began: began)
        guard let payloadBytes = worker.write(inputs, head) else {
            preconditionFailure("an arena has the size that was asked for")
        }
        let watch = watch(began, events: inputs.count)
        var desk = CallDesk(calls)
        var signal = await worker.answer(watch: watch)
        while case .called(let bytes) = signal { signal = await desk.serve(worker, bytes: bytes, watch: watch) }
        timings.waited(nanoseconds: desk.waited)
        let execution = Execution(
            nanoseconds: MonotonicTime.now - began - desk.waited,
            inputBytes: payloadBytes,
            events: inputs.count
        )
        let output = worker.arenas.output
        switch signal {
        case .answered(let at):
            do throws(ArenaError) {
                let answer = unsafe try OutputArenaReader.answer(output.shared, head, inputs)
                measure(execution, took: at - began - desk.waited, answer)
                return .answered(answer)
            } catch {
                worker.kill(.protocolViolation)
                await worker.ended()
                note(.protocolViolation, error.description, execution)
                return .ended(.protocolViolation, suspect: nil)
            }
        case .ended(let end):
            let cause = FailureCause(end, limits: worker.limits)
            let suspect = unsafe try? OutputArenaReader.suspect(output.shared, head, inputs)
            note(cause, worker.lastLine, execution)
            return .ended(cause, suspect: suspect)
        case .ready, .failed, .called:
            worker.kill(.protocolViolation)
            await worker.ended()
            note(.protocolViolation, "a second creation was reported", execution)
            return .ended(.protocolViolation, suspect: nil)
        }
    }

    private struct Execution {
        var nanoseconds: Int64
        var inputBytes: Int
        var events: Int
    }

    private func head(_ kind: ArenaKind, began: Int64) -> BatchHead {
        BatchHead(
            kind: kind,
            batch: batches,
            deadlineNanoseconds: began + eventTime.nanoseconds,
            wallNanoseconds: MonotonicTime.wall,
            fanOut: Limits.fanOut,
            outputBytes: ArenaLayout.largestBytes
        )
    }

    private func watch(_ began: Int64, events: Int) -> Watch {
        Watch(
            .wallTimeout,
            now: began,
            limit: eventTime.nanoseconds,
            ceiling: events == 1 ? eventTime.nanoseconds : settings.batchCeiling.nanoseconds,
            cpuLimit: settings.eventCPU.nanoseconds
        )
    }

    // MARK: Arenas

    private func grow(_ worker: Worker, input: Int, output: Int) throws(PluginError) {
        do {
            guard try worker.grow(input: input, output: output) else {
                throw PluginError.noWorkers(reason: "a batch needs a larger arena than there may be")
            }
        } catch let error as PluginError {
            throw error
        } catch {
            throw .noWorkers(reason: "no memory for a batch")
        }
    }

    /// Has the events run again whose output did not fit: with twice the arena, and where it cannot grow, in halves.
    ///
    /// An event that was alone keeps its failure.
    private func runAgain(
        _ outgrown: Isolation.Trial,
        of trial: Isolation.Trial,
        on worker: Worker,
        _ isolation: inout Isolation
    ) {
        let size = worker.arenas.output.size
        if size < ArenaLayout.largestBytes {
            outputBytes = size * 2
            isolation.runAgain(outgrown)
        } else if trial.count > 1 {
            isolation.runAgain(halving: outgrown)
        }
    }

    // MARK: Workers

    /// The worker that has the plugin, created when there is none.
    private func readyWorker() async throws(PluginError) -> Worker {
        if isStopped { throw .stopped }
        if let worker, worker.end == nil {
            guard batches % Self.wearInterval == 0, worker.isWornOut else { return worker }

            self.worker = nil
            worker.drain()
        }
        if let delay = backoff.remaining(now: MonotonicTime.now) {
            throw .failing(cause: lastFailure.cause, message: lastFailure.message, retryAfter: delay)
        }
        creations += 1
        switch try await creation.run(attempt: creations, outputBytes: outputBytes) {
        case .ready(let worker, let took):
            timings.created(nanoseconds: took, failure: nil)
            self.worker = worker
            guard isStopped else { return worker }
            worker.kill(.hostDied)
            throw .stopped
        case .failed(let cause, let message, let took):
            if isStopped { throw .stopped }
            timings.created(nanoseconds: took, failure: cause)
            throw creationError(cause, message)
        }
    }

    private func creationError(_ cause: FailureCause, _ message: String) -> PluginError {
        switch cause {
        case .loadError, .abiMismatch, .identityMismatch:
            logger.error("a plugin cannot be used", metadata: metadata(cause, message))
            return .unusable(cause: cause, message: message)
        case .sandboxUnavailable, .launcherDied, .hostDied:
            return .noWorkers(reason: message.isEmpty ? cause.sentence : message)
        default: return failing(cause, message)
        }
    }

    /// Counts a failure of the plugin as a whole.
    private func failing(_ cause: FailureCause, _ message: String) -> PluginError {
        let delay = backoff.failed(now: MonotonicTime.now, dice: .random(in: 0..<1))
        lastFailure = (cause, message)
        logger.warning("a plugin fails as a whole and is left alone for a while", metadata: metadata(cause, message))
        return .failing(cause: cause, message: message, retryAfter: delay)
    }

    /// Ends the worker; nothing runs afterwards.
    func stop() async {
        isStopped = true
        guard let worker else { return }
        worker.drain()
        await worker.ended()
        self.worker = nil
    }

    // MARK: What is noted

    private func measure(_ execution: Execution, took: Int64, _ answer: BatchAnswer) {
        sizer.measured(events: execution.events, nanoseconds: took)
        timings.executed(
            nanoseconds: took,
            inputBytes: execution.inputBytes,
            events: execution.events,
            outputBytes: answer.outputBytes,
            failure: nil
        )
        timings.reported.take(answer.metrics)
        guard !answer.logs.isEmpty || answer.droppedLogs > 0 else { return }
        let left = Int(answer.droppedLogs)
        let admitted = timings.admitLogs(answer.logs.count, leftOut: left, now: MonotonicTime.now)
        for record in answer.logs.prefix(admitted) { log(record) }
    }

    private func log(_ record: PluginLog) {
        let levels: [Logger.Level] = [.trace, .debug, .info, .notice, .warning, .error, .error]
        let level = levels[Int(max(0, min(6, record.level)))]
        logger.log(
            level: level,
            "a plugin says",
            metadata: ["plugin": "\(plugin)", "plugin.says": "\(record.message.prefix(1_024))"]
        )
    }

    private func note(_ cause: FailureCause, _ words: String, _ execution: Execution) {
        sizer.measured(events: execution.events, nanoseconds: execution.nanoseconds)
        timings.executed(
            nanoseconds: execution.nanoseconds,
            inputBytes: execution.inputBytes,
            events: execution.events,
            outputBytes: nil,
            failure: cause
        )
        logger.warning("a worker ended in the middle of a batch", metadata: metadata(cause, words))
    }

    private func metadata(_ cause: FailureCause, _ words: String) -> Logger.Metadata {
        ["plugin": "\(plugin)", "plugin.cause": "\(cause.rawValue)", "plugin.says": "\(words)"]
    }
}
