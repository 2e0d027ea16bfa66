/// Decides for one destination which request is sent when, and what its answers mean for the events it carries.
///
/// It knows no clock, no network and no lane. Whoever submits guarantees that the requests it submits may be sent in any
/// order; what must wait for an earlier event of the same user is not submitted yet.
package struct Dispatch: Sendable {
    private struct Parcel {
        /// How many events it carries.
        var events: Int
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
        /// It fails while others succeed: set it aside and let the others go on. So many of its tries count by now.
        case park(after: Duration, counted: Int)
        /// It carries several events, and one of them may be the cause: send them one by one.
        case divide
    }

    package var schedule: RetrySchedule
    package var concurrency: Int
    package private(set) var circuit = Circuit()
    private var parcels: [UInt64: Parcel] = [:]
    /// Never tried yet, in order of submission.
    private var fresh = Line()
    /// Sorted by time, the earliest last.
    private var waiting: [Waiting] = []
    package private(set) var inFlight = 0
    /// Whether one parcel was divided in the present row of failures; one is enough to learn whether its size is the cause.
    private var hasDivided = false
    private let firstPause: Duration

    package init(schedule: RetrySchedule, concurrency: Int, firstPause: Duration = Circuit.firstPause) {
        self.schedule = schedule
        self.concurrency = concurrency
        self.firstPause = firstPause
    }

    /// Parcels that are here, in flight or not.
    package var count: Int { parcels.count }

    /// Takes over a parcel of whose tries so many count, and which has waited so long for them while it was parked.
    package mutating func submit(
        _ number: UInt64,
        events: Int,
        attempts: Int = 0,
        waited: Duration = .zero,
        at now: ContinuousClock.Instant
    ) {
        parcels[number] = Parcel(events: events, attempts: attempts, counted: attempts, waited: waited)
        if attempts == 0 { fresh.append(number) } else { wait(number, until: now) }
    }

    /// Forgets what was learnt of the destination.
    package mutating func renew() {
        circuit = Circuit()
        hasDivided = false
    }

    /// Forgets a parcel that nobody wants to know the end of any more.
    package mutating func withdraw(_ number: UInt64) {
        guard parcels.removeValue(forKey: number) != nil else { return }
        waiting.removeAll { $0.number == number }
    }

    /// The parcels to send now; each must be answered or called off.
    package mutating func next(at now: ContinuousClock.Instant) -> [(number: UInt64, attempt: Int)] {
        switch circuit.permission(at: now) {
        case .none: return []
        case .probe:
            guard inFlight < concurrency, let number = takeLeastTried(at: now) else { return [] }
            circuit.probeSent()
            return [send(number, isProbe: true, at: now)]
        case .all:
            var sent: [(number: UInt64, attempt: Int)] = []
            while inFlight < concurrency, let number = takeAny(at: now) {
                sent.append(send(number, isProbe: false, at: now))
            }
            return sent
        }
    }

    /// When ``next(at:)`` may have something to send though nothing was submitted or answered.
    package var wakeUp: ContinuousClock.Instant? {
        guard inFlight < concurrency else { return nil }
        switch circuit.state {
        case .closed: return waiting.last?.until
        case .probing: return nil
        case .open(let until):
            guard fresh.isEmpty else { return until }
            return waiting.last.map { max($0.until, until) }
        }
    }

    /// Learns what came of a parcel: its end, or nil if it stays here for another try.
    ///
    /// `random` is a number from 0 up to 1.
    package mutating func answered(
        _ number: UInt64,
        _ answer: Answer,
        at now: ContinuousClock.Instant,
        random: Double
    ) -> Ending? {
        inFlight -= 1
        guard var parcel = parcels.removeValue(forKey: number) else {
            circuit.probeLost(at: now)
            return nil
        }
        switch answer {
        case .delivered:
            served(at: now)
            return .delivered
        case .refused(let divisible):
            served(at: now)
            return divisible && parcel.events > 1 ? .divide : .refused
        case .retry(let retryAfter):
            let firstSent = parcel.firstSent ?? now
            // While it is down nothing is learnt of the event, whatever was served before.
            let servesOthers = !parcel.isProbe && circuit.served(since: firstSent)
            if servesOthers { parcel.counted += 1 }
            circuit.failed(
                number,
                at: now,
                retryAfter: retryAfter,
                pausesAll: retryAfter != nil && !servesOthers,
                firstPause: firstPause
            )
            if let ending = ending(of: parcel, retryAfter: retryAfter, servesOthers: servesOthers, random) {
                return ending
            }
            var delay = schedule.delay(after: parcel.tries, retryAfter: retryAfter, random: random)
            if retryAfter == nil { delay = min(delay, schedule.longestShortDelay) }
            parcel.asked = retryAfter != nil
            parcels[number] = parcel
            wait(number, until: now + delay)
            return nil
        }
    }

    /// Takes back a parcel whose try was called off before it had an answer.
    package mutating func calledOff(_ number: UInt64, at now: ContinuousClock.Instant) {
        inFlight -= 1
        circuit.probeLost(at: now)
        guard var parcel = parcels[number] else { return }
        parcel.attempts -= 1
        parcel.tries -= 1
        parcels[number] = parcel
        wait(number, until: now)
    }

    private mutating func ending(
        of parcel: Parcel,
        retryAfter: Duration?,
        servesOthers: Bool,
        _ random: Double
    ) -> Ending? {
        guard servesOthers else {
            // Perhaps it is down, perhaps one of the events is the cause and everybody else waits behind it.
            guard parcel.events > 1, parcel.tries >= schedule.shortTries, !hasDivided else { return nil }
            hasDivided = true
            return .divide
        }
        if parcel.events > 1 {
            // Which of its events is the cause is not known, so none of them may be parked for it.
            return parcel.tries >= min(2, schedule.shortTries) ? .divide : nil
        }
        if schedule.isExhausted(attempts: parcel.counted, age: parcel.waited) { return .exhausted }
        let delay = schedule.delay(after: parcel.counted, retryAfter: retryAfter, random: random)
        let wasParked = parcel.attempts > parcel.tries
        guard wasParked || parcel.tries >= schedule.shortTries || delay > schedule.longestShortDelay else { return nil }
        return .park(after: delay, counted: parcel.counted)
    }

    private mutating func served(at now: ContinuousClock.Instant) {
        let wasClosed = circuit.isClosed
        circuit.succeeded(at: now)
        hasDivided = false
        guard !wasClosed else { return }
        // It is back: what only waited out a delay of ours need not wait longer.
        let late = waiting.filter { parcels[$0.number]?.asked == false && $0.until > now }
        waiting.removeAll { parcels[$0.number]?.asked == false && $0.until > now }
        for entry in late { wait(entry.number, until: now) }
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
        if parcel.firstSent == nil { parcel.firstSent = now }
        parcels[number] = parcel
        return (number, parcel.attempts)
    }

    private mutating func wait(_ number: UInt64, until: ContinuousClock.Instant) {
        // Binary search in an array that is sorted the latest first.
        var low = 0
        var high = waiting.count
        while low < high {
            let middle = (low + high) / 2
            if waiting[middle].until > until { low = middle + 1 } else { high = middle }
        }
        waiting.insert(Waiting(until: until, number: number), at: low)
    }

    private mutating func takeDue(at now: ContinuousClock.Instant) -> UInt64? {
        guard let last = waiting.last, last.until <= now else { return nil }
        waiting.removeLast()
        return last.number
    }

    /// Those that wait have precedence, but not while the last answer was a failure: one that fails for itself would
    /// otherwise be tried again and again before anybody else, where requests take longer than its delays.
    private mutating func takeAny(at now: ContinuousClock.Instant) -> UInt64? {
        circuit.failingSince == nil ? takeDue(at: now) ?? takeFresh() : takeLeastTried(at: now)
    }

    private mutating func takeFresh() -> UInt64? {
        while let number = fresh.popFirst() {
            if parcels[number] != nil { return number }
        }
        return nil
    }

    /// What was tried least tells most: an event that fails for itself must not keep the destination closed for all.
    private mutating func takeLeastTried(at now: ContinuousClock.Instant) -> UInt64? {
        if let number = takeFresh() { return number }
        var best: (index: Int, tries: Int)?
        for index in waiting.indices.reversed() {
            guard waiting[index].until <= now else { break }
            let tries = parcels[waiting[index].number]?.tries ?? 0
            if best.map({ tries < $0.tries }) ?? true { best = (index, tries) }
        }
        return best.map { waiting.remove(at: $0.index).number }
    }
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
