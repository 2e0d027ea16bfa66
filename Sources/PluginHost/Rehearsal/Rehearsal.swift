import Conditions
import EventJSON
import EventModel
package import Logging
import Synchronization
package import WorkerProtocol

/// Runs events through plugin versions apart from all lanes: in workers of its own, which end with it, and with nothing
/// sent, counted or recorded.
///
/// It takes what plugins do in the production sandbox under the production limits, and differs from a lane's run in
/// nothing but what plugins keep in memory from one event to the next.
///
/// - Owner: whoever asks; one per node, so that its bounds hold for all of them together.
package final class Rehearsal: Sendable {
    /// The most events of one run.
    package static let mostEvents = 1_000
    /// The most parts that an event may become, as in a lane.
    private static let mostParts = 1_000
    /// Runs at the same time, and runs that wait for them.
    private static let mostRuns = 2
    private static let mostWaiting = 16
    /// How long one run may take.
    package static let timeLimit = Duration.seconds(20)

    private struct State {
        var running = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let workshop: Workshop
    private let logger: Logger
    private let timeLimit: Duration
    /// What nobody reads: a rehearsal is no execution that counts.
    private let timings = TimingRecorder()
    private let state = Mutex(State())

    package init(workshop: Workshop, timeLimit: Duration = Rehearsal.timeLimit, logger: Logger) {
        self.workshop = workshop
        self.timeLimit = timeLimit
        self.logger = logger
    }

    /// Runs events through stages, of which only the last may be a connector.
    ///
    /// `key` gives the idempotency key that a connector sees of a part.
    /// - Throws: `busy`, `tooMany`, `tooSlow`; `plugin` if a stage as a whole cannot run.
    package func run(
        _ events: [PluginEvent],
        through stages: [RehearsalStage],
        key: @escaping @Sendable (_ event: Int, _ part: Int) -> ArraySlice<UInt8> = { _, _ in [] }
    ) async throws(RehearsalError) -> RehearsedBatch {
        guard events.count <= Self.mostEvents else { throw .tooMany(events: events.count) }
        try await enter()
        defer { leave() }
        let sessions = stages.map { stage in
            PluginSession(
                stage.plugin,
                as: stage.kind,
                configuration: Array(stage.config.utf8)[...],
                workshop: workshop,
                timings: timings,
                logger: logger
            )
        }
        let limit = timeLimit
        let result = await withTaskGroup(of: Result<RehearsedBatch, RehearsalError>?.self) { group in
            group.addTask { await Self.run(events, sessions, stages, key) }
            group.addTask {
                try? await Task.sleep(for: limit, clock: .continuous)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            // Whoever still waits for a plugin is told that it was stopped.
            for session in sessions { await session.stop() }
            return first
        }
        guard let result else { throw .tooSlow(limit) }
        return try result.get()
    }

    private func enter() async throws(RehearsalError) {
        let mayWait = state.withLock { $0.running < Self.mostRuns || $0.waiting.count < Self.mostWaiting }
        guard mayWait else { throw .busy }
        await withCheckedContinuation { (mine: CheckedContinuation<Void, Never>) in
            let isFree = state.withLock { state in
                guard state.running >= Self.mostRuns else {
                    state.running += 1
                    return true
                }
                state.waiting.append(mine)
                return false
            }
            if isFree { mine.resume() }
        }
    }

    private func leave() {
        let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
            guard state.waiting.isEmpty else { return state.waiting.removeFirst() }
            state.running -= 1
            return nil
        }
        next?.resume()
    }

    private static func run(
        _ events: [PluginEvent],
        _ sessions: [PluginSession],
        _ stages: [RehearsalStage],
        _ key: @Sendable (Int, Int) -> ArraySlice<UInt8>
    ) async -> Result<RehearsedBatch, RehearsalError> {
        var course = RehearsalCourse(events)
        for (number, session) in sessions.enumerated() {
            let began = ContinuousClock.now
            do throws(PluginError) {
                if stages[number].kind == .transform {
                    let asked = course.inputsAsked(stages[number].when)
                    let verdicts = try await session.transform(asked.map { course.inputs[$0] })
                    course.transformed(number, verdicts, of: asked, mostParts: mostParts)
                } else {
                    course.giveKeys(key)
                    let plan = try await session.build(course.inputs)
                    course.built(number, plan)
                }
            } catch {
                return .failure(.plugin(session.plugin.description, error))
            }
            course.batch.took.append(ContinuousClock.now - began)
            if course.inputs.isEmpty { break }
        }
        return .success(course.batch)
    }
}

/// Events on their way through a rehearsal.
struct RehearsalCourse {
    private(set) var inputs: [PluginEvent]
    /// Whose event each input is.
    private var owners: [Int]
    var batch: RehearsedBatch

    init(_ events: [PluginEvent]) {
        inputs = events
        owners = Array(events.indices)
        batch = RehearsedBatch(events: Array(repeating: RehearsedEvent(), count: events.count))
    }

    /// The inputs that a transformation is asked of, by their places.
    func inputsAsked(_ condition: Condition?) -> [Int] {
        guard let condition else { return Array(inputs.indices) }
        var tape = JSONTape()
        return inputs.indices.filter { condition.holds(for: inputs[$0].json, using: &tape) }
    }

    /// Takes one verdict for each input that a transformation was asked of; the others pass.
    mutating func transformed(_ stage: Int, _ given: [PluginVerdict], of asked: [Int], mostParts: Int) {
        var verdicts = inputs.map { PluginVerdict.emit([$0.json]) }
        for owner in Set(owners) { batch.events[owner].asked.append(0) }
        for (index, place) in asked.enumerated() {
            verdicts[place] = index < given.count ? given[index] : .fail(cause: .noVerdict)
            batch.events[owners[place]].asked[batch.events[owners[place]].asked.count - 1] += 1
        }
        var outputs: [Int: [ArraySlice<UInt8>]] = [:]
        var origins: [Int: [Int]] = [:]
        for (place, owner) in owners.enumerated() {
            var parts = outputs[owner] ?? []
            switch verdicts[place] {
            case .emit(let emitted):
                parts += emitted
                origins[owner, default: []] += emitted.map { _ in Int(inputs[place].part) }
            case .drop(let reason):
                batch.events[owner].drops.append((stage, reason))
                if !reason.isEmpty { note(owner, .dropped(stage: stage, reason: reason)) }
            case .requested: break
            case .fail(let code, let message, let disposition):
                let mayPass = if case .retry = disposition { true } else { false }
                fail(owner, stage, code, message, mayPass)
            }
            if parts.count > mostParts { fail(owner, stage, "fan_out", "the event became too many parts", false) }
            outputs[owner] = parts
        }
        var next: [PluginEvent] = []
        var nextOwners: [Int] = []
        var last = -1
        for (place, owner) in owners.enumerated() where owner != last {
            last = owner
            if case .failed = batch.events[owner].end { continue }
            let parts = outputs[owner] ?? []
            batch.events[owner].outputs.append(parts)
            batch.events[owner].from.append(origins[owner] ?? [])
            if parts.isEmpty {
                if case .passed = batch.events[owner].end { note(owner, .dropped(stage: stage, reason: "")) }
                continue
            }
            batch.events[owner].end = .passed
            for (number, json) in parts.enumerated() {
                var event = inputs[place]
                event.json = json
                event.part = UInt32(truncatingIfNeeded: number)
                event.flags.insert(.unverified)
                next.append(event)
                nextOwners.append(owner)
            }
        }
        (inputs, owners) = (next, nextOwners)
    }

    private mutating func note(_ owner: Int, _ end: RehearsedEvent.End) {
        if case .failed = batch.events[owner].end { return }
        batch.events[owner].end = end
    }

    private mutating func fail(_ owner: Int, _ stage: Int, _ code: String, _ message: String, _ mayPass: Bool) {
        note(owner, .failed(stage: stage, code: code, message: message, mayPass: mayPass))
    }

    mutating func giveKeys(_ key: (Int, Int) -> ArraySlice<UInt8>) {
        for place in inputs.indices { inputs[place].idempotencyKey = key(owners[place], Int(inputs[place].part)) }
    }

    /// Takes what a connector wants sent.
    mutating func built(_ stage: Int, _ plan: RequestPlan) {
        for (place, owner) in owners.enumerated() where place < plan.fates.count {
            batch.events[owner].fates.append(plan.fates[place])
            if case .drop(let reason) = plan.fates[place] { batch.events[owner].drops.append((stage, reason)) }
            if case .fail(let code, let message, let disposition) = plan.fates[place] {
                let mayPass = if case .retry = disposition { true } else { false }
                fail(owner, stage, code, message, mayPass)
            }
        }
        for request in plan.requests {
            var request = request
            request.events = request.events.filter(owners.indices.contains).map { owners[$0] }
            for owner in Set(request.events) { batch.events[owner].requests.append(batch.requests.count) }
            batch.requests.append(request)
        }
        for owner in Set(owners) where batch.events[owner].requests.isEmpty {
            guard case .passed = batch.events[owner].end else { continue }
            let reasons = batch.events[owner].fates.compactMap {
                if case .drop(let reason) = $0 { reason } else { nil }
            }
            batch.events[owner].end = .dropped(stage: stage, reason: reasons.first ?? "")
        }
        inputs = []
    }
}
