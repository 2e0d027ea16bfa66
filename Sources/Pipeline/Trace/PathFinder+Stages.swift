import Catalog
import EventLog
import EventModel
import PluginHost

/// What stood between the transformations of a source, of events of which only the rest was written down.
extension PathFinder {
    /// Works it out again with the versions that are written down, and says so of each part.
    func complete(
        _ told: inout EventConsumer,
        _ known: ConsumerKnowledge,
        _ found: FoundEvent?,
        _ body: ArraySlice<UInt8>?,
        _ snapshot: CatalogSnapshot
    ) async {
        var done: [[PathPlugin]: Result<RehearsedEvent, PathRefusal>] = [:]
        for index in told.passes.indices where told.passes[index].lacksStages {
            let plugins = told.passes[index].passedOfSource
            if done[plugins] == nil { done[plugins] = await rehearse(plugins, known, found, body, snapshot) }
            switch done[plugins] {
            case .success(let event): told.passes[index].complete(with: event)
            case .failure(let refusal): told.passes[index].note(refusal.description)
            case nil: break
            }
        }
    }

    private func rehearse(
        _ plugins: [PathPlugin],
        _ known: ConsumerKnowledge,
        _ found: FoundEvent?,
        _ body: ArraySlice<UInt8>?,
        _ snapshot: CatalogSnapshot
    ) async -> Result<RehearsedEvent, PathRefusal> {
        guard let found, let body else {
            return .failure(PathRefusal("The event has left the log, so this cannot be worked out again."))
        }
        do {
            let stages = try snapshot.transformations(plugins, of: known.lane.consumer)
            let pass = RecomputedPass(rehearsal, snapshot)
            guard let event = try await pass.outputs(stages, found, body, known.lane) else {
                return .failure(.otherwise)
            }
            return .success(event)
        } catch let refusal as PathRefusal {
            return .failure(refusal)
        } catch {
            return .failure(PathRefusal("This could not be worked out again: \(error)."))
        }
    }
}

extension PathRefusal {
    fileprivate static let otherwise = PathRefusal(
        "Worked out again the event comes out otherwise than is written down, so this is not known."
    )
}

extension EventPass {
    /// Whether it is known of some transformation of the source that the event passed it, and not what came out.
    fileprivate var lacksStages: Bool {
        // Also of one that is about a part the whole event may be at hand.
        guard basis == .recorded, event != nil || part == nil else { return false }
        return stages.contains { $0.lacksParts && $0.plugin.isOfSource == true }
    }

    /// The transformations of the source that the event passed.
    fileprivate var passedOfSource: [PathPlugin] {
        stages.prefix { $0.plugin.isOfSource == true && ["emitted", "skipped"].contains($0.verdict) }.map(\.plugin)
    }

    fileprivate mutating func note(_ words: String) {
        for index in stages.indices where stages[index].lacksParts { stages[index].note = words }
    }

    /// Takes what was worked out again, if it agrees with all that is written down.
    fileprivate mutating func complete(with event: RehearsedEvent) {
        let outputs = event.outputs.indices.map { StageOutput(event, $0) }
        let agrees = zip(stages, outputs).allSatisfy { stage, output in
            stage.lacksParts || stage.parts == output.parts && stage.partCount == output.count
        }
        guard agrees else { return note(PathRefusal.otherwise.description) }
        for (index, output) in outputs.enumerated() {
            stages[index].from = stages[index].from ?? output.from
            guard stages[index].lacksParts else { continue }
            (stages[index].parts, stages[index].partCount) = (output.parts, output.count)
            stages[index].partsBasis = .recomputed
            guard stages[index].plugin.rule?.isEmpty == false else { continue }
            stages[index].asked = event.asked[index]
            if event.asked[index] == 0 { stages[index].verdict = "skipped" }
        }
    }
}
