import Delivery
import EventModel
package import PluginHost
package import WorkerProtocol

/// Transformations and the connector: what is asked of them and what their verdicts mean.
extension LaneMachine {
    /// Begins with the first transformation, or with the connector where there is none or they are done.
    mutating func enterStages(_ index: Int) {
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
        portions[index].stage = .transforming(step: step)
        let events = portions[index].parts.map { part in
            PluginEvent(
                json: part.json,
                partition: partition,
                offset: portions[index].events[part.event].offset,
                part: UInt32(truncatingIfNeeded: part.number),
                userHash: portions[index].events[part.event].userHash,
                receivedAt: portions[index].events[part.event].receivedAt,
                attempt: portions[index].events[part.event].attempt,
                flags: part.flags
            )
        }
        actions.append(.transform(portion: firstPortion + index, step: step, events: events))
    }

    /// Takes in one verdict for each event that was given to a transformation.
    package mutating func transformed(_ number: Int, _ verdicts: [PluginVerdict], at now: Moment) {
        let index = number - firstPortion
        guard case .transforming(let step) = portions[index].stage else { return }
        let old = portions[index].parts
        var verdicts = verdicts
        while verdicts.count < old.count {
            verdicts.append(.fail(code: "no_verdict", message: "the plugin gave no verdict", disposition: .bury))
        }
        var parts: [LanePart] = []
        parts.reserveCapacity(old.count)
        var isWhole = true
        var counted = 0
        var bytes = 0
        var event = -1
        for (part, verdict) in zip(old, verdicts) {
            if part.event != event {
                finishTransformed(index, event, parts: counted, bytes)
                event = part.event
                (counted, bytes) = (0, 0)
            }
            guard portions[index].events[event].isInWork else { continue }
            switch verdict {
            case .emit(let emitted):
                for json in emitted {
                    let flags = PluginEvent.Flags.unverified
                    parts.append(LanePart(event: event, number: counted, json: json, flags: flags, key: Self.noKey))
                    counted += 1
                    bytes += json.count
                }
                if counted > Self.maximumParts {
                    isWhole = false
                    fail(index, event, part, step, code: "fan_out", message: "the event became too many parts")
                }
            // Requests belong to connectors; of this event nothing is left.
            case .requested, .drop: break
            case .fail(let code, let message, let disposition):
                isWhole = false
                switch disposition {
                case .retry(after: let delay):
                    portions[index].events[event].state = .again(
                        code: code,
                        message: message,
                        stage: step,
                        after: delay
                    )
                case .bury, .quarantine, .stop: fail(index, event, part, step, code: code, message: message)
                }
            }
        }
        finishTransformed(index, event, parts: counted, bytes)
        portions[index].parts = isWhole ? parts : parts.filter { portions[index].events[$0.event].isInWork }
        transform(index, step: step + 1)
        finishStep(at: now)
    }

    /// The most parts that one event may become in all transformations together.
    static let maximumParts = 1_000

    /// An event of which nothing is left was dropped; of any other there is more to hold.
    private mutating func finishTransformed(_ index: Int, _ event: Int, parts: Int, _ bytes: Int) {
        guard event >= 0, portions[index].events[event].isInWork else { return }
        if parts == 0 { finishEvent(index, event) } else { hold(index, event, partBytes: bytes) }
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
        finishFailed(index, event)
    }

    func label(_ index: Int, _ step: Int) -> PluginLabel {
        let chain = portions[index].chain
        return chain.indices.contains(step) ? chain[step] : PluginLabel(id: "", version: "")
    }

    private mutating func build(_ index: Int) {
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
                part: portions[index].parts[place].number
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
            flags: portions[index].parts[place].flags,
            idempotencyKey: key
        )
    }

    /// What a part has until it is given to its connector.
    static let noKey = IdempotencyKey(of: [])

    /// Takes in a connector's requests, with the number of the plan that named the connector.
    package mutating func built(_ job: BuildJob, _ plan: RequestPlan, under lanePlan: Int, at now: Moment) {
        switch job {
        case .portion(let number): portions[number - firstPortion].stage = .built(plan, under: lanePlan)
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
