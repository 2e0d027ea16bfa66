/// Decides for one destination which request is sent when, and what its answers mean for the events it carries.
///
/// It knows no clock, no network and no lane. Whoever submits guarantees that the requests it submits may be sent in any
/// order; what must wait for an earlier event of the same user is not submitted yet.
package struct Dispatch: Sendable {
    struct Parcel {
        /// How many events it carries.
        var events: Int
        /// Some of the users whose they are.
        var users: UserSample
        /// Tries so far, those that counted before it was parked included.
        var attempts: Int
        /// Of these, those that failed while others succeeded.
        var counted: Int
        /// Tries since it was submitted.
        var tries = 0
        /// When it was tried for the first time since it was submitted.
        var firstSent: ContinuousClock.Instant?
        /// How long it has waited out delays of its own while it was parked.
        var waited: Duration
        /// Its present try finds out whether the destination is back.
        var isProbe = false
        /// The destination itself asked for the delay that it waits out.
        var asked = false
        /// When its present or last try was sent.
        var lastSent: ContinuousClock.Instant?
        /// Answers 429, and of these, those that came although the destination served others since it was first sent.
        var throttles = 0
        var ownThrottles = 0
        /// Such answers before it was parked.
        var earlierThrottles = 0
        /// Answers 401 and 403, and when the last of them came.
        var refusals = 0
        var lastRefused: ContinuousClock.Instant?
        /// It gives way to everything that is not one.
        var isReplay = false
    }

    /// A parcel that is waiting for its next try.
    private struct Waiting {
        var until: ContinuousClock.Instant
        var number: UInt64
    }

    /// Where a parcel came to its end for this stay; its events go on from there.
    package enum Ending: Equatable, Sendable {
        case delivered
        /// The destination's answer is final.
        case refused
        /// It failed as often as an event may while others succeed.
        case exhausted
        /// It fails while others succeed: set it aside and let the others go on. So many of its tries count by now, and so
        /// many answers 429 came while others were served.
        case park(after: Duration, counted: Int, throttles: Int = 0)
        /// It carries several events, and one of them may be the cause: send them one by one.
        case divide
        /// It was answered 429 as often, or for as long, as an event may be while others are served.
        case throttled
        /// The connector told the events of the request apart: one fate for each, in their order. Those that are to go
        /// again do so together after the delay, as the next try.
        case judged([Fate], after: Duration, tries: Int)
    }

    /// What becomes of one event of a request that the connector has judged.
    package enum Fate: Equatable, Sendable {
        case delivered
        case refused(code: String, message: String)
        case again
        case park(after: Duration, counted: Int, throttles: Int = 0, code: String, message: String)
        case exhausted(code: String, message: String)
    }

    /// What the owner is to know beyond the ends of parcels.
    package enum News: Equatable, Sendable {
        /// The destination answered 429: other nodes are to hold back likewise.
        case throttled(factor: Double, holdFor: Duration?)
        /// The destination does not take this server's credentials.
        case pause(reason: String)
    }

    package var schedule: RetrySchedule
    package var concurrency: Int
    package internal(set) var circuit = Circuit()
    package internal(set) var pace = Pace()
    var credentials = Credentials()
    /// Nothing is sent before then, since the destination is to be paused.
    var pausedUntil: ContinuousClock.Instant?
    var news: [News] = []
    var throttledLately = SlidingCount(over: Courier.Status.lately)
    var failedLately = SlidingCount(over: Courier.Status.lately)
    var parcels: [UInt64: Parcel] = [:]
    /// Never tried yet, in order of submission.
    private var fresh = Line()
    /// The same of replays, which are taken when nothing else waits.
    private var freshReplays = Line()
    /// Sorted by time, the earliest last.
    private var waiting: [Waiting] = []
    package internal(set) var inFlight = 0
    /// Those of replays among them.
    var replaysInFlight: Set<UInt64> = []
    /// How many events the last parcel carried that was divided in the present row of failures: only a part of it is divided
    /// further, for one is enough to learn whether one of its events is the cause.
    var dividedEvents: Int?
    /// A parcel of one event that failed again while nobody else was served, perhaps because everybody waits behind it.
    var alone: UInt64?
    let firstPause: Duration
    /// Whether the last one that was taken had waited for a retry.
    private var wasDue = false

    package init(schedule: RetrySchedule, concurrency: Int, firstPause: Duration = Circuit.firstPause) {
        self.schedule = schedule
        self.concurrency = concurrency
        self.firstPause = firstPause
    }

    /// How much of the concurrency replays may take: what is not theirs must never find all of it taken by them.
    private var replayConcurrency: Int { max(1, concurrency / 2) }

    /// Whether a parcel may be sent as far as this goes.
    private func hasRoom(for number: UInt64) -> Bool {
        replaysInFlight.count < replayConcurrency || parcels[number]?.isReplay != true
    }

    private var hasFreshReplays: Bool { !freshReplays.isEmpty && replaysInFlight.count < replayConcurrency }

    /// Parcels that are here, in flight or not.
    package var count: Int { parcels.count }

    /// Takes over a parcel of whose tries so many count, which has waited so long for them while it was parked, and which
    /// was answered 429 so often while others were served.
    ///
    /// One that goes on for another was tried so often already, and waits for its delay.
    package mutating func submit(
        _ number: UInt64,
        events: Int,
        users: UserSample = UserSample(),
        attempts: Int = 0,
        waited: Duration = .zero,
        throttles: Int = 0,
        tries: Int = 0,
        after delay: Duration = .zero,
        isReplay: Bool = false,
        at now: ContinuousClock.Instant
    ) {
        var parcel = Parcel(events: events, users: users, attempts: attempts, counted: attempts, waited: waited)
        parcel.isReplay = isReplay
        parcel.earlierThrottles = throttles
        if tries > 0 {
            parcel.attempts += tries
            parcel.tries = tries
            parcel.asked = true
        }
        parcels[number] = parcel
        if parcel.attempts > 0 {
            wait(number, until: now + delay)
        } else if isReplay {
            freshReplays.append(number)
        } else {
            fresh.append(number)
        }
    }

    /// Forgets what was learnt of the destination.
    package mutating func renew(at now: ContinuousClock.Instant) {
        circuit = Circuit()
        dividedEvents = nil
        credentials.renew()
        pausedUntil = nil
        pace.renew(at: now)
    }

    /// Changes how much may be sent and how long is insisted; what waits keeps its time.
    package mutating func set(_ terms: Courier.Terms, at now: ContinuousClock.Instant) {
        schedule = terms.schedule
        concurrency = terms.concurrency
        pace.set(terms.limits, share: terms.share, at: now)
    }

    /// Holds back as another node does that was answered 429.
    package mutating func hold(factor: Double, holdFor: Duration?, at now: ContinuousClock.Instant) {
        pace.heard(factor: factor, holdFor: holdFor, at: now)
    }

    /// What the owner has to know; told once.
    package mutating func takeNews() -> [News] {
        guard !news.isEmpty else { return [] }
        defer { news = [] }
        return news
    }

    /// The parcel whose owner may let others go that wait behind it, to learn whether anybody is served; told once.
    package mutating func takeAlone() -> UInt64? {
        defer { alone = nil }
        return alone
    }

    /// Forgets a parcel that nobody wants to know the end of any more.
    package mutating func withdraw(_ number: UInt64) {
        guard parcels.removeValue(forKey: number) != nil else { return }
        waiting.removeAll { $0.number == number }
    }

    /// The parcels to send now; each must be answered or called off.
    package mutating func next(at now: ContinuousClock.Instant) -> [(number: UInt64, attempt: Int)] {
        if let until = pausedUntil {
            guard now >= until else { return [] }
            pausedUntil = nil
        }
        switch circuit.permission(at: now) {
        case .none: return []
        case .probe:
            guard inFlight < concurrency, pace.permits(at: now), let number = takeLeastTried(at: now, asProbe: true)
            else { return [] }
            circuit.probeSent()
            return [send(number, isProbe: true, at: now)]
        case .all:
            var sent: [(number: UInt64, attempt: Int)] = []
            while inFlight < concurrency, pace.permits(at: now), let number = takeAny(at: now) {
                sent.append(send(number, isProbe: false, at: now))
            }
            return sent
        }
    }

    /// When ``next(at:)`` may have something to send though nothing was submitted or answered.
    package var wakeUp: ContinuousClock.Instant? {
        guard inFlight < concurrency, !pace.isShut else { return nil }
        var bounds: [ContinuousClock.Instant] = []
        switch circuit.state {
        case .closed: break
        case .probing: return nil
        case .open(let until): bounds.append(until)
        }
        if let ready = pace.ready { bounds.append(ready) }
        if let pausedUntil { bounds.append(pausedUntil) }
        // What was never tried waits for nothing else.
        if !fresh.isEmpty || hasFreshReplays { return bounds.max() }
        return waiting.last { hasRoom(for: $0.number) }.map { last in bounds.reduce(last.until) { max($0, $1) } }
    }

    /// Takes back a parcel whose try was called off before it had an answer.
    package mutating func calledOff(_ number: UInt64, at now: ContinuousClock.Instant) {
        inFlight -= 1
        replaysInFlight.remove(number)
        circuit.probeLost(at: now)
        guard var parcel = parcels[number] else { return }
        parcel.attempts -= 1
        parcel.tries -= 1
        parcels[number] = parcel
        wait(number, until: now)
    }

    private mutating func send(
        _ number: UInt64,
        isProbe: Bool,
        at now: ContinuousClock.Instant
    ) -> (number: UInt64, attempt: Int) {
        inFlight += 1
        guard var parcel = parcels[number] else { return (number, 1) }
        parcel.attempts += 1
        parcel.tries += 1
        parcel.isProbe = isProbe
        if parcel.isReplay { replaysInFlight.insert(number) }
        if parcel.firstSent == nil { parcel.firstSent = now }
        parcel.lastSent = now
        parcels[number] = parcel
        pace.take(events: parcel.events, at: now)
        return (number, parcel.attempts)
    }

    /// Lets what only waits out a delay of ours go at once.
    mutating func hurry(at now: ContinuousClock.Instant) {
        let late = waiting.filter { parcels[$0.number]?.asked == false && $0.until > now }
        waiting.removeAll { parcels[$0.number]?.asked == false && $0.until > now }
        for entry in late { wait(entry.number, until: now) }
    }

    /// The earliest time that something waits for, if nothing could go before.
    var nextWaiting: ContinuousClock.Instant? { fresh.isEmpty && !hasFreshReplays ? waiting.last?.until : nil }

    mutating func wait(_ number: UInt64, until: ContinuousClock.Instant) {
        // Binary search in an array that is sorted the latest first.
        var low = 0
        var high = waiting.count
        while low < high {
            let middle = (low + high) / 2
            if waiting[middle].until > until { low = middle + 1 } else { high = middle }
        }
        waiting.insert(Waiting(until: until, number: number), at: low)
    }

    private mutating func takeDue(replays: Bool, at now: ContinuousClock.Instant) -> UInt64? {
        let isRight = { (dispatch: Dispatch, number: UInt64) in
            dispatch.parcels[number]?.isReplay == replays && dispatch.hasRoom(for: number)
        }
        guard let index = waiting.lastIndex(where: { $0.until > now || isRight(self, $0.number) }),
            waiting[index].until <= now
        else { return nil }
        return waiting.remove(at: index).number
    }

    /// Those that wait have precedence, but not while the last answer was a failure: one that fails for itself would
    /// otherwise be tried again and again before anybody else, where requests take longer than its delays.
    ///
    /// Replays come after everybody else.
    private mutating func takeAny(at now: ContinuousClock.Instant) -> UInt64? {
        if circuit.failingSince != nil { return takeLeastTried(at: now, asProbe: false) }
        // Where 429s leave little to send, what was throttled before gets every second turn of it.
        if pace.adaptive != nil, wasDue, let number = takeFresh() {
            wasDue = false
            return number
        }
        if let number = takeDue(replays: false, at: now) {
            wasDue = true
            return number
        }
        return takeFresh() ?? takeDue(replays: true, at: now) ?? takeFreshReplay()
    }

    private mutating func takeFresh() -> UInt64? {
        while let number = fresh.popFirst() {
            if parcels[number] != nil { return number }
        }
        return nil
    }

    private mutating func takeFreshReplay() -> UInt64? {
        guard hasFreshReplays else { return nil }
        while let number = freshReplays.popFirst() {
            if parcels[number] != nil { return number }
        }
        return nil
    }

    /// What was tried least tells most: an event that fails for itself must not keep the destination closed for all.
    ///
    /// Replays come after everybody else. Only a probe may be one of theirs when whatever else is due was tried often: what
    /// fails for itself would otherwise keep them out for ever where nothing new comes.
    private mutating func takeLeastTried(at now: ContinuousClock.Instant, asProbe: Bool) -> UInt64? {
        if let number = takeFresh() { return number }
        let live = leastTriedDue(replays: false, at: now)
        if let live, !asProbe || live.tries < Self.triesBeforeReplays { return waiting.remove(at: live.index).number }
        if let number = takeFreshReplay() { return number }
        let replay = leastTriedDue(replays: true, at: now)
        let first = if let live, let replay { live.tries <= replay.tries ? live : replay } else { live ?? replay }
        return first.map { waiting.remove(at: $0.index).number }
    }

    private func leastTriedDue(replays: Bool, at now: ContinuousClock.Instant) -> (index: Int, tries: Int)? {
        var best: (index: Int, tries: Int)?
        for index in waiting.indices.reversed() {
            guard waiting[index].until <= now else { break }
            guard let parcel = parcels[waiting[index].number], parcel.isReplay == replays,
                hasRoom(for: waiting[index].number)
            else { continue }
            if best.map({ parcel.tries < $0.tries }) ?? true { best = (index, parcel.tries) }
        }
        return best
    }

    /// Tries of everything else that is due, from which on a replay may find out whether the destination is back.
    private static let triesBeforeReplays = 4
}

/// A queue whose front is cheap to take.
private struct Line: Sendable {
    private var items: [UInt64] = []
    private var head = 0
    var isEmpty: Bool { head == items.count }

    mutating func append(_ item: UInt64) { items.append(item) }

    mutating func popFirst() -> UInt64? {
        guard head < items.count else { return nil }
        defer {
            head += 1
            if head > 1024, head * 2 > items.count {
                items.removeFirst(head)
                head = 0
            }
        }
        return items[head]
    }
}
