import Conditions
import Delivery
import EventJSON
import EventLog
import EventModel

/// What a lane keeps of the ways of its events, beside their outcomes.
struct LaneTraces: Sendable {
    var watch = TraceWatch()
    var meter = TraceMeter()
    /// Events on their way of which something is kept if they are delivered: of the sample, followed, or taken up again.
    var kept = 0
    /// The time of the last input.
    /// - Unit: microseconds since 1970.
    var now: Int64 = 0

    /// The second of the last input in which an event of the sample was taken up, and how many were in it.
    private var sampling: (second: Int64, events: Int) = (0, 0)

    /// Events of the sample that are taken up in a second: what a busy lane keeps of them costs it no more than this.
    static let mostSampled = 5
    /// Rows that may wait for their commit.
    static let mostPending = 512
    /// Their bytes.
    static let mostPendingBytes = 4 * 1024 * 1024

    /// Whether an event that is read now is written down whatever becomes of it.
    @inline(__always)
    mutating func keep(user: UInt64, _ message: MessageHash) -> TraceKeep {
        let keep = watch.keep(user: user, message, at: now)
        return keep == .sampled ? sample() : keep
    }

    private mutating func sample() -> TraceKeep {
        if sampling.second != now / 1_000_000 { sampling = (now / 1_000_000, 0) }
        guard sampling.events < Self.mostSampled else {
            meter.leftOut += 1
            return .no
        }
        sampling.events += 1
        return .sampled
    }
}

extension LaneMachine {
    /// Follows other events, or another share of all.
    package mutating func watch(_ watch: TraceWatch) { traces.watch = watch }

    /// Rows that were left out since the last look.
    mutating func takeLeftOut() -> Int {
        defer { traces.meter.leftOut = 0 }
        return traces.meter.leftOut
    }

    /// Whether something is kept of an event even when all goes well.
    func isKept(_ index: Int, _ event: Int) -> Bool {
        if portions[index].events[event].keep != .no { return true }
        if case .log = portions[index].events[event].origin { return false }
        return true
    }

    /// Whether a request carries an event of which something is kept even when all goes well.
    func isKept(_ parts: [PartReference]) -> Bool {
        traces.kept > 0
            && parts.contains { reference in
                let index = reference.portion - firstPortion
                return isKept(index, portions[index].parts[reference.part].event)
            }
    }

    /// Those events of a portion of which the source's transformations are to keep every step, by their offsets.
    func followed(_ number: Int, at step: Int) -> Set<Int64> {
        let index = number - firstPortion
        guard traces.kept > 0, portions[index].steps.shared > 1, step < portions[index].steps.shared else { return [] }
        let events = portions[index].events
        return Set(events.indices.filter { isKept(index, $0) }.map { events[$0].offset })
    }

    /// Why an event that ends so is written down, if it is.
    private func cause(_ event: PortionEvent, hasFailed: Bool, isParked: Bool) -> EventTrace.Cause? {
        if hasFailed { return .failed }
        if isParked { return .parked }
        switch event.keep {
        case .traced: return .traced
        case .sampled: return .sampled
        case .no: break
        }
        // It was parked before, and this is how it went on.
        if case .log = event.origin { return nil }
        return .parked
    }

    /// Keeps what happened to an event, if anything of it is kept and there is room.
    mutating func trace(
        _ index: Int,
        _ event: Int,
        _ end: EventTrace.End,
        hasFailed: Bool = false,
        isParked: Bool = false
    ) {
        let subject = portions[index].events[event]
        guard let cause = cause(subject, hasFailed: hasFailed, isParked: isParked) else { return }
        let hasRoom =
            changes.traces.count < LaneTraces.mostPending && changes.traceBytes < LaneTraces.mostPendingBytes
        guard traces.meter.admits(cause, at: traces.now, hasRoom: hasRoom) else { return }
        let isPart = if case .part = subject.origin { true } else { false }
        var end = end
        // A part that waited goes through the connector alone.
        if isPart, end.step != nil { end.step = 0 }
        changes.trace(
            EventTrace(
                offset: subject.offset,
                sliceTime: subject.sliceTime,
                userHash: subject.userHash,
                message: subject.message,
                cause: cause,
                end: end,
                chain: isPart ? [portions[index].chain.last ?? connector] : portions[index].chain,
                readAt: portions[index].marks.first,
                times: times(index, event, end, isPart: isPart),
                endedAt: traces.now,
                event: isPart || subject.json.isEmpty ? nil : PathPayload(subject.json),
                part: isPart ? shown(portions[index].parts, event).parts.first : nil,
                outputs: isPart ? [] : outputs(index, event, before: end.step),
                asked: isPart ? [] : asked(index, event, upTo: end.step),
                sends: portions[index].sends[event] ?? []
            )
        )
    }

    /// Keeps what the parts of a portion were before the step at `step` handled them, as what the step before left.
    ///
    /// What stands between the source's own transformations is kept of single events alone.
    mutating func notePassed(_ index: Int, _ parts: [LanePart], before step: Int) {
        while portions[index].passed.count < step {
            let place = portions[index].passed.count
            portions[index].passed.append(place + 1 < portions[index].steps.shared ? [] : parts)
        }
        while step < portions[index].steps.shared, portions[index].passed.count + 1 < portions[index].steps.shared {
            portions[index].passed.append([])
        }
    }

    /// Notes when a portion has come to a step; whatever lies before it took until now.
    mutating func noteArrival(_ index: Int, at step: Int) {
        while portions[index].marks.count <= step { portions[index].marks.append(traces.now) }
    }

    /// When each stage that an event came to handled it; nil where that is not known.
    private func times(_ index: Int, _ event: Int, _ end: EventTrace.End, isPart: Bool) -> [StageTime?] {
        let (portion, offset) = (portions[index], portions[index].events[event].offset)
        // One that ends at a stage whose end is not marked ends with what that stage said just now.
        let marks = end.step == portion.marks.count - 1 ? portion.marks + [traces.now] : portion.marks
        let reached = isPart ? 1 : end.step.map { $0 + 1 } ?? marks.count - 1
        return (0..<max(0, reached)).map { step in
            if !isPart, step < portion.steps.shared {
                if let time = portion.courses.last(where: { $0.time(of: step, offset) != nil }) {
                    return time.time(of: step, offset)
                }
                // Then they are known only together.
                if portion.steps.shared > 1 { return nil }
            }
            guard step + 1 < marks.count else { return nil }
            return StageTime(startedAt: marks[step], endedAt: marks[step + 1], events: portion.events.count)
        }
    }

    /// What an event was after each transformation that it passed; nil where that is not known.
    private func outputs(_ index: Int, _ event: Int, before step: Int?) -> [StageOutput?] {
        let portion = portions[index]
        let passage = portion.passages[portion.events[event].offset]
        return (0..<max(0, portion.chain.count - 1)).filter { $0 < step ?? .max }.map { place in
            if place + 1 < portion.steps.shared {
                return passage.flatMap { place < $0.outputs.count ? $0.outputs[place] : nil }
            }
            var output = shown(place < portion.passed.count ? portion.passed[place] : portion.parts, event)
            if place > 0, place + 1 == portion.steps.shared {
                output.from = passage.flatMap { place < $0.outputs.count ? $0.outputs[place]?.from : nil }
            }
            return output
        }
    }

    /// Of how many parts of an event each transformation with a condition was asked; nil where that is not known.
    private mutating func asked(_ index: Int, _ event: Int, upTo step: Int?) -> [Int?] {
        defer { tape.reset() }
        var asked: [Int?] = []
        for place in 0..<max(0, portions[index].chain.count - 1) where place <= step ?? .max {
            guard let rule = portions[index].chain[place].rule, !rule.isEmpty,
                let condition = try? Condition(parsing: rule)
            else {
                asked.append(nil)
                continue
            }
            if place > 0, place < portions[index].steps.shared {
                let passage = portions[index].passages[portions[index].events[event].offset]
                asked.append(passage.flatMap { place < $0.asked.count ? $0.asked[place] : nil })
                continue
            }
            let inputs: [ArraySlice<UInt8>]
            if place == 0 {
                inputs = [portions[index].events[event].json]
            } else {
                let passed = portions[index].passed
                let parts = place <= passed.count ? passed[place - 1] : portions[index].parts
                inputs = parts.filter { $0.event == event }.map(\.json)
            }
            // What is not JSON is for the transformation's worker to refuse.
            asked.append(inputs.count { (try? tape.parse($0)) == nil || condition.holds(in: tape) })
        }
        return asked
    }

    private func shown(_ parts: [LanePart], _ event: Int) -> StageOutput {
        StageOutput(parts.filter { $0.event == event })
    }

    /// Keeps what was sent for those events of a request of which something may be written down.
    mutating func noteSend(_ request: OpenRequest, _ ending: Dispatch.Ending, _ attempts: [Attempt]) {
        let isGood = ending == .delivered
        if isGood, traces.kept == 0 { return }
        for reference in request.parts where isOpen(reference) {
            let index = reference.portion - firstPortion
            let event = portions[index].parts[reference.part].event
            guard !isGood || isKept(index, event) else { continue }
            var sends = portions[index].sends[event] ?? []
            guard sends.count < EventTrace.mostSends else { continue }
            sends.append(
                EventTrace.Send(
                    parts: [portions[index].parts[reference.part].number],
                    carried: request.parts.count,
                    ending: ending.word,
                    attempts: attempts
                )
            )
            portions[index].sends[event] = sends
        }
    }

    /// Keeps an event of which nothing becomes, if it is followed or sampled.
    mutating func traceUnwanted(
        _ event: LaneEvent,
        _ keep: TraceKeep,
        _ outcome: String,
        code: String = "",
        reason: String = ""
    ) {
        guard keep != .no else { return }
        let cause: EventTrace.Cause = keep == .traced ? .traced : .sampled
        guard traces.meter.admits(cause, at: traces.now, hasRoom: changes.traces.count < LaneTraces.mostPending) else {
            return
        }
        changes.trace(
            EventTrace(
                offset: event.offset,
                sliceTime: event.sliceTime,
                userHash: event.userHash,
                message: event.message,
                cause: cause,
                end: EventTrace.End(outcome: outcome, code: code, reason: reason),
                chain: [],
                readAt: nil,
                times: [],
                endedAt: traces.now,
                event: event.json.isEmpty ? nil : PathPayload(event.json),
                part: nil,
                outputs: [],
                asked: [],
                sends: []
            )
        )
    }

    /// Keeps how an event ended that went through all its stages.
    mutating func traceEnd(_ index: Int, _ event: Int, _ counts: Counts) {
        guard traces.kept > 0 || !portions[index].events[event].letters.isEmpty else { return }
        let letters = portions[index].events[event].letters
        guard letters.isEmpty else {
            let end = EventTrace.End(
                outcome: "dead_lettered",
                part: letters[0].part,
                code: letters[0].code,
                reason: letters[0].reason,
                step: letters[0].stage == .connect ? portions[index].chain.count - 1 : nil
            )
            return trace(index, event, end, hasFailed: true)
        }
        // What waits was kept with its reason when it was parked.
        guard portions[index].events[event].waiting == 0, isKept(index, event) else { return }
        let drops = portions[index].drops[event] ?? []
        guard counts.delivered == 0 else {
            let parts = drops.prefix(PathStage.maximumParts).map { "\(ReasonCounts.part)\($0.name)" }
            let end = EventTrace.End(outcome: "delivered", reason: parts.joined(separator: ", "))
            return trace(index, event, end)
        }
        var step = portions[index].chain.count - 1
        if case .transforming(let place) = portions[index].stage { step = place }
        let end = EventTrace.End(
            outcome: "dropped",
            reason: drops.last?.reason ?? "",
            step: drops.last.map { max(0, $0.step) } ?? step
        )
        trace(index, event, end)
    }
}

extension Dispatch.Ending {
    fileprivate var word: String {
        switch self {
        case .delivered: "delivered"
        case .refused: "refused"
        case .exhausted: "exhausted"
        case .park: "parked"
        case .divide: "divided"
        case .throttled: "throttled"
        case .judged: "judged"
        }
    }
}
