import EventModel
import WorkerProtocol

/// What each kind of batch makes of the answers.
extension PluginRunner {
    func transform(_ events: [PluginEvent]) async throws(PluginError) -> [PluginVerdict] {
        try await verdicts(.transform, events) { _, _ in }
    }

    func build(_ events: [PluginEvent]) async throws(PluginError) -> RequestPlan {
        var plan = RequestPlan()
        plan.fates = try await verdicts(.build, events) { answer, trial in
            for var request in answer.requests {
                request.events = request.events.map { trial[$0] }
                plan.requests.append(request)
            }
        }
        return plan
    }

    /// Runs events and gives what became of each; `absorb` takes what else an answer holds.
    private func verdicts(
        _ kind: ArenaKind,
        _ events: [PluginEvent],
        absorb: (BatchAnswer, Isolation.Trial) -> Void
    ) async throws(PluginError) -> [PluginVerdict] {
        var verdicts: [PluginVerdict] = []
        let culprits = try await run(kind, .events(events)) { answer, trial in
            if trial.count == events.count {
                verdicts = answer.verdicts
            } else {
                if verdicts.isEmpty { verdicts = Array(repeating: .fail(cause: .noVerdict), count: events.count) }
                for (place, event) in trial.enumerated() { verdicts[event] = answer.verdicts[place] }
            }
            absorb(answer, trial)
        }
        if verdicts.isEmpty { verdicts = Array(repeating: .fail(cause: .noVerdict), count: events.count) }
        for (event, cause) in culprits { verdicts[event] = .fail(cause: cause) }
        return verdicts
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
    /// The host's own verdict, as on an event that ends workers.
    static func fail(cause: FailureCause) -> PluginVerdict {
        .fail(code: cause.rawValue, message: cause.sentence, disposition: .bury)
    }
}
