import Delivery
import EventModel
import PluginHost
import WorkerProtocol

/// How portions take their places in the order of users, one after another.
extension LaneMachine {
    mutating func placeTurns(at now: Moment) {
        while turn - firstPortion < portions.count,
            case .built(let plan, let number) = portions[turn - firstPortion].stage
        {
            let index = turn - firstPortion
            place(index, plan, under: number, at: now)
            for user in portions[index].released where !holdsParkedPart(index) { parking.release(user) }
            // Only now, since the storage of a placed portion goes with its last event.
            portions[index].stage = .placed
            turn += 1
            giveBack(index)
        }
    }

    private func holdsParkedPart(_ index: Int) -> Bool {
        portions[index].events.contains { event in
            if case .part = event.origin, !event.isDone { true } else { false }
        }
    }

    private mutating func place(_ index: Int, _ plan: RequestPlan, under lanePlan: Int, at now: Moment) {
        var cursor = 0
        let built = portions[index].built
        for event in portions[index].events.indices {
            let first = cursor
            while cursor < built.count, portions[index].parts[built[cursor]].event == event { cursor += 1 }
            if portions[index].events[event].isDone { continue }
            if !parking.isEmpty, mustWait(index, event) {
                follow(index, event)
            } else if case .again(let code, let message, let stage, let delay) = portions[index].events[event].state {
                tryAgain(index, event, code, message, stage, delay, at: now)
            } else {
                for position in first..<cursor where position < plan.fates.count {
                    apply(plan.fates[position], to: reference(index, built[position]), at: now)
                }
            }
        }
        let portion = firstPortion + index
        enter(plan.requests, under: lanePlan) { position in
            built.indices.contains(position) ? PartReference(portion: portion, part: built[position]) : nil
        }
        for position in built { endIfUnsent(reference(index, position), at: now) }
    }

    private func reference(_ index: Int, _ part: Int) -> PartReference {
        PartReference(portion: firstPortion + index, part: part)
    }

    /// Whether an earlier event of the same user waits, so that this one must wait too.
    private func mustWait(_ index: Int, _ event: Int) -> Bool {
        let user = line(index, event)
        return switch portions[index].events[event].origin {
        case .log: parking.isParked(user)
        case .follower, .part: parking.isBehind(portions[index].events[event].offset, user: user)
        }
    }

    /// A connector's word about one part, which was tried before if its request is built anew.
    mutating func apply(
        _ fate: PluginVerdict,
        to reference: PartReference,
        after tries: [Attempt] = [],
        at now: Moment
    ) {
        if case .requested = fate { return }
        guard isOpen(reference) else { return }
        switch fate {
        // Parts that a connector emits go nowhere; what it asked for besides is delivered.
        case .emit, .requested: break
        case .drop(let reason):
            let index = reference.portion - firstPortion
            let event = portions[index].parts[reference.part].event
            noteDrop(index, event, by: connector, at: portions[index].chain.count - 1, reason)
            end(reference, .dropped)
        case .fail(let code, let message, .retry(after: let delay)):
            retryBuild(reference, code: code, message: message, after: delay, tries, at: now)
        case .fail(let code, let message, _):
            end(reference, .dead(letter(reference, stage: .connect, code: code, reason: message, attempts: tries)))
        }
    }

    private mutating func retryBuild(
        _ reference: PartReference,
        code: String,
        message: String,
        after delay: Duration,
        _ tries: [Attempt],
        at now: Moment
    ) {
        let part = part(reference)
        let attempts = part.attempts + 1
        if schedule.isExhausted(attempts: attempts, age: part.waited) {
            end(reference, .dead(letter(reference, stage: .connect, code: code, reason: message, attempts: tries)))
            return
        }
        let wait = schedule.delay(after: attempts, retryAfter: delay, random: spread(reference))
        let deferral = Deferral(
            attempts: attempts,
            waited: part.waited,
            after: wait,
            at: now,
            code: code,
            answer: message,
            ownThrottles: part.ownThrottles,
            tries: tries
        )
        if isUnderWay(eventOf: reference) { deferred[reference] = deferral } else { park(reference, deferral) }
    }

    /// A number from 0 up to 1 that follows from the event, so that the machine stays a pure value.
    private func spread(_ reference: PartReference) -> Double {
        Double(part(reference).key.low) / Double(UInt64.max)
    }

    /// A transformation asked for another try of a whole event: it waits, and its user with it.
    private mutating func tryAgain(
        _ index: Int,
        _ event: Int,
        _ code: String,
        _ message: String,
        _ stage: Int,
        _ delay: Duration,
        at now: Moment
    ) {
        let subject = portions[index].events[event]
        var item = ParkedItem(
            offset: subject.offset,
            sliceTime: subject.sliceTime,
            userHash: subject.userHash,
            since: now.wall,
            receivedAt: subject.receivedAt
        )
        if case .follower(let old) = subject.origin, old.attempts > 0 {
            item = old
            item.since = now.wall - old.waited.microseconds
        }
        let waited = Duration.microseconds(now.wall - item.since)
        item.attempts += 1
        item.code = code
        item.answer = message
        if schedule.isExhausted(attempts: item.attempts, age: waited) {
            fail(index, event, nil, stage, code: code, message: message)
            return
        }
        let wait = schedule.delay(after: item.attempts, retryAfter: delay, random: 0.5)
        item.dueAt = now.wall + wait.microseconds
        let end = EventTrace.End(
            outcome: "parked",
            code: code,
            reason: message,
            dueAt: item.dueAt,
            step: stage
        )
        trace(index, event, end, isParked: true)
        setAside(index, event, item)
    }

    /// A connector must say something of every part; what it forgot fails visibly.
    mutating func endIfUnsent(_ reference: PartReference, at now: Moment) {
        guard isOpen(reference), deferred[reference] == nil,
            portions[reference.portion - firstPortion].parts[reference.part].pending == 0
        else { return }
        let reason = "the connector neither requested, dropped nor failed the event"
        end(reference, .dead(letter(reference, stage: .connect, code: "no_verdict", reason: reason, attempts: [])))
    }
}
