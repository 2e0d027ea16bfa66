import Delivery
import TestSupport
import Testing

@Suite struct ThrottleTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    private func dispatch(
        concurrency: Int = 8,
        schedule: RetrySchedule = RetrySchedule(),
        limits: Pace.Limits = Pace.Limits()
    ) -> Dispatch {
        var dispatch = Dispatch(schedule: schedule, concurrency: concurrency)
        dispatch.set(.init(schedule: schedule, concurrency: concurrency, limits: limits), at: start)
        return dispatch
    }

    @Test func `A configured rate is kept whatever waits, and probes keep it too`() {
        var dispatch = dispatch(concurrency: 1_000, limits: Pace.Limits(requestsPerSecond: 10))
        for number in 0..<300 { dispatch.submit(UInt64(number), events: 1, at: start) }
        var now = start
        var sent: [ContinuousClock.Instant] = []
        while sent.count < 300, now < at(100) {
            for one in dispatch.next(at: now) {
                sent.append(now)
                _ = dispatch.answered(one.number, .delivered, at: now, random: 0)
            }
            now = dispatch.wakeUp ?? now + .seconds(1)
        }
        #expect(sent.count == 300)
        for (index, first) in sent.enumerated() where index + 20 < sent.count {
            #expect(sent[index + 20] - first >= .seconds(1.89))
        }
        #expect(now - start < .seconds(32))
    }

    @Test func `A 429 is no failed try, and one event that alone is throttled ends after its own budget`() {
        let schedule = RetrySchedule(maximumAttempts: 2, maximumThrottles: 30)
        var dispatch = dispatch(schedule: schedule)
        dispatch.submit(0, events: 1, at: start)
        var now = 0.0
        var ending: Dispatch.Ending?
        var throttles = 0
        for other in 1..<10_000 as Range<UInt64> where ending == nil {
            dispatch.submit(other, events: 1, at: at(now))
            let sent = dispatch.next(at: at(now))
            for one in sent where one.number != 0 {
                _ = dispatch.answered(one.number, .delivered, at: at(now + 0.1), random: 0)
            }
            for one in sent where one.number == 0 {
                throttles += 1
                #expect(one.attempt == 1)
                ending = dispatch.answered(0, .throttled(after: nil), at: at(now + 0.2), random: 0.01)
            }
            now += 1
        }
        #expect(ending == .throttled && throttles == 30)
        #expect(dispatch.circuit.isClosed)
        #expect(dispatch.pace.adaptive == nil, "the first ones cut the rate, and the others say nothing of it")
    }

    @Test func `An event that was parked for 429s goes on being parked, for longer each time, until its time is up`() {
        let schedule = RetrySchedule()
        var waited = Duration.seconds(20)
        var parkings = 0
        for round in 0..<10_000 {
            var dispatch = dispatch(schedule: schedule)
            dispatch.submit(0, events: 1, waited: waited, at: start)
            dispatch.submit(1, events: 1, at: start)
            _ = dispatch.next(at: start)
            _ = dispatch.answered(1, .delivered, at: at(1), random: 0)
            let ending = dispatch.answered(0, .throttled(after: nil), at: at(2), random: 0.5)
            if ending == .throttled {
                #expect(waited >= schedule.maximumThrottledAge)
                break
            }
            guard case .park(let delay, counted: 0, throttles: 1) = ending else {
                Issue.record("\(String(describing: ending))")
                return
            }
            if round < 3 { #expect(delay == waited / 2) }
            waited += delay
            parkings += 1
        }
        #expect(parkings > 100 && parkings < 1_000)
    }

    @Test func `Answers 429 to an event count over all its stays, those that failed otherwise included`() {
        let schedule = RetrySchedule(maximumThrottles: 5)
        var throttles = 0
        for round in 1...5 {
            var dispatch = dispatch(schedule: schedule)
            dispatch.submit(0, events: 1, attempts: 1, waited: .seconds(1), throttles: throttles, at: start)
            dispatch.submit(1, events: 1, at: start)
            _ = dispatch.next(at: start)
            _ = dispatch.answered(1, .delivered, at: at(1), random: 0)
            let isThrottled = round != 3
            let answer = isThrottled ? Answer.throttled(after: nil) : .retry(after: nil)
            let ending = dispatch.answered(0, answer, at: at(2), random: 0.5)
            throttles += isThrottled ? 1 : 0
            guard case .park(_, let counted, let seen) = ending else {
                Issue.record("round \(round): \(String(describing: ending))")
                return
            }
            #expect(counted == (isThrottled ? 1 : 2) && seen == throttles)
        }
        var dispatch = dispatch(schedule: schedule)
        dispatch.submit(0, events: 1, attempts: 1, waited: .seconds(1), throttles: throttles, at: start)
        dispatch.submit(1, events: 1, at: start)
        _ = dispatch.next(at: start)
        _ = dispatch.answered(1, .delivered, at: at(1), random: 0)
        #expect(dispatch.answered(0, .throttled(after: nil), at: at(2), random: 0.5) == .throttled)
    }

    @Test func `A Retry-After with a 429 holds everybody back, also when others were served meanwhile`() {
        var dispatch = dispatch()
        for number in 0..<20 as Range<UInt64> { dispatch.submit(number, events: 1, at: start) }
        let sent = dispatch.next(at: start)
        #expect(sent.count == 8)
        #expect(dispatch.answered(0, .delivered, at: at(0.5), random: 0) == .delivered)
        #expect(dispatch.answered(1, .throttled(after: .seconds(60)), at: at(1), random: 0) == nil)
        #expect(dispatch.takeNews() == [.throttled(factor: Pace.cut, holdFor: .seconds(60))])
        #expect(dispatch.next(at: at(60)).isEmpty)
        #expect(dispatch.status(at: at(2)).reason == .asked)
        #expect(dispatch.status(at: at(2)).throttledLately == 1)
        #expect(!dispatch.next(at: at(61.5)).isEmpty)
    }

    @Test(arguments: 0..<30)
    func `However limits, shares and answers change, no more is sent than may be and nothing is lost or dies`(
        seed: Int
    ) {
        var random = SplitMix(seed: UInt64(seed))
        var dispatch = dispatch(concurrency: 50)
        var server = LimitedServer(rate: Double(5 + random.next() % 40))
        var log = SendLog()
        var now = 0.0
        var underWay: [(due: Double, number: UInt64, answer: Answer)] = []
        var delivered: Set<UInt64> = []
        let total = 600
        for number in 0..<total { dispatch.submit(UInt64(number), events: 1 + Int(random.next() % 5), at: start) }
        var isDown = false
        while delivered.count < total, now < 4_000 {
            if now < 300, random.next() % 40 == 0 {
                now += 0.001
                let rate = random.next() % 3 == 0 ? nil : Double(1 + random.next() % 60)
                let share = Double(1 + random.next() % 4) / 4
                let limits = Pace.Limits(requestsPerSecond: rate)
                let terms = Courier.Terms(schedule: RetrySchedule(), concurrency: 50, limits: limits, share: share)
                dispatch.set(terms, at: at(now))
                log.changes.append((now, rate.map { $0 * share }))
            }
            if now < 300, random.next() % 200 == 0 { isDown.toggle() }
            if now >= 300 { isDown = false }
            for one in dispatch.next(at: at(now)) {
                log.sends.append(now)
                let answer: Answer =
                    isDown ? .retry(after: nil) : server.takes(at: now) ? .delivered : .throttled(after: nil)
                underWay.append((now + 0.05, one.number, answer))
            }
            underWay.sort { $0.due > $1.due }
            let next = dispatch.wakeUp.map { max(now, ($0 - start) / .seconds(1)) } ?? .infinity
            if let first = underWay.last, first.due <= next || next.isInfinite {
                underWay.removeLast()
                now = max(now, first.due)
                let share = Double(random.next() % 1_000) / 1_000
                if let ending = dispatch.answered(first.number, first.answer, at: at(now), random: share) {
                    switch ending {
                    case .delivered: #expect(delivered.insert(first.number).inserted)
                    // One that was unlucky often is set aside, divided or sent anew; it comes back.
                    case .park, .divide: dispatch.submit(first.number, events: 1, at: at(now))
                    default: Issue.record("\(first.number) ended as \(ending)")
                    }
                }
            } else {
                now = next.isFinite ? max(next, now + 0.001) : now + 0.1
            }
        }
        #expect(delivered.count == total)
        log.check()
    }

    /// Takes so many in a second, and answers 429 to the rest.
    private struct LimitedServer {
        let rate: Double
        private var tokens = 3.0
        private var at = 0.0

        init(rate: Double) { self.rate = rate }

        mutating func takes(at now: Double) -> Bool {
            tokens = min(3, tokens + (now - at) * rate)
            at = now
            guard tokens >= 1 else { return false }
            tokens -= 1
            return true
        }
    }

    /// What was sent when, and what was allowed.
    private struct SendLog {
        var sends: [Double] = []
        var changes: [(at: Double, rate: Double?)] = [(0, nil)]

        /// While a rate holds, no window in it sees more than it and a burst.
        func check() {
            for (index, change) in changes.enumerated() {
                guard let rate = change.rate else { continue }
                let end = index + 1 < changes.count ? changes[index + 1].at : .infinity
                let inside = sends.filter { $0 >= change.at && $0 < end }
                for (place, first) in inside.enumerated() {
                    for (further, last) in inside[place...].enumerated().prefix(200) {
                        let bound = (last - first) * rate + max(1, rate * 0.1)
                        #expect(Double(further + 1) <= bound + 1 + 1e-3, "from \(first) to \(last) at \(rate)")
                    }
                }
            }
        }
    }
}
