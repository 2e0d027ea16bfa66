import Delivery
import EventModel
import PluginHost
import WorkerProtocol

/// A request that is somewhere between its place in the order and its end.
struct OpenRequest {
    enum State {
        /// It may be sent when it is at the head of its lines.
        case waiting
        /// Others are built to take its place.
        case held
        case sent
    }

    var content: PluginRequest
    var parts: [PartReference]
    /// Counts from 0 among the requests that its connector asked for with exactly these parts.
    let ordinal: Int
    /// The number of the plan that named the connector it was built by.
    let lanePlan: Int
    var state: State
    /// What it goes on for.
    var again: Again?
}

/// Requests that are built anew to stand in for one.
struct Rework {
    let request: Int
    let groups: [[PartReference]]
    var plans: [RequestPlan?]
    /// What the requests go on for.
    var again: Again?
    /// The earliest plan that one of them was built under.
    var lanePlan = Int.max
}

/// How requests are sent, end, and are divided.
extension LaneMachine {
    mutating func submitReady() {
        var outgoing: [Outgoing] = []
        for number in ready where order.isReady(number) {
            guard var request = requests[number], case .waiting = request.state else { continue }
            if request.lanePlan < connectorPlan {
                // It would go where the destination no longer is.
                requests[number]?.state = .held
                order.hold(number)
                rework(number, into: [request.parts])
                continue
            }
            request.state = .sent
            requests[number] = request
            outgoing.append(self.outgoing(number, request))
        }
        ready = []
        if !outgoing.isEmpty { actions.append(.submit(outgoing)) }
    }

    private func outgoing(_ number: Int, _ request: OpenRequest) -> Outgoing {
        let only = request.parts.count == 1 ? part(request.parts[0]) : nil
        let key = only?.key ?? IdempotencyKey(of: request.parts.map { part($0).key })
        return Outgoing(
            request: number,
            content: request.content,
            parts: request.parts.count,
            key: key.numbered(request.ordinal),
            attempts: only?.attempts ?? 0,
            waited: only?.waited ?? .zero,
            throttles: only?.ownThrottles ?? 0,
            users: UserSample(request.parts.prefix(Self.sampledParts).lazy.map { user(of: $0) }),
            again: request.again,
            isKept: isKept(request.parts)
        )
    }

    /// Parts of a request whose users are looked at for its sample.
    private static let sampledParts = 64

    /// Takes in how a request ended.
    package mutating func ended(_ number: Int, _ ending: RequestEnding, at now: Moment) {
        guard let request = requests[number] else { return }
        traces.now = now.wall
        if case .delivery(let ending, let attempts) = ending { noteSend(request, ending, attempts) }
        if outcomes != nil, case .delivery(_, let attempts) = ending { lastAttempts = attempts }
        defer { lastAttempts = [] }
        let earlier = request.again?.attempts ?? []
        switch ending {
        case .delivery(.divide, _) where request.parts.count > 1:
            requests[number]?.state = .held
            requests[number]?.again = nil
            order.hold(number)
            rework(number, into: divided(request.parts))
        case .delivery(.judged(let fates, let delay, let tries), let attempts) where fates.count == request.parts.count:
            let attempts = earlier.followed(by: attempts)
            requests[number]?.again = Again(tries: tries, delay: delay, attempts: attempts)
            judged(number, request.parts, fates, attempts, at: now)
        case .delivery(.delivered, _): finish(number, request, nil)
        case .delivery(.park(let delay, let counted, let throttles), let attempts) where request.parts.count == 1:
            let attempts = earlier.followed(by: attempts)
            parkRequest(number, request.parts[0], after: delay, counted, throttles, attempts, at: now)
        case .delivery(let ending, let attempts):
            let attempts = earlier.followed(by: attempts)
            let code = Self.code(ending, attempts)
            finish(number, request) { machine, reference in
                let reason = Self.reason(ending, attempts)
                return machine.letter(reference, stage: .deliver, code: code, reason: reason, attempts: attempts)
            }
        case .unsendable(let code, let reason):
            finish(number, request) { machine, reference in
                machine.letter(reference, stage: .connect, code: code, reason: reason, attempts: earlier)
            }
        }
        finishStep(at: now)
    }

    private static func code(_ ending: Dispatch.Ending, _ attempts: [Attempt]) -> String {
        switch ending {
        case .exhausted: exhausted
        case .throttled: "throttled"
        default: attempts.last?.code ?? "refused"
        }
    }

    /// The code of an event that was tried as often as may be.
    static let exhausted = "retries_exhausted"

    private static func reason(_ ending: Dispatch.Ending, _ attempts: [Attempt]) -> String {
        let last = attempts.last?.code ?? "nothing"
        let count = attempts.last?.number ?? 0
        return switch ending {
        case .exhausted:
            "it failed while the destination took other events, and was given up after \(count) tries; the last gave \(last)"
        case .throttled: "the destination answered 429 again and again while it took other events"
        default: "the destination refused it with \(last)"
        }
    }

    private mutating func finish(
        _ number: Int,
        _ request: OpenRequest,
        _ failure: ((LaneMachine, PartReference) -> LaneDeadLetter)?
    ) {
        requests[number] = nil
        ready += order.remove(number)
        for reference in request.parts where isOpen(reference) { finish(reference, failure) }
    }

    /// Takes a part out of a request that is done with it; with the last of its requests it has come to its end.
    mutating func finish(_ reference: PartReference, _ failure: ((LaneMachine, PartReference) -> LaneDeadLetter)?) {
        let index = reference.portion - firstPortion
        if let failure, portions[index].parts[reference.part].failures.isEmpty {
            portions[index].parts[reference.part].failures = [failure(self, reference)]
        }
        portions[index].parts[reference.part].pending -= 1
        guard portions[index].parts[reference.part].pending == 0 else { return }
        if let letter = portions[index].parts[reference.part].failures.first {
            end(reference, .dead(letter))
        } else {
            end(reference, .delivered)
        }
    }

    private mutating func parkRequest(
        _ number: Int,
        _ reference: PartReference,
        after delay: Duration,
        _ counted: Int,
        _ throttles: Int,
        _ attempts: [Attempt],
        at now: Moment
    ) {
        requests[number] = nil
        ready += order.remove(number)
        guard isOpen(reference) else { return }
        park(
            reference,
            Deferral(
                attempts: counted,
                waited: part(reference).waited,
                after: delay,
                at: now,
                code: attempts.last?.code ?? "",
                answer: attempts.last?.text ?? "",
                ownThrottles: throttles,
                tries: attempts
            )
        )
    }

    /// Takes requests back that were not sent after all.
    package mutating func withdrawn(_ numbers: [Int], at now: Moment) {
        for number in numbers.sorted() {
            guard let request = requests[number], case .sent = request.state else { continue }
            requests[number]?.state = .waiting
            ready.append(number)
        }
        finishStep(at: now)
    }

    /// Takes the other users' parts out of the first request that waits behind one that fails, so that it shows whether the
    /// destination serves anybody.
    package mutating func letOthersPass(_ number: Int, at now: Moment) {
        guard let failing = requests[number]?.parts.first, isOpen(failing) else { return }
        let line = line(of: failing)
        for number in order.requests(of: line) {
            guard let request = requests[number], case .waiting = request.state else { continue }
            // What another request carries too may be under way in that one.
            let isAlone = request.parts.allSatisfy { isOpen($0) && part($0).pending == 1 }
            guard isAlone else { continue }
            let isOther = request.parts.map { self.line(of: $0) != line }
            guard isOther.contains(true) else { continue }
            requests[number]?.state = .held
            order.hold(number)
            let parts = [true, false].map { wanted in zip(request.parts, isOther).filter { $0.1 == wanted }.map(\.0) }
            rework(number, into: parts.filter { !$0.isEmpty })
            break
        }
        finishStep(at: now)
    }

    /// Consecutive runs of about the same length.
    private func divided(_ parts: [PartReference]) -> [[PartReference]] {
        let size = max(1, (parts.count + settings.divisor - 1) / settings.divisor)
        return stride(from: 0, to: parts.count, by: size).map { Array(parts[$0..<min($0 + size, parts.count)]) }
    }

    /// Has requests built for each group, to take the place of one that is held.
    mutating func rework(_ request: Int, into groups: [[PartReference]]) {
        let number = nextRework
        nextRework += 1
        reworks[number] = Rework(
            request: request,
            groups: groups,
            plans: Array(repeating: nil, count: groups.count),
            again: requests[request]?.again
        )
        for (group, parts) in groups.enumerated() {
            actions.append(.build(.rework(number, group: group), events: parts.map { connectorEvent($0) }))
        }
    }

    mutating func reworked(_ number: Int, _ group: Int, _ plan: RequestPlan, under lanePlan: Int, at now: Moment) {
        guard var rework = reworks[number] else { return }
        rework.plans[group] = plan
        rework.lanePlan = min(rework.lanePlan, lanePlan)
        reworks[number] = rework
        guard rework.plans.allSatisfy({ $0 != nil }) else { return }
        reworks[number] = nil
        for (parts, plan) in zip(rework.groups, rework.plans) {
            for (reference, fate) in zip(parts, plan?.fates ?? []) {
                apply(fate, to: reference, after: rework.again?.attempts ?? [], at: now)
            }
        }
        replace(rework)
        for reference in rework.groups.joined() { endIfUnsent(reference, at: now) }
    }

    private mutating func replace(_ rework: Rework) {
        guard let old = requests.removeValue(forKey: rework.request) else { return }
        if rework.lanePlan >= connectorPlan { noteConnector(of: old.parts) }
        var others: [(request: Int, users: [UInt64])] = []
        var partial: [(request: Int, parts: [PartReference])] = []
        for (group, plan) in zip(rework.groups, rework.plans) {
            let requests = plan?.requests ?? []
            for entry in entries(requests, { group.indices.contains($0) ? group[$0] : nil }) {
                let (number, users) = open(entry, requests, under: rework.lanePlan, again: rework.again)
                others.append((number, users))
                if !entry.isWhole { partial.append((number, entry.parts)) }
            }
        }
        ready += order.replace(rework.request, with: others)
        for reference in old.parts where isOpen(reference) { mutate(reference) { $0.pending -= 1 } }
        for (request, parts) in partial {
            order.hold(request)
            self.rework(request, into: [parts])
        }
    }

    /// Notes which events another connector than that of their portion has built the requests of.
    private mutating func noteConnector(of parts: [PartReference]) {
        for reference in parts where isOpen(reference) {
            let portion = portions[reference.portion - firstPortion]
            let event = portion.events[portion.parts[reference.part].event]
            // Whoever builds the requests, the rules are those under which the event was read.
            var connector = connector
            connector.rule = portion.chain.last?.rule
            guard portion.chain.last != connector, !portion.chain.isEmpty else { continue }
            if case .part = event.origin { continue }
            let isRead = if case .log = event.origin { true } else { false }
            chain.handle([event.offset], by: portion.chain.dropLast() + [connector], areChosen: isRead)
        }
    }
}
