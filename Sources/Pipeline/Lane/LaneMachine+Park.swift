import Delivery
import EventModel

/// How a failing event is set aside with everything of its user that comes after it.
extension LaneMachine {
    /// When and why a part is tried again.
    struct Deferral {
        var attempts: Int
        /// - Unit: microseconds since 1970, as the next.
        let since: Int64
        let dueAt: Int64
        var code: String
        var answer: String
        /// Answers 429 while others were served.
        let ownThrottles: Int
        /// The tries of this stay.
        let tries: [Attempt]

        /// One that has waited so long already, and waits from `now` on.
        init(
            attempts: Int,
            waited: Duration,
            after delay: Duration,
            at now: Moment,
            code: String,
            answer: String,
            ownThrottles: Int,
            tries: [Attempt]
        ) {
            self.attempts = attempts
            since = now.wall - waited.microseconds
            dueAt = now.wall + delay.microseconds
            self.code = code
            self.answer = answer
            self.ownThrottles = ownThrottles
            self.tries = tries
        }
    }

    /// Sets a part aside with its payload, and the later events of its user as offsets.
    ///
    /// Its row gets the event as it was accepted and the tries of this stay, lest its dead letter be without them.
    mutating func park(_ reference: PartReference, _ deferral: Deferral) {
        let index = reference.portion - firstPortion
        let event = portions[index].parts[reference.part].event
        let subject = portions[index].events[event]
        let user = subject.userHash
        // Asked first, for the portion gives its storage back with its last event.
        let line = line(index, event)
        // What was parked before has the event in its row.
        let isKnown = if case .part = subject.origin { false } else { true }
        let whole = isKnown ? subject.letters.first?.before ?? Array(subject.json) : nil
        var items: [(ParkedItem, ParkedPast)] = []
        // The other parts of the event keep their place behind it.
        for place in portions[index].parts.indices where portions[index].parts[place].event == event {
            let part = portions[index].parts[place]
            guard part.isOpen, part.failures.isEmpty || place == reference.part else { continue }
            let isCause = place == reference.part
            let own = isCause ? deferral : deferred[PartReference(portion: reference.portion, part: place)]
            let item = ParkedItem(
                offset: subject.offset,
                sliceTime: subject.sliceTime,
                part: part.number,
                userHash: user,
                payload: Array(part.json),
                attempts: own?.attempts ?? part.attempts,
                since: deferral.since,
                dueAt: isCause ? deferral.dueAt : 0,
                receivedAt: subject.receivedAt,
                code: isCause ? deferral.code : "",
                answer: isCause ? deferral.answer : "",
                ownThrottles: own?.ownThrottles ?? part.ownThrottles
            )
            let isWhole = isKnown && part.json == subject.json
            items.append((item, ParkedPast(before: isWhole ? [] : whole, tries: own?.tries ?? [])))
        }
        for (item, past) in items {
            parking.insert(item)
            changes.park(item, past)
        }
        let end = EventTrace.End(
            outcome: "parked",
            part: portions[index].parts[reference.part].number,
            code: deferral.code,
            reason: deferral.answer,
            dueAt: deferral.dueAt
        )
        trace(index, event, end, isParked: true)
        forgetDeferred(index, event)
        endAsWaiting(index, event, Set(items.compactMap(\.0.part)))
        recall(line, after: subject.offset)
    }

    /// Whether parts of an event are on their way, so that what becomes of them is not known.
    func isUnderWay(eventOf reference: PartReference) -> Bool {
        let parts = portions[reference.portion - firstPortion].parts
        return order.requests(of: line(of: reference)).contains { number in
            guard let request = requests[number], case .sent = request.state else { return false }
            return request.parts.contains {
                $0.portion == reference.portion && parts[$0.part].event == parts[reference.part].event
            }
        }
    }

    /// Sets those parts aside that waited for others of their event of which none is on its way any more.
    mutating func parkDeferred() {
        for reference in deferred.keys.sorted(by: { ($0.portion, $0.part) < ($1.portion, $1.part) }) {
            guard let deferral = deferred[reference], !isUnderWay(eventOf: reference) else { continue }
            park(reference, deferral)
        }
    }

    private mutating func forgetDeferred(_ index: Int, _ event: Int) {
        let portion = firstPortion + index
        for reference in Array(deferred.keys)
        where reference.portion == portion && portions[index].parts[reference.part].event == event {
            deferred[reference] = nil
        }
    }

    private mutating func endAsWaiting(_ index: Int, _ event: Int, _ numbers: Set<Int>) {
        // Gathered first, since the portion may give its storage back with the last of them.
        let places = portions[index].parts.indices.filter { portions[index].parts[$0].event == event }
        var ends: [(PartReference, PartEnd)] = []
        for place in places where portions[index].parts[place].isOpen {
            let part = portions[index].parts[place]
            let reference = PartReference(portion: firstPortion + index, part: place)
            if numbers.contains(part.number) {
                ends.append((reference, .waiting))
            } else if let letter = part.failures.first {
                ends.append((reference, .dead(letter)))
            }
        }
        for (reference, end) in ends { self.end(reference, end) }
    }

    /// Takes a user's later events out of the order: they wait as offsets from now on.
    private mutating func recall(_ user: UInt64, after offset: Int64) {
        for number in order.requests(of: user) {
            guard let request = requests[number] else { continue }
            if case .sent = request.state { continue }
            for reference in request.parts where isOpen(reference) && line(of: reference) == user {
                let index = reference.portion - firstPortion
                let event = portions[index].parts[reference.part].event
                if portions[index].events[event].offset > offset { follow(index, event) }
            }
            let rest = request.parts.filter { isOpen($0) }
            guard rest.count < request.parts.count else { continue }
            requests[number]?.parts = rest
            if !rest.contains(where: { line(of: $0) == user }) { ready += order.leave(user, request: number) }
            if case .held = request.state { continue }
            if rest.isEmpty {
                requests[number] = nil
                ready += order.remove(number)
            } else {
                requests[number]?.state = .held
                order.hold(number)
                rework(number, into: [rest])
            }
        }
    }

    /// Makes an event wait behind an earlier one of its user, as an offset alone; what was done for it is forgotten.
    mutating func follow(_ index: Int, _ event: Int) {
        let subject = portions[index].events[event]
        switch subject.origin {
        case .log:
            setAside(
                index,
                event,
                ParkedItem(
                    offset: subject.offset,
                    sliceTime: subject.sliceTime,
                    userHash: subject.userHash,
                    since: subject.receivedAt,
                    receivedAt: subject.receivedAt
                )
            )
        case .follower(let item): setAside(index, event, item)
        case .part(let item):
            parking.insert(item)
            closeParts(index, event)
            leave(index, event)
            parking.release(item)
        }
    }

    /// Makes a whole event wait; it is counted as read only when it is taken up again and its fate is decided.
    mutating func setAside(_ index: Int, _ event: Int, _ item: ParkedItem) {
        let subject = portions[index].events[event]
        if outcomes != nil { note(subject, TailFate(.parked, code: item.code.isEmpty ? nil : item.code)) }
        parking.insert(item)
        changes.park(item)
        closeParts(index, event)
        if case .log = subject.origin { progress.settle(subject.offset, Counts()) }
        leave(index, event)
    }

    private mutating func closeParts(_ index: Int, _ event: Int) {
        for place in portions[index].parts.indices where portions[index].parts[place].event == event {
            portions[index].parts[place].isOpen = false
        }
    }
}
