import Conditions
import Delivery
import EventModel

/// How an event, or a part of one, ended for now, for those who watch.
package struct LaneOutcome: Sendable {
    let offset: Int64
    /// Nil for a whole event.
    let part: Int?
    let userHash: UInt64
    /// What was sent, or would have been.
    let json: ArraySlice<UInt8>
    let fate: TailFate
    /// Whether it ended before it came to the connector.
    let isEarly: Bool

    init(
        _ offset: Int64,
        _ part: Int?,
        _ userHash: UInt64,
        _ json: ArraySlice<UInt8>,
        _ fate: TailFate,
        isEarly: Bool
    ) {
        self.offset = offset
        self.part = part
        self.userHash = userHash
        self.json = json
        self.fate = fate
        self.isEarly = isEarly
    }
}

/// Outcomes are noted only while somebody watches.
extension LaneMachine {
    /// What was noted since it was asked last; nil if there is nothing.
    mutating func takeOutcomes() -> [LaneOutcome]? {
        guard let noted = outcomes, !noted.isEmpty else { return nil }
        outcomes = []
        return noted
    }

    /// Notes the end of a part.
    mutating func note(_ reference: PartReference, _ end: PartEnd) {
        guard outcomes != nil else { return }
        let portion = portions[reference.portion - firstPortion]
        let part = portion.parts[reference.part]
        let event = portion.events[part.event]
        let last = lastAttempts.last
        let fate: TailFate =
            switch end {
            case .delivered: TailFate(.delivered, last)
            case .dropped: TailFate(.dropped, reason: portion.drops[part.event]?.last?.name)
            case .dead(let letter):
                TailFate(.deadLettered, letter.attempts.last, code: letter.code, reason: letter.reason)
            case .waiting: TailFate(.parked, last, code: last?.code)
            }
        note(part, of: event, fate)
    }

    /// Notes the end of an event that has no parts.
    mutating func note(_ event: PortionEvent, _ fate: TailFate, isEarly: Bool = false) {
        let (offset, userHash, json) = (event.offset, event.userHash, event.json)
        outcomes?.append(LaneOutcome(offset, nil, userHash, json, fate, isEarly: isEarly))
    }

    /// Notes that nothing is left of an event.
    mutating func noteDropped(_ index: Int, _ event: Int) {
        let reason = portions[index].drops[event]?.last?.name
        note(portions[index].events[event], TailFate(.dropped, reason: reason), isEarly: true)
    }

    /// Notes that a transformation dropped a part of an event of which something else goes on.
    mutating func note(_ index: Int, _ part: LanePart, _ drop: Portion.Drop) {
        note(part, of: portions[index].events[part.event], TailFate(.dropped, reason: drop.name), isEarly: true)
    }

    /// Notes that the connection does not want an event.
    mutating func noteFiltered(_ event: LaneEvent, _ exclusion: Exclusion, _ reason: String?) {
        let fate = TailFate(.filtered, code: exclusion.rawValue, reason: reason)
        outcomes?.append(LaneOutcome(event.offset, nil, event.userHash, event.json, fate, isEarly: true))
    }

    private mutating func note(_ part: LanePart, of event: PortionEvent, _ fate: TailFate, isEarly: Bool = false) {
        outcomes?.append(LaneOutcome(event.offset, part.number, event.userHash, part.json, fate, isEarly: isEarly))
    }
}

extension Portion.Drop {
    /// What it is counted as.
    var name: String { ReasonCounts.name(plugin, reason) }
}

extension TailFate {
    init(_ outcome: Outcome, _ attempt: Attempt?, code: String? = nil, reason: String? = nil) {
        var status: Int?
        if case .status(let number)? = attempt?.result { status = number }
        self.init(
            outcome,
            code: code,
            reason: reason,
            attempts: attempt?.number ?? 0,
            status: status,
            duration: attempt?.duration
        )
    }
}
