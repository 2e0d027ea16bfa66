import Conditions
import EventJSON
import EventModel
import WorkerProtocol

/// Events on their way through all transformations of their source.
///
/// A value that decides: what is asked of whom, and what the words of the plugins make of each event.
struct SourceWork {
    /// An event as far as it has come.
    private struct Draft {
        var parts: [Part]
        /// What has come of it, once that is known.
        var verdict: StageVerdict?
        /// What was dropped of it.
        var drops: [SourceDrop] = []
    }

    private struct Part {
        var json: ArraySlice<UInt8>
        var isWritten = false
        /// The number of the part before of which it was made.
        var from: UInt16 = 0
    }

    private let events: [PluginEvent]
    private var drafts: [Draft]
    private var tape = JSONTape(limits: LaneSteps.limits)
    /// Whom the last question was about: events and their parts.
    private var asked: [(event: Int, part: Int)] = []
    /// The events of which every step is kept, by their offsets.
    private let followed: Set<Int64>
    /// What was asked and said at each step, while there are such events.
    private var past: [(asked: [(event: Int, part: Int)], words: [PluginVerdict])] = []
    /// Events that failed behind the first step.
    private var failed: [Int] = []

    init(_ events: [PluginEvent], following followed: Set<Int64> = []) {
        self.events = events
        self.followed = followed
        drafts = events.map { Draft(parts: [Part(json: $0.json)]) }
    }

    /// What a transformation is to be asked of; nothing where its condition holds for nothing.
    mutating func question(when condition: Condition?) -> [PluginEvent] {
        asked = []
        defer { tape.reset() }
        for (place, draft) in drafts.enumerated() where draft.verdict == nil {
            for part in draft.parts.indices where holds(condition, draft.parts[part]) { asked.append((place, part)) }
        }
        return asked.map { place, part in
            var event = events[place]
            event.json = drafts[place].parts[part].json
            event.part = UInt32(truncatingIfNeeded: part)
            event.flags = drafts[place].parts[part].isWritten ? .unverified : []
            return event
        }
    }

    private mutating func holds(_ condition: Condition?, _ part: Part) -> Bool {
        guard let condition, (try? tape.parse(part.json)) != nil else { return true }
        return condition.holds(in: tape)
    }

    /// Takes in the words of the transformation at `step` about what it was asked of.
    mutating func take(_ words: [PluginVerdict], step: Int) {
        if !followed.isEmpty {
            while past.count < step { past.append(([], [])) }
            past.append((asked, words))
        }
        var place = 0
        while place < asked.count {
            let event = asked[place].event
            var answers: [Int: PluginVerdict] = [:]
            while place < asked.count, asked[place].event == event {
                answers[asked[place].part] = words.indices.contains(place) ? words[place] : Self.noVerdict
                place += 1
            }
            take(answers, of: event, step)
        }
    }

    private mutating func take(_ answers: [Int: PluginVerdict], of event: Int, _ step: Int) {
        var parts: [Part] = []
        for (number, part) in drafts[event].parts.enumerated() {
            switch answers[number] {
            case nil:
                parts.append(part)
                parts[parts.count - 1].from = UInt16(clamping: number)
            case .emit(let emitted):
                parts += emitted.map { Part(json: $0, isWritten: true, from: UInt16(clamping: number)) }
            case .requested: drop(part, number, of: event, step, "gave requests, which only connectors may")
            case .drop(let reason): drop(part, number, of: event, step, reason)
            case .fail(let code, let message, let disposition):
                let word = PluginVerdict.fail(code: code, message: message, disposition: disposition)
                drafts[event].verdict = .judged(word, step: step, input: part.json)
                if step > 0 { failed.append(event) }
                return
            }
        }
        guard parts.count <= LaneMachine.maximumParts else {
            let word = PluginVerdict.fail(
                code: "fan_out",
                message: "the event became too many parts",
                disposition: .bury
            )
            drafts[event].verdict = .judged(word, step: step)
            if step > 0 { failed.append(event) }
            return
        }
        drafts[event].parts = parts
        guard parts.isEmpty, let last = drafts[event].drops.last else { return }
        drafts[event].verdict = .judged(.drop(reason: last.reason), step: last.step)
    }

    private mutating func drop(_ part: Part, _ number: Int, of event: Int, _ step: Int, _ reason: String) {
        drafts[event].drops.append(SourceDrop(step: step, part: number, json: part.json, reason: reason))
    }

    private static let noVerdict = PluginVerdict.fail(
        code: "no_verdict",
        message: "the plugin gave no verdict",
        disposition: .bury
    )

    /// What has come of each event, once the last of `steps` transformations was asked.
    func verdicts(steps: Int) -> [StageVerdict] {
        drafts.map { draft in
            if let verdict = draft.verdict { return verdict }
            guard draft.parts.count != 1 || draft.parts[0].isWritten else { return .passed }
            return .judged(.emit(draft.parts.map(\.json)[...]), step: steps - 1)
        }
    }
}

/// What is kept of single events, beside what comes of all.
extension SourceWork {
    /// What was dropped of events of which something else goes on, by their offsets.
    func drops() -> [Int64: [SourceDrop]] {
        var drops: [Int64: [SourceDrop]] = [:]
        for (place, draft) in drafts.enumerated() where !draft.drops.isEmpty && draft.verdict == nil {
            drops[events[place].offset] = draft.drops
        }
        return drops
    }

    /// The most failed events of which it is kept what their transformation was given; a lane writes no more in a second.
    static let mostFailed = 25

    /// What stood between the steps, of the events that are followed and of some that failed.
    ///
    /// Of one that only failed it is what the step was given that it failed at.
    func passages() -> [Int64: SourcePassage] {
        var passages: [Int64: SourcePassage] = [:]
        if !followed.isEmpty {
            for place in events.indices where followed.contains(events[place].offset) {
                passages[events[place].offset] = passage(of: place)
            }
        }
        for place in failed.prefix(Self.mostFailed) where passages[events[place].offset] == nil {
            guard case .judged(_, let step, _) = drafts[place].verdict else { continue }
            var passage = SourcePassage()
            var given = output(of: place)
            // The step before may not have been asked of it, and then it is from the one before that.
            if given.count > 1 { given.from = nil }
            passage.outputs = Array(repeating: nil, count: step - 1) + [given]
            passages[events[place].offset] = passage
        }
        return passages
    }

    /// Goes with one event alone through what was said.
    private func passage(of event: Int) -> SourcePassage {
        var alone = SourceWork([events[event]])
        var passage = SourcePassage()
        for (step, (asked, words)) in past.enumerated() {
            let places = asked.indices.filter { asked[$0].event == event }
            alone.asked = places.map { (0, asked[$0].part) }
            alone.take(places.map { words.indices.contains($0) ? words[$0] : Self.noVerdict }, step: step)
            passage.asked.append(places.count)
            if alone.drafts[0].verdict != nil { break }
            for number in alone.drafts[0].parts.indices where places.isEmpty {
                alone.drafts[0].parts[number].from = UInt16(clamping: number)
            }
            passage.outputs.append(alone.output(of: 0))
        }
        return passage
    }

    private func output(of event: Int) -> StageOutput {
        let shown = drafts[event].parts.prefix(PathStage.maximumParts)
        return StageOutput(
            parts: shown.map { PathPayload($0.json) },
            count: drafts[event].parts.count,
            from: shown.map { Int($0.from) }
        )
    }
}
