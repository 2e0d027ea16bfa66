/// What answers mean for the parcels that they were given to, and for the destination.
extension Dispatch {
    /// Learns what came of a parcel: its end, or nil if it stays here for another try.
    ///
    /// `random` is a number from 0 up to 1; `code` says in a word what the answer was.
    package mutating func answered(
        _ number: UInt64,
        _ answer: Answer,
        code: String = "",
        at now: ContinuousClock.Instant,
        random: Double
    ) -> Ending? {
        inFlight -= 1
        replaysInFlight.remove(number)
        guard let parcel = parcels.removeValue(forKey: number) else {
            circuit.probeLost(at: now)
            return nil
        }
        switch answer {
        case .delivered:
            delivered(parcel, at: now)
            return .delivered
        case .refused(let divisible):
            served(at: now)
            return divisible && parcel.events > 1 ? .divide : .refused
        case .retry(let retryAfter): return failed(number, parcel, retryAfter, at: now, random)
        case .throttled(let retryAfter): return throttled(number, parcel, retryAfter, at: now, random)
        case .unauthorized: return unauthorized(number, parcel, code, at: now, random)
        case .judged(let judgements): return judged(parcel, judgements, at: now, random)
        }
    }

    private mutating func delivered(_ parcel: Parcel, at now: ContinuousClock.Instant) {
        served(at: now)
        credentials.served(parcel.users, at: now)
        pace.succeeded(at: now)
    }

    private mutating func served(at now: ContinuousClock.Instant) {
        let wasClosed = circuit.isClosed
        circuit.succeeded(at: now)
        dividedEvents = nil
        // It is back: what only waited out a delay of ours need not wait longer.
        if !wasClosed { hurry(at: now) }
    }

    // MARK: Failures

    private mutating func failed(
        _ number: UInt64,
        _ parcel: Parcel,
        _ retryAfter: Duration?,
        at now: ContinuousClock.Instant,
        _ random: Double
    ) -> Ending? {
        var parcel = parcel
        failedLately.add(at: now)
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
        if !servesOthers, parcel.events == 1, parcel.tries.isMultiple(of: max(1, schedule.shortTries)) {
            alone = number
        }
        let delay = schedule.delay(after: parcel.tries, retryAfter: retryAfter, random: random)
        stay(number, parcel, for: delay, wasAsked: retryAfter != nil, at: now)
        return nil
    }

    /// Keeps a parcel for another try; a delay of ours is never long.
    private mutating func stay(
        _ number: UInt64,
        _ parcel: Parcel,
        for delay: Duration,
        wasAsked: Bool,
        at now: ContinuousClock.Instant
    ) {
        var parcel = parcel
        parcel.asked = wasAsked
        parcels[number] = parcel
        wait(number, until: now + (wasAsked ? delay : min(delay, schedule.longestShortDelay)))
    }

    private mutating func ending(
        of parcel: Parcel,
        retryAfter: Duration?,
        servesOthers: Bool,
        _ random: Double
    ) -> Ending? {
        guard servesOthers else {
            // Perhaps it is down, perhaps one of the events is the cause and everybody else waits behind it.
            guard parcel.events > 1, parcel.tries >= schedule.shortTries, parcel.events < dividedEvents ?? .max else {
                return nil
            }
            dividedEvents = parcel.events
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
        return .park(after: delay, counted: parcel.counted, throttles: parcel.allThrottles)
    }

    // MARK: 429

    /// So many 429s to one parcel, while others are served, say something of it and nothing of the destination.
    package static let ownThrottles = 3

    /// A 429 is no failed try: it has a budget of its own, and what is said by it is said of the pace.
    private mutating func throttled(
        _ number: UInt64,
        _ parcel: Parcel,
        _ retryAfter: Duration?,
        at now: ContinuousClock.Instant,
        _ random: Double
    ) -> Ending? {
        var parcel = parcel
        throttledLately.add(at: now)
        let servesOthers = !parcel.isProbe && circuit.served(since: parcel.firstSent ?? now)
        parcel.throttles += 1
        // The try is as if it had not been.
        parcel.tries -= 1
        parcel.attempts -= 1
        if servesOthers { parcel.ownThrottles += 1 }
        let wasParked = parcel.waited > .zero
        let isOwn = parcel.ownThrottles >= Self.ownThrottles || wasParked && servesOthers
        if parcel.isProbe {
            circuit.failed(number, at: now, retryAfter: retryAfter, pausesAll: true, firstPause: firstPause)
        }
        if !isOwn, pace.throttled(sent: parcel.lastSent ?? now, retryAfter: retryAfter, at: now) || retryAfter != nil {
            news.append(.throttled(factor: Pace.cut, holdFor: retryAfter))
        }
        let delay = schedule.delay(
            afterThrottles: parcel.throttles,
            waited: parcel.waited,
            retryAfter: retryAfter,
            random: random
        )
        if isOwn {
            if schedule.isThrottledOut(throttles: parcel.allThrottles, waited: parcel.waited) {
                return parcel.events > 1 ? .divide : .throttled
            }
            if parcel.events == 1, wasParked || delay > schedule.longestShortDelay {
                return .park(after: delay, counted: parcel.counted, throttles: parcel.allThrottles)
            }
        }
        stay(number, parcel, for: delay, wasAsked: retryAfter != nil, at: now)
        return nil
    }

    // MARK: 401 and 403

    /// How often one event is refused, while others are served in between, before that is its own failure.
    package static let ownRefusals = 3
    /// How long nothing is sent after it was said that the destination is to be paused, should that not happen.
    package static let pauseHold = Duration.seconds(30)

    private mutating func unauthorized(
        _ number: UInt64,
        _ parcel: Parcel,
        _ code: String,
        at now: ContinuousClock.Instant,
        _ random: Double
    ) -> Ending? {
        var parcel = parcel
        failedLately.add(at: now)
        if parcel.isProbe {
            circuit.failed(number, at: now, retryAfter: nil, pausesAll: true, firstPause: firstPause)
        }
        credentials.refused(parcel.users, at: now)
        parcel.tries -= 1
        parcel.attempts -= 1
        parcel.refusals += 1
        let servedSince = parcel.lastRefused.map { credentials.served(since: $0) } ?? false
        parcel.lastRefused = now
        if let reason = credentials.fault(at: now, patience: schedule.unauthorizedPatience, answer: code) {
            news.append(.pause(reason: "\(code.isEmpty ? "401" : code): \(reason)"))
            credentials.renew()
            pausedUntil = now + Self.pauseHold
        } else if parcel.refusals >= Self.ownRefusals, servedSince, !credentials.isLargeShare {
            // Which of several users is at fault is not known.
            return parcel.events > 1 ? .divide : .refused
        }
        let delay = schedule.delay(after: parcel.refusals, retryAfter: nil, random: random)
        stay(number, parcel, for: delay, wasAsked: false, at: now)
        return nil
    }

    // MARK: What the connector said

    /// Some events of the request are delivered or refused for good, so the destination works.
    private mutating func judged(
        _ parcel: Parcel,
        _ judgements: [Judgement],
        at now: ContinuousClock.Instant,
        _ random: Double
    ) -> Ending {
        if judgements.contains(.delivered) { delivered(parcel, at: now) } else { served(at: now) }
        var asked: Duration?
        for case .retry(let after?, _, _) in judgements { asked = max(asked ?? .zero, after) }
        // Each event that is to go again was tried while others were served.
        let counted = parcel.counted + 1
        let delay = schedule.delay(after: parcel.tries, retryAfter: asked, random: random)
        let isParked = parcel.tries >= schedule.shortTries || delay > schedule.longestShortDelay
        let isExhausted = schedule.isExhausted(attempts: max(counted, parcel.tries), age: parcel.waited)
        let parked = schedule.delay(after: counted, retryAfter: asked, random: random)
        let fates = judgements.map { judgement -> Fate in
            switch judgement {
            case .delivered: .delivered
            case .refused(let code, let message): .refused(code: code, message: message)
            case .retry(_, let code, let message) where isExhausted: .exhausted(code: code, message: message)
            case .retry(_, let code, let message) where isParked:
                .park(
                    after: parked,
                    counted: max(counted, parcel.tries),
                    throttles: parcel.allThrottles,
                    code: code,
                    message: message
                )
            case .retry: .again
            }
        }
        return .judged(fates, after: delay, tries: parcel.tries)
    }
}

extension Dispatch.Parcel {
    /// All answers 429 that came although the destination served others.
    fileprivate var allThrottles: Int { earlierThrottles + ownThrottles }
}
