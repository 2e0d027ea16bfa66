import Delivery
import Testing

@Suite struct RetryTests {
    @Test func `Delays double up to the cap and are spread over their whole range`() {
        let schedule = RetrySchedule(first: .seconds(1), cap: .seconds(300))
        for (attempt, bound) in [(1, 1), (2, 2), (3, 4), (9, 256), (10, 300), (60, 300), (1_000_000, 300)] {
            #expect(schedule.delay(after: attempt, retryAfter: nil, random: 0.999) <= .seconds(bound))
            #expect(schedule.delay(after: attempt, retryAfter: nil, random: 0.999) > .seconds(bound) * 0.99)
            #expect(schedule.delay(after: attempt, retryAfter: nil, random: 0) == .milliseconds(100))
        }
    }

    @Test func `What the destination asks for is never undercut`() {
        let schedule = RetrySchedule()
        for random in stride(from: 0, to: 1, by: 0.01) {
            let delay = schedule.delay(after: 1, retryAfter: .seconds(120), random: random)
            #expect(delay >= .seconds(120))
            #expect(delay <= .seconds(121))
        }
    }

    @Test func `Retry-After is read as seconds and in every form of a date`() {
        let now: Int64 = 784_111_777 - 30
        #expect(RetryAfter.parse("120", now: 0) == .seconds(120))
        #expect(RetryAfter.parse(" 0 ", now: 0) == .zero)
        for text in ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            #expect(RetryAfter.parse(text, now: now) == .seconds(30), "\(text)")
            #expect(RetryAfter.parse(text, now: now + 100) == .zero)
        }
        #expect(RetryAfter.parse("Thu, 29 Feb 2024 00:00:00 GMT", now: 1_709_164_790) == .seconds(10))
        #expect(RetryAfter.parse("99999999999999999999999", now: 0) == RetryAfter.longest)
        for text in ["", "soon", "-1", "1.5", "Sun, 06 Nov 1994", "Sun, 99 Nov 1994 08:49:37 GMT", "a b c d e f"] {
            #expect(RetryAfter.parse(text, now: 0) == nil, "\(text)")
        }
    }

    @Test func `An answer means what the table says`() {
        func answer(_ status: Int) -> Answer { Answer(.status(status), retryAfter: .seconds(3)) }
        for status in [200, 201, 204, 299] { #expect(answer(status) == .delivered) }
        for status in [408, 425, 500, 502, 503, 504, 599, 999] {
            #expect(answer(status) == .retry(after: .seconds(3)))
        }
        #expect(answer(429) == .throttled(after: .seconds(3)))
        for status in [401, 403] { #expect(answer(status) == .unauthorized) }
        for status in [301, 302, 307, 404, 405, 410] { #expect(answer(status) == .refused(divisible: false)) }
        for status in [400, 409, 413, 422] { #expect(answer(status) == .refused(divisible: true)) }
        for fault in TransportFault.allCases { #expect(Answer(.fault(fault)) == .retry(after: nil)) }
    }

    @Test func `An event is given up by number of tries, or by age after a fair number`() {
        let schedule = RetrySchedule(maximumAttempts: 10, maximumAge: .seconds(60))
        #expect(!schedule.isExhausted(attempts: 9, age: .seconds(59)))
        #expect(schedule.isExhausted(attempts: 10, age: .zero))
        #expect(!schedule.isExhausted(attempts: 2, age: .seconds(600)))
        #expect(schedule.isExhausted(attempts: 3, age: .seconds(600)))
    }
}
