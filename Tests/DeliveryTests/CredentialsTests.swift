import Delivery
import TestSupport
import Testing

@Suite struct CredentialsTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    private func submit(_ dispatch: inout Dispatch, _ numbers: Range<UInt64>, events: Int = 1) {
        for number in numbers { dispatch.submit(number, events: events, users: UserSample([number]), at: start) }
    }

    @Test func `A destination that refuses many users is to be paused, and nothing dies`() {
        var dispatch = Dispatch(schedule: RetrySchedule(), concurrency: 4)
        submit(&dispatch, 0..<60)
        var now = 0.0
        var pauses: [String] = []
        var answers = 0
        while pauses.isEmpty, now < 100 {
            for sent in dispatch.next(at: at(now)) {
                answers += 1
                // The key is revoked after twenty.
                let answer: Answer = sent.number < 20 ? .delivered : .unauthorized
                let ending = dispatch.answered(sent.number, answer, code: "http_401", at: at(now), random: 0.5)
                #expect(ending == (sent.number < 20 ? .delivered : nil))
            }
            for case .pause(let reason) in dispatch.takeNews() { pauses.append(reason) }
            now += 0.05
        }
        #expect(pauses == ["http_401: 8 of 16 recent users were refused, the last answer was http_401"])
        #expect(answers < 35)
        #expect(dispatch.count == 40)
        #expect(dispatch.next(at: at(now + 1)).isEmpty)
        #expect(dispatch.status(at: at(now + 1)).reason == .unauthorized)
        #expect(!dispatch.next(at: at(now + 40)).isEmpty, "should nobody pause it, it is tried again")
    }

    @Test(arguments: [1, 5]) func `One user's refusal is that event's failure while others are served`(events: Int) {
        var dispatch = Dispatch(schedule: RetrySchedule(), concurrency: 4)
        dispatch.submit(0, events: events, users: UserSample([0]), at: start)
        var now = 0.0
        var endings: [Dispatch.Ending] = []
        for other in 1..<400 as Range<UInt64> where endings.isEmpty {
            dispatch.submit(other, events: 1, users: UserSample([other % 12 + 1]), at: at(now))
            for sent in dispatch.next(at: at(now)) {
                let answer: Answer = sent.number == 0 ? .unauthorized : .delivered
                let ending = dispatch.answered(sent.number, answer, code: "http_403", at: at(now), random: 0.9)
                if sent.number == 0, let ending { endings.append(ending) }
            }
            now += 0.1
        }
        #expect(endings == [events == 1 ? .refused : .divide])
        #expect(dispatch.takeNews().isEmpty)
    }

    @Test func `When nobody is served for a long time, one user's refusal is enough`() {
        var dispatch = Dispatch(schedule: RetrySchedule(unauthorizedPatience: .seconds(120)), concurrency: 4)
        submit(&dispatch, 0..<1)
        var now = start
        var news: [Dispatch.News] = []
        while news.isEmpty, now < at(1_000) {
            for sent in dispatch.next(at: now) {
                #expect(dispatch.answered(sent.number, .unauthorized, code: "http_401", at: now, random: 0.9) == nil)
            }
            news = dispatch.takeNews()
            now = dispatch.wakeUp ?? now + .seconds(1)
        }
        guard case .pause(let reason) = news.first else {
            Issue.record("\(news)")
            return
        }
        #expect(reason.hasPrefix("http_401: 1 of 1 recent users were refused"))
        #expect(now - start >= .seconds(120) && now - start < .seconds(200))
    }

    @Test func `A sample tells a few users apart`() {
        var credentials = Credentials()
        credentials.refused(UserSample([1, 1, 2, 1, 3, 4, 5, 6] as [UInt64]), at: start)
        #expect(credentials.recent == (4, 4))
        credentials.served(UserSample([1] as [UInt64]), at: at(1))
        #expect(credentials.recent == (4, 3))
    }

    @Test(arguments: 0..<30)
    func `Whatever is refused, nothing dies of 401s once nobody is served any more`(seed: Int) {
        var random = SplitMix(seed: UInt64(seed))
        var dispatch = Dispatch(schedule: RetrySchedule(), concurrency: 6)
        let total: UInt64 = 400
        for number in 0..<total {
            dispatch.submit(number, events: 1, users: UserSample([random.next() % 40]), at: start)
        }
        var now = 0.0
        let revoked = Double(random.next() % 5)
        var underWay: [(due: Double, number: UInt64, answer: Answer)] = []
        var hasPaused = false
        while !hasPaused, now < 400 {
            for one in dispatch.next(at: at(now)) {
                let answer: Answer = now < revoked ? .delivered : .unauthorized
                underWay.append((now + Double(random.next() % 200) / 1_000, one.number, answer))
            }
            underWay.sort { $0.due > $1.due }
            let wake = dispatch.wakeUp.map { ($0 - start) / .seconds(1) } ?? .infinity
            if let first = underWay.last, first.due <= wake || wake.isInfinite {
                underWay.removeLast()
                now = max(now, first.due)
                let ending = dispatch.answered(first.number, first.answer, code: "http_401", at: at(now), random: 0.5)
                #expect(ending == nil || ending == .delivered)
            } else if wake.isFinite {
                now = max(now + 0.001, wake)
            } else {
                break
            }
            for case .pause in dispatch.takeNews() { hasPaused = true }
        }
        #expect(hasPaused || dispatch.count == 0)
    }
}
