import Synchronization

/// Sends what the lanes of one destination hand over, as many at a time as the destination may have.
///
/// - Owner: whoever runs it; one per destination and node, so that all its lanes share one circuit and one bound.
package final class Courier: Sendable {
    /// A request on its way, with whom to tell about its end.
    package struct Parcel: Sendable {
        package let request: OutboundRequest
        /// How many events it carries.
        package let events: Int
        /// Tries before this stay that count.
        package let attempts: Int
        /// How long it has waited for them while it was parked.
        package let waited: Duration
        /// Called once, with the tries of this stay, from any thread; must return at once.
        package let end: @Sendable (Dispatch.Ending, [Attempt]) -> Void

        package init(
            request: OutboundRequest,
            events: Int,
            attempts: Int = 0,
            waited: Duration = .zero,
            end: @escaping @Sendable (Dispatch.Ending, [Attempt]) -> Void
        ) {
            self.request = request
            self.events = events
            self.attempts = attempts
            self.waited = waited
            self.end = end
        }
    }

    /// Names a parcel until its end.
    package struct Receipt: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private struct State {
        var dispatch: Dispatch
        var parcels: [UInt64: (parcel: Parcel, attempts: [Attempt])] = [:]
        /// The tries that are under way, each to be called off by itself.
        var underWay: [UInt64: Task<Sender.Exchange, Never>] = [:]
        /// Taken to be sent, whose try has not begun.
        var beginning: Set<UInt64> = []
        var nextNumber: UInt64 = 0
        /// The earliest time a timer is set for.
        var alarm: ContinuousClock.Instant?
    }

    /// How often it is asked again whether anything may be sent.
    private static let permissionCheck = Duration.milliseconds(200)
    /// Tries that are kept of one stay, the latest.
    package static let maximumAttemptsKept = 10

    private let sender: Sender
    /// Asked before anything is sent: false while somebody else may have taken over the lanes.
    private let maySend: @Sendable () -> Bool
    private let state: Mutex<State>
    private let calledOff = Atomic<Int>(0)
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    package init(
        sender: Sender,
        schedule: RetrySchedule,
        concurrency: Int,
        firstPause: Duration = Circuit.firstPause,
        maySend: @escaping @Sendable () -> Bool = { true }
    ) {
        self.sender = sender
        self.maySend = maySend
        let dispatch = Dispatch(schedule: schedule, concurrency: concurrency, firstPause: firstPause)
        state = Mutex(State(dispatch: dispatch))
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes over requests that may be sent in any order.
    package func submit(_ parcels: [Parcel]) -> [Receipt] {
        let now = ContinuousClock.now
        let receipts = state.withLock { state in
            parcels.map { parcel in
                let number = state.nextNumber
                state.nextNumber += 1
                state.parcels[number] = (parcel, [])
                state.dispatch.submit(
                    number,
                    events: parcel.events,
                    attempts: parcel.attempts,
                    waited: parcel.waited,
                    at: now
                )
                return Receipt(number: number)
            }
        }
        wakeUp.yield()
        return receipts
    }

    /// Forgets requests; one that is under way is not called back, but its end is not told.
    package func withdraw(_ receipts: some Sequence<Receipt>) {
        state.withLock { state in
            for receipt in receipts {
                state.dispatch.withdraw(receipt.number)
                state.parcels[receipt.number] = nil
            }
        }
        wakeUp.yield()
    }

    /// Forgets requests that are not under way now, and returns those that are.
    package func withdrawWaiting(_ receipts: some Sequence<Receipt>) -> [Receipt] {
        state.withLock { state in
            var left: [Receipt] = []
            for receipt in receipts where state.parcels[receipt.number] != nil {
                if state.underWay[receipt.number] != nil || state.beginning.contains(receipt.number) {
                    left.append(receipt)
                } else {
                    state.dispatch.withdraw(receipt.number)
                    state.parcels[receipt.number] = nil
                }
            }
            return left
        }
    }

    /// Forgets requests and calls off those that are under way: whoever goes on after them must not be overtaken.
    package func callOff(_ receipts: some Sequence<Receipt>) {
        let tries = state.withLock { state in
            receipts.compactMap { receipt in
                state.dispatch.withdraw(receipt.number)
                state.parcels[receipt.number] = nil
                return state.underWay[receipt.number]
            }
        }
        for one in tries { one.cancel() }
        wakeUp.yield()
    }

    /// Calls off everything that is under way, since somebody else may send it now; it is kept until it may be sent.
    package func callOffAll() {
        for one in state.withLock({ Array($0.underWay.values) }) { one.cancel() }
    }

    /// Tries that were called off while they were under way; they may have arrived.
    package var cancelledRequests: Int { calledOff.load(ordering: .relaxed) }

    /// Changes how much may be under way at once and how long is insisted; what waits keeps its time.
    package func set(schedule: RetrySchedule, concurrency: Int) {
        state.withLock { state in
            state.dispatch.schedule = schedule
            state.dispatch.concurrency = concurrency
        }
        wakeUp.yield()
    }

    /// Begins anew with a destination that is another now: what the old one did says nothing of it.
    package func renew() {
        state.withLock { $0.dispatch.renew() }
        wakeUp.yield()
    }

    /// Whether the destination works, for people to see.
    package var circuit: Circuit.State { state.withLock { $0.dispatch.circuit.state } }

    /// Lets ``run()`` come to its end; nothing may be handed over any more.
    package func close() { wakeUp.finish() }

    /// Sends until it is closed or the task is cancelled; what is under way is then called off.
    package func run() async {
        await withDiscardingTaskGroup { group in
            for await _ in wakeUps {
                let (sends, alarm) = takeNext()
                for send in sends {
                    group.addTask { await self.deliver(send.number, send.request, attempt: send.attempt) }
                }
                if let alarm {
                    group.addTask {
                        try? await Task.sleep(until: alarm, clock: .continuous)
                        self.ring(alarm)
                    }
                }
            }
            group.cancelAll()
        }
    }

    private typealias Send = (number: UInt64, request: OutboundRequest, attempt: Int)

    private func takeNext() -> (sends: [Send], alarm: ContinuousClock.Instant?) {
        let now = ContinuousClock.now
        let maySend = maySend()
        return state.withLock { state in
            guard maySend else {
                let check = now + Self.permissionCheck
                // Nobody tells when it may send again, and what waits for an alarm of its own may do so for long.
                guard state.dispatch.count > 0, state.alarm.map({ check < $0 }) ?? true else { return ([], nil) }
                state.alarm = check
                return ([], check)
            }
            let sends = state.dispatch.next(at: now).compactMap { number, attempt -> Send? in
                state.parcels[number].map { (number, $0.parcel.request, attempt) }
            }
            state.beginning.formUnion(sends.map(\.number))
            guard let wake = state.dispatch.wakeUp, state.alarm.map({ wake < $0 }) ?? true else { return (sends, nil) }
            state.alarm = wake
            return (sends, wake)
        }
    }

    private func ring(_ alarm: ContinuousClock.Instant) {
        state.withLock { state in
            if state.alarm == alarm { state.alarm = nil }
        }
        wakeUp.yield()
    }

    private func deliver(_ number: UInt64, _ request: OutboundRequest, attempt: Int) async {
        let exchange = await exchange(number, request, attempt: attempt)
        let now = ContinuousClock.now
        let finished = state.withLock { state -> (Parcel, Dispatch.Ending, [Attempt])? in
            state.underWay[number] = nil
            guard let exchange else {
                state.dispatch.calledOff(number, at: now)
                return nil
            }
            let random = Double.random(in: 0..<1)
            let ending = state.dispatch.answered(number, exchange.answer, at: now, random: random)
            guard var entry = state.parcels[number] else { return nil }
            entry.attempts.append(exchange.attempt)
            if entry.attempts.count > Self.maximumAttemptsKept { entry.attempts.removeFirst() }
            guard let ending else {
                state.parcels[number] = entry
                return nil
            }
            state.parcels[number] = nil
            return (entry.parcel, ending, entry.attempts)
        }
        wakeUp.yield()
        if let (parcel, ending, attempts) = finished { parcel.end(ending, attempts) }
    }

    /// One try; nil when it was called off, or never began because it may not be sent any more.
    private func exchange(_ number: UInt64, _ request: OutboundRequest, attempt: Int) async -> Sender.Exchange? {
        let sender = sender
        let sending = state.withLock { state -> Task<Sender.Exchange, Never>? in
            state.beginning.remove(number)
            // Asked as late as can be: since it was taken it may have waited for a thread.
            guard state.parcels[number] != nil, maySend() else { return nil }
            // A task of its own, waited for at once, so that it can be called off alone.
            let sending = Task { await sender.send(request, attempt: attempt) }
            state.underWay[number] = sending
            return sending
        }
        guard let sending else { return nil }
        let exchange = await withTaskCancellationHandler {
            await sending.value
        } onCancel: {
            sending.cancel()
        }
        guard exchange.attempt.result == .fault(.cancelled) else { return exchange }
        calledOff.add(1, ordering: .relaxed)
        return nil
    }
}
