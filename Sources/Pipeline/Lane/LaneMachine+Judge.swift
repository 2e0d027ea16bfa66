import Delivery
import EventModel

/// How a request ends of whose events the connector has told what became of each.
extension LaneMachine {
    /// Ends what is delivered or refused, sets aside what was tried often enough, and has a request built for the rest.
    mutating func judged(
        _ number: Int,
        _ parts: [PartReference],
        _ fates: [Dispatch.Fate],
        _ attempts: [Attempt],
        at now: Moment
    ) {
        var rest: [PartReference] = []
        var parked: [(reference: PartReference, deferral: Deferral)] = []
        let last = attempts.last?.code ?? "refused"
        for (reference, fate) in zip(parts, fates) where isOpen(reference) {
            switch fate {
            case .delivered: finish(reference, nil)
            case .again: rest.append(reference)
            case .refused(let code, let message):
                bury(reference, code.isEmpty ? last : code, message, attempts)
            case .exhausted(_, let message): bury(reference, Self.exhausted, message, attempts)
            case .park(let delay, let counted, let throttles, let code, let message):
                let deferral = Deferral(
                    attempts: counted,
                    waited: part(reference).waited,
                    after: delay,
                    at: now,
                    code: code.isEmpty ? last : code,
                    answer: message,
                    ownThrottles: throttles,
                    tries: attempts
                )
                parked.append((reference, deferral))
            }
        }
        if rest.isEmpty {
            requests[number] = nil
            ready += order.remove(number)
        } else {
            keep(number, parts, rest)
        }
        // Known to whichever of an event's parts is parked first and takes the others with it.
        for (reference, deferral) in parked where isOpen(reference) { deferred[reference] = deferral }
        for (reference, deferral) in parked where isOpen(reference) { park(reference, deferral) }
        // One of a later event may have been closed with that, to wait behind it.
        for (reference, _) in parked { deferred[reference] = nil }
        if let left = requests[number]?.parts { rework(number, into: [left]) }
    }

    /// Leaves in a request only those parts that are to go again, and it only in their lines.
    private mutating func keep(_ number: Int, _ parts: [PartReference], _ rest: [PartReference]) {
        requests[number]?.parts = rest
        requests[number]?.state = .held
        order.hold(number)
        let staying = Set(rest.map { line(of: $0) })
        let leaving = Set(parts.compactMap { isKnown($0) ? line(of: $0) : nil }).subtracting(staying)
        for line in leaving.sorted() { ready += order.leave(line, request: number) }
    }

    /// Whether the portion of a part still has its storage.
    private func isKnown(_ reference: PartReference) -> Bool {
        let index = reference.portion - firstPortion
        return index >= 0 && reference.part < portions[index].parts.count
    }

    private mutating func bury(_ reference: PartReference, _ code: String, _ message: String, _ attempts: [Attempt]) {
        finish(reference) { machine, reference in
            let reason = message.isEmpty ? "the connector took the answer for a refusal" : message
            return machine.letter(reference, stage: .deliver, code: code, reason: reason, attempts: attempts)
        }
    }
}
