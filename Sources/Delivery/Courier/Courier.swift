import EventModel
import Synchronization

/// Sends what the lanes of one destination hand over, as many at a time as the destination may have.
///
/// - Owner: whoever runs it; one per destination and node, so that all its lanes share one circuit and one bound.
package final class Courier: Sendable {
    /// Names a parcel until its end.
    package struct Receipt: Hashable, Sendable {
        fileprivate let number: UInt64
    }

    private struct State {
        var dispatch: Dispatch
        var secrets: HeldSecrets
        /// How requests travel, or why none can.
        var transport: Result<Transport, Transport.Hindrance>
        var parcels: [UInt64: (parcel: Parcel, attempts: [Attempt])] = [:]
        var edition = 0
        /// The tries that are under way, each to be called off by itself.
        var underWay: [UInt64: Task<Sender.Exchange, Never>] = [:]
        /// Taken to be sent, whose try has not begun.
        var beginning: Set<UInt64> = []
        var nextNumber: UInt64 = 0
        /// The earliest time a timer is set for.
        var alarm: ContinuousClock.Instant?
        /// How the last try failed that did.
        var lastFailure: String?

        /// What has to be put right before anything is sent; nil while there is nothing.
        var hindrance: Transport.Hindrance? {
            if case .failure(let hindrance) = transport { return hindrance }
            return secrets.waitsFor.map { .missing($0) }
        }
    }

    /// How often it is asked again whether anything may be sent.
    private static let permissionCheck = Duration.milliseconds(200)
    /// Tries that are kept of one stay, the latest.
    package static let maximumAttemptsKept = 10

    private let sender: Sender
    /// Asked before anything is sent: false while somebody else may have taken over the lanes.
    private let maySend: @Sendable () -> Bool
    /// Told what concerns more than one request; must return at once.
    private let tell: @Sendable (Dispatch.News) -> Void
    /// Told once when everything begins to wait for a secret or a transport that can be used, and why.
    private let onWait: @Sendable (String) -> Void
    private let state: Mutex<State>
    private let calledOff = Atomic<Int>(0)
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation

    package init(
        sender: Sender,
        terms: Terms,
        firstPause: Duration = Circuit.firstPause,
        secrets: SecretBook = .empty,
        transport: Transport = .standard,
        tell: @escaping @Sendable (Dispatch.News) -> Void = { _ in },
        onWait: @escaping @Sendable (String) -> Void = { _ in },
        maySend: @escaping @Sendable () -> Bool = { true }
    ) {
        self.sender = sender
        self.maySend = maySend
        self.tell = tell
        self.onWait = onWait
        var dispatch = Dispatch(schedule: terms.schedule, concurrency: terms.concurrency, firstPause: firstPause)
        dispatch.set(terms, at: .now)
        state = Mutex(State(dispatch: dispatch, secrets: HeldSecrets(secrets), transport: .success(transport)))
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Takes over requests that may be sent in any order; one of an earlier edition only waits to be withdrawn.
    package func submit(_ parcels: [Parcel]) -> [Receipt] {
        let now = ContinuousClock.now
        let receipts = state.withLock { state in
            parcels.map { parcel in
                let number = state.nextNumber
                state.nextNumber += 1
                state.parcels[number] = (parcel, [])
                guard parcel.edition == state.edition else { return Receipt(number: number) }
                state.dispatch.submit(
                    number,
                    events: parcel.events,
                    users: parcel.users,
                    attempts: parcel.attempts,
                    waited: parcel.waited,
                    throttles: parcel.throttles,
                    tries: parcel.tries,
                    after: parcel.delay,
                    isReplay: parcel.isReplay,
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

    /// What one destination may use and how long it is insisted.
    package struct Terms: Equatable, Sendable {
        package var schedule: RetrySchedule
        package var concurrency: Int
        package var limits: Pace.Limits
        /// The part of the limits that this node may use.
        package var share: Double

        package init(
            schedule: RetrySchedule,
            concurrency: Int,
            limits: Pace.Limits = Pace.Limits(),
            share: Double = 1
        ) {
            self.schedule = schedule
            self.concurrency = concurrency
            self.limits = limits
            self.share = share
        }
    }

    /// Changes how much may be sent and how long is insisted; what waits keeps its time.
    package func set(_ terms: Terms) {
        state.withLock { $0.dispatch.set(terms, at: .now) }
        wakeUp.yield()
    }

    /// Goes on with these secrets; what is under way keeps those that it was sent with.
    package func set(secrets: SecretBook) {
        state.withLock { $0.secrets.take(secrets) }
        wakeUp.yield()
    }

    /// Goes on by this transport, with which the destination is another; what is under way keeps the one it was sent by.
    package func set(transport: Result<Transport, Transport.Hindrance>) {
        let isNews = state.withLock { state in
            guard state.transport != transport else { return false }
            state.transport = transport
            state.dispatch.renew(at: .now)
            return true
        }
        guard isNews else { return }
        if case .failure(let hindrance) = transport { onWait(hindrance.words) }
        wakeUp.yield()
    }

    /// Why nothing is sent for want of a secret; nil while none is missed.
    package var waitsForSecret: String? {
        if case .missing(let words)? = state.withLock({ $0.hindrance }) { words } else { nil }
    }

    /// Begins anew with a destination that is another now: what the old one did says nothing of it.
    ///
    /// What was handed over until now is not sent any more, and so never by a transport that is meant for the new one;
    /// whoever handed it over withdraws it.
    package func renew() {
        state.withLock { state in
            state.dispatch.renew(at: .now)
            state.secrets.tryAgain()
            state.edition += 1
            for number in state.parcels.keys where state.underWay[number] == nil && !state.beginning.contains(number) {
                state.dispatch.withdraw(number)
            }
        }
        wakeUp.yield()
    }

    /// How often the destination has become another.
    package var edition: Int { state.withLock { $0.edition } }

    /// Holds back as another node does that was answered 429.
    package func hold(factor: Double, holdFor: Duration?) {
        state.withLock { $0.dispatch.hold(factor: factor, holdFor: holdFor, at: .now) }
        wakeUp.yield()
    }

    /// How things stand now, for people to see.
    package var status: Status {
        let maySend = maySend()
        return state.withLock { state in
            var status = state.dispatch.status(at: .now)
            if !maySend, status.waiting > 0 { status.reason = .lease }
            if let hindrance = state.hindrance { status.wait(for: hindrance) }
            status.lastFailure = state.lastFailure
            return status
        }
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
            guard state.hindrance == nil else { return ([], nil) }
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
        let exchange: Sender.Exchange?
        do throws(DeliveryError) {
            exchange = try await self.exchange(number, request, attempt: attempt)
        } catch {
            refuse(number, error, attempt: attempt)
            return
        }
        let answer: Answer? = if let exchange { await meaning(of: exchange, number) } else { nil }
        let now = ContinuousClock.now
        typealias Finished = (Parcel, Dispatch.Ending, [Attempt])
        let (finished, alone, news) = state.withLock { state -> (Finished?, Parcel?, [Dispatch.News]) in
            state.underWay[number] = nil
            guard let exchange, let answer else {
                state.dispatch.calledOff(number, at: now)
                return (nil, nil, [])
            }
            let random = Double.random(in: 0..<1)
            let code = exchange.attempt.code
            if case .delivered = answer {} else { state.lastFailure = code }
            let ending = state.dispatch.answered(number, answer, code: code, at: now, random: random)
            let news = state.dispatch.takeNews()
            let alone = state.dispatch.takeAlone().flatMap { state.parcels[$0]?.parcel }
            guard var entry = state.parcels[number] else { return (nil, alone, news) }
            entry.attempts.append(exchange.attempt)
            if entry.attempts.count > Self.maximumAttemptsKept { entry.attempts.removeFirst() }
            guard let ending else {
                state.parcels[number] = entry
                return (nil, alone, news)
            }
            state.parcels[number] = nil
            return ((entry.parcel, ending, entry.attempts), alone, news)
        }
        wakeUp.yield()
        for one in news { tell(one) }
        alone?.alone()
        if finished == nil { putAway(number)?.outdated() }
        if let (parcel, ending, attempts) = finished { parcel.end(ending, described(attempts, parcel, ending)) }
    }

    /// Keeps a request of an earlier edition from its next try.
    private func putAway(_ number: UInt64) -> Parcel? {
        state.withLock { state in
            guard let parcel = state.parcels[number]?.parcel, parcel.edition != state.edition else { return nil }
            state.dispatch.withdraw(number)
            return parcel
        }
    }

    /// The tries with what was sent, made out only where somebody may look at it.
    private func described(_ attempts: [Attempt], _ parcel: Parcel, _ ending: Dispatch.Ending) -> [Attempt] {
        guard parcel.isKept || ending != .delivered else { return attempts }
        let summary = RequestSummary(of: parcel.request, mask: state.withLock { $0.secrets.mask })
        return attempts.map { attempt in
            var attempt = attempt
            attempt.request = summary
            return attempt
        }
    }

    /// What an answer means: the connector's word where it wants to have one, else the host's own table.
    private func meaning(of exchange: Sender.Exchange, _ number: UInt64) async -> Answer {
        let parcel = state.withLock { $0.parcels[number]?.parcel }
        guard let parcel, let judge = parcel.judge,
            judge.patterns.contains(where: { $0.admits(exchange.attempt.result) }),
            let judgements = await judge.judge(exchange), judgements.count == parcel.events
        else { return exchange.answer }
        return Answer(judgements, of: exchange.attempt.result, retryAfter: exchange.retryAfter)
    }

    /// One try; nil when it was called off, or never began because it may not be sent any more.
    ///
    /// - Throws: `secret` and others when it cannot be sent with the secrets as they are now.
    private func exchange(
        _ number: UInt64,
        _ request: OutboundRequest,
        attempt: Int
    ) async throws(DeliveryError) -> Sender.Exchange? {
        let sender = sender
        let ready = try request.secrets == nil ? request : fill(request)
        let sending = state.withLock { state -> Task<Sender.Exchange, Never>? in
            state.beginning.remove(number)
            guard let ready, case .success(let transport) = state.transport else { return nil }
            let mask = state.secrets.mask
            // Asked as late as can be: since it was taken it may have waited for a thread.
            guard let parcel = state.parcels[number]?.parcel, parcel.edition == state.edition, maySend() else {
                return nil
            }
            // A task of its own, waited for at once, so that it can be called off alone.
            let sending = Task {
                let request = ready.travelling(by: transport)
                return await sender.send(request, attempt: attempt, mask: mask, isKept: parcel.isKept)
            }
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

    /// Puts the secrets of now into a request; nil when one is missing, and then everybody waits.
    private func fill(_ request: OutboundRequest) throws(DeliveryError) -> OutboundRequest? {
        let book = state.withLock { $0.secrets.book }
        do throws(SecretFault) {
            return try request.filled(from: book)
        } catch {
            switch error {
            case .missing(let reason):
                if state.withLock({ $0.secrets.wait(for: reason, missedIn: book) }) { onWait(reason) }
                return nil
            case .refused(let error): throw error
            }
        }
    }

    /// Ends a parcel that was not sent and never can be.
    private func refuse(_ number: UInt64, _ error: DeliveryError, attempt: Int) {
        let parcel = state.withLock { state in
            state.beginning.remove(number)
            state.dispatch.calledOff(number, at: .now)
            state.dispatch.withdraw(number)
            return state.parcels.removeValue(forKey: number)
        }
        wakeUp.yield()
        guard let parcel else { return }
        let attempt = Sender.unsent(.secret, because: error.description, attempt: attempt)
        parcel.parcel.end(.refused, Array((parcel.attempts + [attempt]).suffix(Self.maximumAttemptsKept)))
    }
}
