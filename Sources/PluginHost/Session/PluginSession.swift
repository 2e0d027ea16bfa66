package import EventModel
package import Logging
import Synchronization
package import WorkerProtocol

/// One plugin version with one configuration, for as many callers at a time as there are lanes.
///
/// Nobody waits for company: whoever comes first while nothing runs leads and runs a batch at once; whoever comes
/// meanwhile is gathered into the next one. The leader hands over when it has what it came for, so there is no task that
/// outlives its callers.
package final class PluginSession: Sendable {
    package let plugin: PluginIdentity
    private let runner: PluginRunner
    private let settings: PluginHostSettings
    private let queue = Mutex(SubmissionQueue())

    /// Prepares a session whose worker is started by the first call.
    ///
    /// `configuration` is a JSON object that was checked. What it takes is recorded in the workshop's timings unless
    /// others are named. It may ask `calls` for things if its manifest says that it does.
    package init(
        _ plugin: PluginIdentity,
        as kind: PluginKind,
        configuration: ArraySlice<UInt8>,
        workshop: Workshop,
        timings: TimingRecorder? = nil,
        calls: HostCalls? = nil,
        logger: Logger
    ) {
        self.plugin = plugin
        settings = workshop.settings
        runner = PluginRunner(
            plugin: plugin,
            kind: kind,
            configuration: configuration,
            workshop: workshop,
            timings: timings ?? workshop.timings,
            calls: calls,
            logger: logger
        )
    }

    // MARK: What callers ask

    /// Runs events through the transformation.
    ///
    /// - Returns: One verdict per event, in the order given. An event that ends its worker has failed with the cause as
    ///   code and is to be buried; the others are as if it had not been there.
    /// - Throws: `PluginError` only when the plugin as a whole cannot run now; its disposition says what to do.
    package func transform(_ events: [PluginEvent]) async throws(PluginError) -> [PluginVerdict] {
        try await submit(.transform(events)).verdicts
    }

    /// Lets the connector turn events into requests.
    ///
    /// Requests never mix events of different calls.
    /// - Throws: As `transform`.
    package func build(_ events: [PluginEvent]) async throws(PluginError) -> RequestPlan {
        try await submit(.build(events)).plan
    }

    /// Asks the connector what the destination's answers mean.
    ///
    /// - Returns: What it said; for a response it said nothing of, the host's own table holds.
    /// - Throws: As `transform`.
    package func classify(_ responses: [InputResponse]) async throws(PluginError) -> [Classification] {
        try await submit(.classify(responses)).classifications
    }

    /// The process that runs the plugin now, for those who measure it.
    package var workerProcess: Int32? { get async { await runner.workerProcess } }

    /// Ends the worker; whoever waits gets `PluginError.stopped`.
    package func stop() async {
        for submission in queue.withLock({ $0.stop() }) { submission.fail(.stopped) }
        await runner.stop()
    }

    // MARK: Leading

    private func submit(_ work: Submission.Work) async throws(PluginError) -> Submission.Outcome {
        guard work.count > 0 else { return Submission.Outcome() }
        let submission = Submission(work)
        guard let leads = queue.withLock({ $0.enter(submission) }) else { throw .stopped }
        if leads {
            await lead(submission)
        } else if await submission.turn() == .lead {
            await lead(submission)
        }
        return try submission.result.get()
    }

    private func lead(_ own: Submission) async {
        while !own.isDone {
            let most = await runner.batchSize
            let batch = queue.withLock { $0.nextBatch(events: most, bytes: settings.batchBytes) }
            await run(batch)
        }
        queue.withLock { $0.handOver() }?.lead()
    }

    private func run(_ batch: [SubmissionQueue.Share]) async {
        do throws(PluginError) {
            guard let first = batch.first else { return }
            switch first.submission.work {
            case .transform: try await transform(batch)
            case .build(let events): try await build(Array(events[first.range]), first)
            case .classify: try await classify(batch)
            }
        } catch {
            for share in batch {
                queue.withLock { $0.remove(share.submission) }
                share.submission.fail(error)
            }
        }
    }

    private func transform(_ batch: [SubmissionQueue.Share]) async throws(PluginError) {
        let verdicts = try await runner.transform(Self.events(of: batch))
        var start = 0
        for share in batch {
            let end = start + share.range.count
            share.submission.add { outcome in
                if outcome.verdicts.isEmpty, share.range.count == verdicts.count {
                    outcome.verdicts = verdicts
                } else {
                    outcome.verdicts.append(contentsOf: verdicts[start..<end])
                }
            }
            start = end
        }
    }

    /// The caller's own array when the batch is all of it.
    private static func events(of batch: [SubmissionQueue.Share]) -> [PluginEvent] {
        var events: [PluginEvent] = []
        for share in batch {
            guard case .transform(let list) = share.submission.work else { continue }
            if batch.count == 1, share.range.count == list.count { return list }
            events += list[share.range]
        }
        return events
    }

    private func build(_ events: [PluginEvent], _ share: SubmissionQueue.Share) async throws(PluginError) {
        let plan = try await runner.build(events)
        share.submission.add { outcome in
            let start = outcome.plan.fates.count
            outcome.plan.fates += plan.fates
            for var request in plan.requests {
                request.events = request.events.map { $0 + start }
                outcome.plan.requests.append(request)
            }
        }
    }

    private func classify(_ batch: [SubmissionQueue.Share]) async throws(PluginError) {
        var responses: [InputResponse] = []
        for share in batch {
            if case .classify(let list) = share.submission.work { responses += list[share.range] }
        }
        let said = try await runner.classify(responses)
        var start = 0
        for share in batch {
            let own = start..<start + share.range.count
            share.submission.add { outcome in
                for var one in said where own.contains(one.response) {
                    one.response += share.range.lowerBound - own.lowerBound
                    outcome.classifications.append(one)
                }
            }
            start = own.upperBound
        }
    }
}
