import Conditions
import Delivery
import EventJSON
import EventModel
package import PluginHost
package import WorkerProtocol

/// Transformations and the connector: what is asked of them and what their verdicts mean.
extension LaneMachine {
    /// Begins with the first transformation, or with the connector where there is none or they are done.
    mutating func enterStages(_ index: Int) {
        portions[index].marks = [traces.now]
        portions[index].parts = []
        portions[index].parts.reserveCapacity(portions[index].events.count)
        var skips = false
        for place in portions[index].events.indices where !portions[index].events[place].isDone {
            var part = LanePart(event: place, number: 0, json: portions[index].events[place].json, key: Self.noKey)
            if case .part(let item) = portions[index].events[place].origin {
                part.number = item.part ?? 0
                part.flags = .unverified
                part.attempts = item.attempts
                part.waited = item.waited
                part.ownThrottles = item.ownThrottles
                skips = true
            }
            portions[index].parts.append(part)
            hold(index, place, partBytes: 0)
        }
        if skips { build(index) } else { transform(index, step: 0) }
    }

    private mutating func transform(_ index: Int, step: Int) {
        guard step < portions[index].chain.count - 1 else {
            build(index)
            return
        }
        guard !portions[index].parts.isEmpty else {
            portions[index].stage = .built(RequestPlan(), under: connectorPlan)
            return
        }
        let asked = partsAsked(index, step)
        if asked?.isEmpty == true {
            let next = portions[index].steps.next(after: step)
            noteArrival(index, at: next)
            transform(index, step: next)
            return
        }
        portions[index].stage = .transforming(step: step)
        portions[index].asked = asked
        let events =
            if let asked {
                asked.map { transformationEvent(index, portions[index].parts[$0]) }
            } else {
                portions[index].parts.map { transformationEvent(index, $0) }
            }
        actions.append(.transform(portion: firstPortion + index, step: step, events: events))
    }

    /// The parts for which the condition of a transformation holds; nil where it has none.
    private mutating func partsAsked(_ index: Int, _ step: Int) -> [Int]? {
        guard let condition = portions[index].steps.condition(at: step) else { return nil }
        defer { tape.reset() }
        return portions[index].parts.indices.filter { place in
            // What is not JSON is for the transformation's worker to refuse.
            guard (try? tape.parse(portions[index].parts[place].json)) != nil else { return true }
            return condition.holds(in: tape)
        }
    }

    private func transformationEvent(_ index: Int, _ part: LanePart) -> PluginEvent {
        PluginEvent(
            json: part.json,
            partition: partition,
            offset: portions[index].events[part.event].offset,
            part: UInt32(truncatingIfNeeded: part.number),
            userHash: portions[index].events[part.event].userHash,
            receivedAt: portions[index].events[part.event].receivedAt,
            attempt: portions[index].events[part.event].attempt,
            flags: part.flags.union(marks)
        )
    }

    /// Takes in one verdict for each event that was given to a transformation.
    package mutating func transformed(_ number: Int, _ verdicts: [PluginVerdict], at now: Moment) {
        guard case .transforming(let step) = portions[number - firstPortion].stage else { return }
        transformed(number, verdicts.map { .judged($0, step: step) }, at: now)
    }

    /// Takes in what came of events at the transformations of the source.
    package mutating func transformed(_ number: Int, _ answer: SourceAnswer, at now: Moment) {
        let index = number - firstPortion
        guard case .transforming = portions[index].stage else { return }
        portions[index].courses = answer.courses
        portions[index].passages = answer.passages
        if !answer.drops.isEmpty { noteDrops(answer.drops, index) }
        transformed(number, answer.verdicts, at: now)
    }

    /// Remembers what the source's transformations dropped of events of which something else goes on.
    private mutating func noteDrops(_ drops: [Int64: [SourceDrop]], _ index: Int) {
        for whole in portions[index].parts {
            for drop in drops[portions[index].events[whole.event].offset] ?? [] {
                var part = whole
                (part.number, part.json) = (drop.part, drop.json)
                noteDrop(index, part.event, by: label(index, drop.step), at: drop.step, drop.reason)
                if outcomes != nil, let noted = portions[index].drops[part.event]?.last { note(index, part, noted) }
            }
        }
    }

    /// Takes in one verdict for each event that was given to a transformation, or to all of the source's.
    package mutating func transformed(_ number: Int, _ verdicts: [StageVerdict], at now: Moment) {
        let index = number - firstPortion
        guard case .transforming(let step) = portions[index].stage else { return }
        traces.now = now.wall
        var given = verdicts[...]
        var asked = portions[index].asked.map { $0[...] }
        let old = portions[index].parts
        notePassed(index, old, before: step)
        var sieve = Sieve()
        sieve.parts.reserveCapacity(old.count)
        for (place, part) in old.enumerated() {
            if part.event != sieve.event {
                finishTransformed(index, sieve)
                (sieve.event, sieve.counted, sieve.bytes, sieve.dropped) = (part.event, 0, 0, [])
            }
            var verdict = StageVerdict.passed
            if asked == nil || asked?.first == place {
                asked?.removeFirst()
                verdict = given.popFirst() ?? Self.noVerdict(at: step)
            }
            guard portions[index].events[part.event].isInWork else { continue }
            take(verdict, of: part, index, &sieve)
        }
        finishTransformed(index, sieve)
        let isWhole = sieve.isWhole
        portions[index].parts =
            isWhole ? sieve.parts : sieve.parts.filter { portions[index].events[$0.event].isInWork }
        let next = portions[index].steps.next(after: step)
        noteArrival(index, at: next)
        transform(index, step: next)
        finishStep(at: now)
    }

    /// What is left of a portion behind a transformation, event by event.
    private struct Sieve {
        var parts: [LanePart] = []
        /// Whether everything in it goes on.
        var isWhole = true
        /// The event that is being looked at, its parts so far, and their bytes as plugins wrote them.
        var event = -1
        var counted = 0
        var bytes = 0
        /// Those of its parts that were dropped, while somebody watches.
        var dropped: [(part: LanePart, drop: Portion.Drop)] = []
    }

    private static func noVerdict(at step: Int) -> StageVerdict {
        let verdict = PluginVerdict.fail(
            code: "no_verdict",
            message: "the plugin gave no verdict",
            disposition: .bury
        )
        return .judged(verdict, step: step)
    }

    private mutating func take(_ verdict: StageVerdict, of part: LanePart, _ index: Int, _ sieve: inout Sieve) {
        let event = part.event
        guard case .judged(let word, let step, let input) = verdict else {
            var part = part
            part.from = UInt16(clamping: part.number)
            part.number = sieve.counted
            sieve.parts.append(part)
            sieve.counted += 1
            if part.flags.contains(.unverified) { sieve.bytes += part.json.count }
            return
        }
        switch word {
        case .emit(let emitted):
            for json in emitted {
                var made = LanePart(event: event, number: sieve.counted, json: json, key: Self.noKey)
                made.flags = .unverified
                made.from = UInt16(clamping: part.number)
                sieve.parts.append(made)
                sieve.counted += 1
                sieve.bytes += json.count
            }
            if sieve.counted > Self.maximumParts {
                sieve.isWhole = false
                fail(index, event, part, step, code: "fan_out", message: "the event became too many parts")
            }
        // Requests belong to connectors; of this event nothing is left.
        case .requested: drop(part, index, step, "gave requests, which only connectors may", &sieve)
        case .drop(let reason): drop(part, index, step, reason, &sieve)
        case .fail(let code, let message, .retry(after: let delay)):
            sieve.isWhole = false
            let state = PortionEvent.State.again(code: code, message: message, stage: step, after: delay)
            portions[index].events[event].state = state
        case .fail(let code, let message, _):
            sieve.isWhole = false
            var part = part
            if let input { part.json = input }
            fail(index, event, part, step, code: code, message: message)
        }
    }

    private mutating func drop(_ part: LanePart, _ index: Int, _ step: Int, _ reason: String, _ sieve: inout Sieve) {
        noteDrop(index, part.event, by: label(index, step), at: step, reason)
        if outcomes != nil, let drop = portions[index].drops[part.event]?.last { sieve.dropped.append((part, drop)) }
    }

    /// Remembers who dropped an event or a part of it, to be counted when the event is settled; until then the words count
    /// against the lane's bound, too.
    mutating func noteDrop(_ index: Int, _ event: Int, by plugin: PluginLabel, at step: Int, _ reason: String) {
        let drop = Portion.Drop(plugin: plugin.id, step: step, reason: reason)
        portions[index].drops[event, default: []].append(drop)
        let bytes = MemoryLayout<Portion.Drop>.stride + reason.utf8.count
        inFlightBytes += bytes
        portions[index].events[event].heldBytes += bytes
    }

    /// The most parts that one event may become in all transformations together.
    static let maximumParts = 1_000

    /// An event of which nothing is left was dropped; of any other there is more to hold.
    private mutating func finishTransformed(_ index: Int, _ sieve: Sieve) {
        let event = sieve.event
        guard event >= 0, portions[index].events[event].isInWork else { return }
        if sieve.counted == 0 {
            if outcomes != nil { noteDropped(index, event) }
            return finishEvent(index, event)
        }
        for (part, drop) in sieve.dropped { note(index, part, drop) }
        // What the steps before made of it stays until it has come to its end.
        let earlier = portions[index].events[event].heldBytes - portions[index].events[event].json.count
        hold(index, event, partBytes: sieve.bytes + earlier)
    }

    /// Counts what an event holds now against the lane's bound: its JSON, and what transformations made of it.
    private mutating func hold(_ index: Int, _ event: Int, partBytes: Int) {
        let bytes = portions[index].events[event].json.count + partBytes
        inFlightBytes += bytes - portions[index].events[event].heldBytes
        portions[index].events[event].heldBytes = bytes
    }

    /// Buries an event that a transformation could not handle; nothing of it is delivered.
    mutating func fail(
        _ index: Int,
        _ event: Int,
        _ part: LanePart?,
        _ step: Int,
        code: String,
        message: String
    ) {
        let subject = portions[index].events[event]
        let letter = LaneDeadLetter(
            offset: subject.offset,
            sliceTime: subject.sliceTime,
            part: nil,
            userHash: subject.userHash,
            stage: .transform(step),
            code: code,
            reason: message,
            plugin: label(index, step),
            before: Array(subject.json),
            after: step > 0 ? part.map { Array($0.json) } : nil,
            attempts: []
        )
        portions[index].events[event].letters = [letter]
        let end = EventTrace.End(outcome: "failed", code: code, reason: message, step: step)
        trace(index, event, end, hasFailed: true)
        if outcomes != nil { note(subject, TailFate(.deadLettered, code: code, reason: message), isEarly: true) }
        finishFailed(index, event)
    }

    func label(_ index: Int, _ step: Int) -> PluginLabel {
        let chain = portions[index].chain
        return chain.indices.contains(step) ? chain[step] : PluginLabel(id: "", version: "")
    }

    /// Of an event of which only some parts are sent, the others are as if no transformation had made them.
    private mutating func keepWantedParts(_ index: Int) {
        let events = portions[index].events
        guard events.contains(where: { $0.parts != nil }) else { return }
        portions[index].parts.removeAll { part in
            events[part.event].parts.map { !$0.contains(part.number) } ?? false
        }
        let left = Set(portions[index].parts.map(\.event))
        for event in events.indices where events[event].isInWork && !left.contains(event) {
            if outcomes != nil { noteDropped(index, event) }
            finishEvent(index, event)
        }
    }

    private mutating func build(_ index: Int) {
        keepWantedParts(index)
        guard !portions[index].parts.isEmpty else {
            portions[index].stage = .built(RequestPlan(), under: connectorPlan)
            return
        }
        portions[index].stage = .building
        portions[index].built = Array(portions[index].parts.indices)
        // One buffer for the texts of all keys.
        var keys: [UInt8] = []
        keys.reserveCapacity(portions[index].parts.count * IdempotencyKey.textBytes)
        for place in portions[index].parts.indices {
            let event = portions[index].parts[place].event
            portions[index].events[event].open += 1
            let key = IdempotencyKey(
                destination: destination,
                partition: partition,
                offset: portions[index].events[event].offset,
                part: portions[index].parts[place].number,
                replay: replay?.rawValue ?? 0
            )
            portions[index].parts[place].key = key
            key.appendText(to: &keys)
        }
        let number = firstPortion + index
        let events = portions[index].parts.indices.map { place in
            let start = place * IdempotencyKey.textBytes
            return connectorEvent(index, place, key: keys[start..<start + IdempotencyKey.textBytes])
        }
        actions.append(.build(.portion(number), events: events))
    }

    /// A part as its connector sees it.
    func connectorEvent(_ reference: PartReference) -> PluginEvent {
        let key = portions[reference.portion - firstPortion].parts[reference.part].key
        return connectorEvent(reference.portion - firstPortion, reference.part, key: key.utf8[...])
    }

    private func connectorEvent(_ index: Int, _ place: Int, key: ArraySlice<UInt8>) -> PluginEvent {
        let event = portions[index].parts[place].event
        return PluginEvent(
            json: portions[index].parts[place].json,
            partition: partition,
            offset: portions[index].events[event].offset,
            part: UInt32(truncatingIfNeeded: portions[index].parts[place].number),
            userHash: portions[index].events[event].userHash,
            receivedAt: portions[index].events[event].receivedAt,
            attempt: UInt32(truncatingIfNeeded: portions[index].parts[place].attempts + 1),
            flags: portions[index].parts[place].flags.union(marks),
            idempotencyKey: key
        )
    }

    /// What plugins are told of every event of the lane.
    private var marks: PluginEvent.Flags { replay == nil ? [] : .replay }

    /// What a part has until it is given to its connector.
    static let noKey = IdempotencyKey(of: [])

    /// Takes in a connector's requests, with the number of the plan that named the connector.
    package mutating func built(_ job: BuildJob, _ plan: RequestPlan, under lanePlan: Int, at now: Moment) {
        traces.now = now.wall
        switch job {
        case .portion(let number):
            portions[number - firstPortion].marks.append(now.wall)
            portions[number - firstPortion].stage = .built(plan, under: lanePlan)
        case .rework(let number, let group): reworked(number, group, plan, under: lanePlan, at: now)
        }
        finishStep(at: now)
    }
}

extension PortionEvent {
    /// Which try this is, from 1.
    var attempt: UInt32 {
        if case .follower(let item) = origin { return UInt32(truncatingIfNeeded: item.attempts + 1) }
        return 1
    }
}
