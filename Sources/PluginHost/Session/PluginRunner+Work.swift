import EventModel
import WorkerProtocol

/// What each kind of batch makes of the answers.
extension PluginRunner {
    func transform(_ events: [PluginEvent]) async throws(PluginError) -> [PluginVerdict] {
        var verdicts: [PluginVerdict] = []
        let culprits = try await run(.transform, .events(events)) { answer, trial in
            if trial.count == events.count {
                verdicts = answer.verdicts.map(PluginVerdict.init)
            } else {
                if verdicts.isEmpty { verdicts = Array(repeating: .noVerdict, count: events.count) }
                for (place, event) in trial.enumerated() { verdicts[event] = PluginVerdict(answer.verdicts[place]) }
            }
        }
        if verdicts.isEmpty { verdicts = Array(repeating: .noVerdict, count: events.count) }
        for (event, cause) in culprits { verdicts[event] = PluginVerdict(culprit: cause) }
        return verdicts
    }

    func build(_ events: [PluginEvent]) async throws(PluginError) -> RequestPlan {
        var plan = RequestPlan()
        var fates = [RequestPlan.Fate?](repeating: nil, count: events.count)
        let culprits = try await run(.build, .events(events)) { answer, trial in
            for (place, event) in trial.enumerated() { fates[event] = RequestPlan.Fate(answer.verdicts[place]) }
            for var request in answer.requests {
                request.events = request.events.map { trial[$0] }
                plan.requests.append(request)
            }
        }
        for (event, cause) in culprits { fates[event] = RequestPlan.Fate(PluginVerdict(culprit: cause)) }
        plan.fates = fates.map { $0 ?? RequestPlan.Fate(.noVerdict) }
        return plan
    }

    func classify(_ responses: [InputResponse]) async throws(PluginError) -> [Classification] {
        var said: [Classification] = []
        _ = try await run(.classify, .responses(responses)) { answer, trial in
            for var one in answer.classifications {
                one.response = trial[one.response]
                said.append(one)
            }
        }
        return said
    }
}

extension PluginVerdict {
    init(_ verdict: EventVerdict) {
        switch verdict {
        case .emit(let parts): self = .emit(parts)
        case .drop(let reason): self = .drop(reason: reason)
        case .fail(let failure): self = .fail(failure)
        // Only a connector's events are requested, and only the largest arena makes this final.
        case .outgrown: self = .fail(cause: .outputLimit)
        case .requested, .none: self = .noVerdict
        }
    }

    /// An event that ends workers.
    init(culprit cause: FailureCause) { self = .fail(cause: cause) }

    static var noVerdict: PluginVerdict { .fail(cause: .noVerdict) }

    private static func fail(cause: FailureCause) -> PluginVerdict {
        .fail(code: cause.rawValue, message: cause.sentence, disposition: .bury)
    }

    static func fail(_ failure: EventFailure) -> PluginVerdict {
        let disposition: Disposition = failure.class == .retry ? .retry(after: .seconds(1)) : .bury
        return .fail(code: failure.code, message: failure.message, disposition: disposition)
    }
}

extension RequestPlan.Fate {
    init(_ verdict: EventVerdict) {
        if case .requested = verdict {
            self = .requested
        } else {
            self.init(PluginVerdict(verdict))
        }
    }

    init(_ verdict: PluginVerdict) {
        switch verdict {
        case .drop(let reason): self = .drop(reason: reason)
        case .fail(let code, let message, let disposition):
            self = .fail(code: code, message: message, disposition: disposition)
        case .emit:
            self = .fail(code: "conflicting_verdict", message: "a connector emitted an event", disposition: .bury)
        }
    }
}
