import Delivery
import TestSupport
import Testing

@Suite struct DispatchTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    private func dispatch(concurrency: Int = 4, schedule: RetrySchedule = RetrySchedule()) -> Dispatch {
        Dispatch(schedule: schedule, concurrency: concurrency)
    }

    @Test func `No more requests are under way than the destination may have`() {
        var dispatch = dispatch(concurrency: 3)
        for number in 0..<10 { dispatch.submit(UInt64(number), events: 1, at: at(0)) }
        #expect(dispatch.next(at: at(0)).map(\.number) == [0, 1, 2])
        #expect(dispatch.next(at: at(0)).isEmpty)
        #expect(dispatch.answered(1, .delivered, at: at(1), random: 0.5) == .delivered)
        #expect(dispatch.next(at: at(1)).map(\.number) == [3])
    }

    @Test func `A destination that is down is tried by one request at a time and nothing is parked`() {
        var dispatch = dispatch()
        for number in 0..<20 { dispatch.submit(UInt64(number), events: 1, at: at(0)) }
        var now = start
        for sent in dispatch.next(at: now) {
            #expect(dispatch.answered(sent.number, .retry(after: nil), at: now, random: 0.5) == nil)
        }
        #expect(!dispatch.circuit.isClosed)
        var probes: [UInt64] = []
        for _ in 0..<200 {
            guard let wake = dispatch.wakeUp else { break }
            now = max(now, wake)
            let sent = dispatch.next(at: now)
            #expect(sent.count == 1)
            for probe in sent {
                probes.append(probe.number)
                #expect(dispatch.answered(probe.number, .retry(after: nil), at: now, random: 0.5) == nil)
            }
        }
        #expect(probes.count == 200)
        #expect(Set(probes).count == 20, "every request gets its turn, so one bad one cannot keep it closed")
        #expect(now - start > .seconds(4_000), "probes are half a minute apart in the end")
        #expect(dispatch.count == 20)
    }

    @Test func `A destination that comes back gets everything at once`() {
        var dispatch = dispatch(concurrency: 100)
        for number in 0..<20 { dispatch.submit(UInt64(number), events: 1, at: at(0)) }
        for sent in dispatch.next(at: at(0)) {
            _ = dispatch.answered(sent.number, .retry(after: nil), at: at(0), random: 0.999)
        }
        let probe = dispatch.next(at: at(40))
        #expect(probe.count == 1)
        #expect(dispatch.answered(probe[0].number, .delivered, at: at(40), random: 0.5) == .delivered)
        #expect(dispatch.next(at: at(40)).count == 19)
    }

    @Test func `One that fails gives way to the next, also where requests take longer than its delay`() {
        var dispatch = dispatch(concurrency: 1, schedule: RetrySchedule(shortTries: 3))
        for number in 0..<10 { dispatch.submit(UInt64(number), events: 1, at: at(0)) }
        var order: [UInt64] = []
        for turn in 0..<5 {
            for sent in dispatch.next(at: at(Double(turn) * 600)) {
                order.append(sent.number)
                let isBad = sent.number == 0
                _ = dispatch.answered(
                    sent.number,
                    isBad ? .retry(after: nil) : .delivered,
                    at: at(Double(turn) * 600 + 1),
                    random: 0
                )
            }
        }
        #expect(order == [0, 1, 0, 2, 0])
    }

    @Test func `One event that fails while others succeed is parked after its short tries`() {
        var dispatch = dispatch(schedule: RetrySchedule(shortTries: 3))
        dispatch.submit(0, events: 1, at: at(0))
        var now = 0.0
        var ending: Dispatch.Ending?
        var tries = 0
        for other in 1..<100 where ending == nil {
            dispatch.submit(UInt64(other), events: 1, at: at(now))
            for sent in dispatch.next(at: at(now)) {
                if sent.number == 0 {
                    tries += 1
                    ending = dispatch.answered(0, .retry(after: nil), at: at(now + 0.1), random: 0.5)
                } else {
                    #expect(dispatch.answered(sent.number, .delivered, at: at(now + 0.05), random: 0.5) == .delivered)
                }
            }
            now += 1
        }
        #expect(tries == 3)
        #expect(ending == .park(after: .seconds(1), counted: 2))
        #expect(dispatch.circuit.isClosed)
    }

    @Test func `A parked event that fails again is parked again, and given up in the end`() {
        var dispatch = dispatch(schedule: RetrySchedule(maximumAttempts: 6))
        dispatch.submit(0, events: 1, attempts: 4, at: at(100))
        dispatch.submit(1, events: 1, at: at(100))
        #expect(dispatch.next(at: at(100)).map(\.attempt) == [5, 1])
        _ = dispatch.answered(1, .delivered, at: at(101), random: 0.5)
        #expect(
            dispatch.answered(0, .retry(after: nil), at: at(102), random: 0.5) == .park(after: .seconds(8), counted: 5)
        )
        dispatch.submit(0, events: 1, attempts: 5, at: at(110))
        dispatch.submit(2, events: 1, at: at(110))
        _ = dispatch.next(at: at(110))
        _ = dispatch.answered(2, .delivered, at: at(111), random: 0.5)
        #expect(dispatch.answered(0, .retry(after: nil), at: at(112), random: 0.5) == .exhausted)
    }

    @Test func `An event that alone is sent is never given up, since it may be the destination`() {
        var dispatch = dispatch(schedule: RetrySchedule(maximumAttempts: 3))
        dispatch.submit(0, events: 1, at: at(0))
        var now = start
        for _ in 0..<50 {
            #expect(dispatch.next(at: now).count == 1)
            #expect(dispatch.answered(0, .retry(after: nil), at: now, random: 0.5) == nil)
            now = dispatch.wakeUp ?? now
        }
    }

    /// Lets a destination fail for so long, and then take the one that it is sent next.
    ///
    /// Returns when that is, and what was sent together with it and has no answer yet.
    private func outage(
        _ dispatch: inout Dispatch,
        for duration: Duration,
        from begin: ContinuousClock.Instant
    ) -> (back: ContinuousClock.Instant, underWay: [UInt64]) {
        var now = begin
        for _ in 0..<1_000_000 {
            let sent = dispatch.next(at: now).map(\.number)
            if now >= begin + duration, let first = sent.first {
                #expect(dispatch.answered(first, .delivered, at: now, random: 0.5) == .delivered)
                return (now, Array(sent.dropFirst()))
            }
            for number in sent {
                #expect(dispatch.answered(number, .retry(after: nil), at: now, random: 0.5) == nil)
            }
            now = max(now + .milliseconds(1), dispatch.wakeUp ?? now)
        }
        Issue.record("nothing is sent after the outage")
        return (now, [])
    }

    @Test(arguments: [2, 5]) func `Tries while the destination is down do not count once it is back`(waiting: Int) {
        var dispatch = dispatch(concurrency: 10)
        for number in 0..<waiting { dispatch.submit(UInt64(number), events: 1, at: at(0)) }
        let (back, underWay) = outage(&dispatch, for: .seconds(3_600), from: at(0))
        let next = dispatch.next(at: back)
        #expect(underWay.count + next.count == waiting - 1)
        for number in underWay + next.map(\.number) {
            let ending = dispatch.answered(number, .retry(after: nil), at: back + .seconds(1), random: 0.5)
            #expect(ending == .park(after: .milliseconds(500), counted: 1))
        }
    }

    @Test func `In an outage that follows another nothing is given up or set aside either`() {
        var dispatch = dispatch(concurrency: 1, schedule: RetrySchedule(maximumAttempts: 2))
        for number in 0..<8 { dispatch.submit(UInt64(number), events: 1, at: at(0)) }
        let (back, _) = outage(&dispatch, for: .seconds(600), from: at(0))
        for _ in 0..<Circuit.threshold {
            for sent in dispatch.next(at: back) {
                let ending = dispatch.answered(sent.number, .retry(after: nil), at: back + .seconds(1), random: 0.5)
                #expect(ending == .park(after: .milliseconds(500), counted: 1))
            }
        }
        #expect(!dispatch.circuit.isClosed && dispatch.count == 4)
        _ = outage(&dispatch, for: .seconds(600), from: back + .seconds(1))
    }

    @Test func `A parked event does not grow older while the destination is down`() {
        var dispatch = dispatch(concurrency: 10)
        for number in 0..<3 as Range<UInt64> {
            dispatch.submit(number, events: 1, attempts: 5, waited: .seconds(600), at: at(0))
        }
        let (back, _) = outage(&dispatch, for: .seconds(7 * 24 * 3_600), from: at(0))
        let sent = dispatch.next(at: back)
        #expect(sent.count == 2)
        for one in sent {
            let ending = dispatch.answered(one.number, .retry(after: nil), at: back + .seconds(1), random: 0.5)
            #expect(ending == .park(after: .seconds(16), counted: 6))
        }
    }

    @Test func `An event that has waited for three days for its own sake is given up`() {
        var dispatch = dispatch()
        dispatch.submit(0, events: 1, attempts: 3, waited: .seconds(72 * 3_600), at: at(0))
        dispatch.submit(1, events: 1, at: at(0))
        _ = dispatch.next(at: at(0))
        _ = dispatch.answered(1, .delivered, at: at(1), random: 0.5)
        #expect(dispatch.answered(0, .retry(after: nil), at: at(2), random: 0.5) == .exhausted)
    }

    @Test func `A long Retry-After of one event parks it at once and holds nobody else back for longer than once`() {
        var dispatch = dispatch()
        dispatch.submit(0, events: 1, at: at(0))
        dispatch.submit(1, events: 1, at: at(0))
        _ = dispatch.next(at: at(0))
        _ = dispatch.answered(1, .delivered, at: at(0.5), random: 0)
        #expect(
            dispatch.answered(0, .retry(after: .seconds(60)), at: at(1), random: 0)
                == .park(after: .seconds(60), counted: 1)
        )
        #expect(dispatch.circuit.isClosed)
    }

    @Test func `A destination that asks everybody to wait is left alone for as long as it asks`() {
        var dispatch = dispatch(concurrency: 1)
        for number in 0..<5 { dispatch.submit(UInt64(number), events: 1, at: at(0)) }
        #expect(dispatch.next(at: at(0)).map(\.number) == [0])
        #expect(dispatch.answered(0, .retry(after: .seconds(20)), at: at(1), random: 0) == nil)
        #expect(dispatch.wakeUp == at(21))
        #expect(dispatch.next(at: at(20.9)).isEmpty)
        #expect(dispatch.next(at: at(21)).count == 1)
    }

    @Test func `A request of several events that is refused is sent again event by event`() {
        var dispatch = dispatch()
        dispatch.submit(0, events: 50, at: at(0))
        dispatch.submit(1, events: 1, at: at(0))
        dispatch.submit(2, events: 50, at: at(0))
        _ = dispatch.next(at: at(0))
        #expect(dispatch.answered(0, .refused(divisible: true), at: at(1), random: 0) == .divide)
        #expect(dispatch.answered(1, .refused(divisible: true), at: at(1), random: 0) == .refused)
        #expect(dispatch.answered(2, .refused(divisible: false), at: at(1), random: 0) == .refused)
        #expect(dispatch.circuit.isClosed, "who refuses is not down")
    }

    @Test func `A request of several events that alone is sent is divided once, so one bad event blocks nobody`() {
        var dispatch = dispatch()
        dispatch.submit(0, events: 10, at: at(0))
        dispatch.submit(1, events: 10, at: at(0))
        var now = start
        var endings: [Dispatch.Ending] = []
        for _ in 0..<60 {
            for sent in dispatch.next(at: now) {
                if let ending = dispatch.answered(sent.number, .retry(after: nil), at: now, random: 0.5) {
                    endings.append(ending)
                }
            }
            now = dispatch.wakeUp ?? now
        }
        #expect(endings == [.divide])
    }

    @Test func `A part of what was divided is divided further until the one bad event is alone, and that is told`() {
        var dispatch = dispatch()
        dispatch.submit(0, events: 100, at: at(0))
        var now = start
        var (sizes, alone): ([Int], [UInt64]) = ([100], [])
        for _ in 0..<30 {
            for sent in dispatch.next(at: now) {
                let ending = dispatch.answered(sent.number, .retry(after: nil), at: now, random: 0.5)
                if let one = dispatch.takeAlone() { alone.append(one) }
                guard ending != nil, let last = sizes.last else { continue }
                #expect(ending == .divide)
                sizes.append((last + 7) / 8)
                dispatch.submit(sent.number + 1, events: (last + 7) / 8, at: now)
            }
            now = dispatch.wakeUp ?? now
        }
        #expect(sizes == [100, 13, 2, 1])
        #expect(alone.count > 1 && Set(alone) == [3])
        // Those that were let go are served, so it is the event.
        dispatch.submit(4, events: 1, at: now)
        #expect(dispatch.next(at: now).contains { $0.number == 4 })
        #expect(dispatch.answered(4, .delivered, at: now, random: 0.5) == .delivered)
        for _ in 0..<4 {
            now = dispatch.wakeUp ?? now
            guard let sent = dispatch.next(at: now).first else { continue }
            guard let ending = dispatch.answered(sent.number, .retry(after: nil), at: now, random: 0.5) else {
                continue
            }
            guard case .park = ending else {
                Issue.record("it ended as \(ending)")
                return
            }
            return
        }
        Issue.record("it was not set aside")
    }

    @Test func `What is withdrawn is forgotten, under way or not`() {
        var dispatch = dispatch(concurrency: 1)
        for number in 0..<3 { dispatch.submit(UInt64(number), events: 1, at: at(0)) }
        #expect(dispatch.next(at: at(0)).map(\.number) == [0])
        dispatch.withdraw(0)
        dispatch.withdraw(1)
        #expect(dispatch.answered(0, .delivered, at: at(1), random: 0) == nil)
        #expect(dispatch.next(at: at(1)).map(\.number) == [2])
        dispatch.calledOff(2, at: at(2))
        #expect(dispatch.next(at: at(2)).map(\.attempt) == [1], "a try that was called off does not count")
    }

    @Test(arguments: 0..<40)
    func `Whatever is answered in whatever order, each request ends once and the bound holds`(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var dispatch = dispatch(concurrency: 5, schedule: RetrySchedule(maximumAttempts: 8))
        var now = start
        var ended: Set<UInt64> = []
        var underWay: [UInt64] = []
        let total: UInt64 = 200
        var submitted: UInt64 = 0
        var steps = 0
        while ended.count < Int(total), steps < 100_000 {
            steps += 1
            if submitted < total, random.next() % 3 == 0 {
                dispatch.submit(submitted, events: Int(random.next() % 3) + 1, at: now)
                submitted += 1
            }
            underWay += dispatch.next(at: now).map(\.number)
            #expect(underWay.count <= 5 && underWay.count == dispatch.inFlight)
            #expect(Set(underWay).count == underWay.count)
            if let place = underWay.indices.randomElement(using: &random) {
                let number = underWay.remove(at: place)
                let share = random.next() % 100
                let answer: Answer =
                    share < 50
                    ? .delivered
                    : share < 60 ? .refused(divisible: true) : .retry(after: share < 63 ? .seconds(5) : nil)
                if dispatch.answered(number, answer, at: now, random: 0.3) != nil {
                    #expect(ended.insert(number).inserted)
                }
            } else if submitted == total {
                now = dispatch.wakeUp ?? now
            }
            now += .milliseconds(10)
        }
        #expect(ended.count == Int(total))
        #expect(dispatch.count == 0)
    }
}
