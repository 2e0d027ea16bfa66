import Delivery
import TestSupport
import Testing

@Suite struct PaceTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .seconds(seconds) }

    @Test func `No window sees more than the rate, the burst and one request`() {
        var random = SplitMix(seed: 3)
        for (rate, most) in [(1.0, 1), (10, 1), (50, 7), (1_000, 30)] {
            var bucket = TokenBucket(rate: rate, at: start)
            var taken: [(at: Double, count: Int)] = []
            var now = 0.0
            while now < 20 {
                if bucket.permits(at: at(now)) {
                    let count = 1 + Int(random.next() % UInt64(most))
                    bucket.take(Double(count), at: at(now))
                    taken.append((now, count))
                } else {
                    now += Double(random.next() % 100) / 1_000 / rate
                }
            }
            for (index, first) in taken.enumerated() {
                var sum = 0
                for entry in taken[index...].prefix(400) {
                    sum += entry.count
                    let bound = (entry.at - first.at) * rate + bucket.capacity + Double(most)
                    #expect(Double(sum) <= bound + 1e-3)
                }
            }
            let all = Double(taken.reduce(0) { $0 + $1.count })
            #expect(all >= 20 * rate * 0.95, "what may go is not held back")
        }
    }

    @Test func `A limit changes at once, and what was saved up does not outlast it`() {
        var pace = Pace()
        #expect(pace.permits(at: start) && pace.ready == nil)
        pace.set(Pace.Limits(requestsPerSecond: 1_000), share: 1, at: start)
        #expect(pace.permits(at: at(1)))
        pace.set(Pace.Limits(requestsPerSecond: 2), share: 0.5, at: at(1))
        #expect(pace.requestsPerSecond == 1)
        pace.take(events: 1, at: at(1))
        #expect(!pace.permits(at: at(1.9)))
        #expect(pace.permits(at: at(2.01)))
        pace.set(Pace.Limits(), share: 1, at: at(2.01))
        for _ in 0..<1_000 { pace.take(events: 100, at: at(2.01)) }
        #expect(pace.permits(at: at(2.01)))
    }

    @Test func `A node without a share sends nothing`() {
        var pace = Pace()
        pace.set(Pace.Limits(requestsPerSecond: 5), share: 0, at: start)
        pace.take(events: 1, at: start)
        #expect(!pace.permits(at: at(1_000)) && pace.isShut)
    }

    @Test func `Events count for themselves, whatever request carries them`() {
        var pace = Pace()
        pace.set(Pace.Limits(eventsPerSecond: 100), share: 1, at: start)
        pace.take(events: 50, at: start)
        #expect(!pace.permits(at: at(0.4)))
        #expect(pace.permits(at: at(0.51)))
    }

    @Test func `A 429 halves the rate once for all that were under way`() throws {
        var pace = Pace()
        for number in 0..<100 { pace.take(events: 1, at: at(Double(number) / 100)) }
        let isFirstCut = pace.throttled(sent: at(0.9), retryAfter: nil, at: at(1))
        #expect(isFirstCut)
        let rate = try #require(pace.adaptive)
        #expect(rate > 40 && rate <= 50)
        for _ in 0..<20 {
            let isCut = pace.throttled(sent: at(0.95), retryAfter: nil, at: at(1.1))
            #expect(!isCut)
        }
        #expect(pace.adaptive == rate)
        _ = pace.throttled(sent: at(1.1), retryAfter: nil, at: at(1.2))
        #expect(try #require(pace.adaptive) < rate)
        for second in 2..<60 {
            _ = pace.throttled(sent: at(Double(second)), retryAfter: nil, at: at(Double(second) + 0.5))
        }
        #expect(pace.adaptive == Pace.slowest, "something is always left")
    }

    @Test func `Success lets the rate grow evenly, and it is forgotten once it is far above what is sent`() throws {
        var pace = Pace()
        for number in 0..<100 { pace.take(events: 1, at: at(Double(number) / 100)) }
        _ = pace.throttled(sent: at(0.9), retryAfter: nil, at: at(1))
        let cut = try #require(pace.adaptive)
        var now = 1.0
        // As much is sent as may be.
        while now < 4 {
            now += 0.01
            while pace.permits(at: at(now)) { pace.take(events: 1, at: at(now)) }
            pace.succeeded(at: at(now))
        }
        let grown = try #require(pace.adaptive)
        #expect(grown > cut + 15 && grown < cut + 40)
        // Little is sent.
        for second in 0..<60 {
            now = 4 + Double(second)
            pace.take(events: 1, at: at(now))
            pace.succeeded(at: at(now))
        }
        #expect(pace.adaptive == nil)
    }

    @Test func `A configured rate that is reached again is all that is left`() {
        var pace = Pace()
        pace.set(Pace.Limits(requestsPerSecond: 4), share: 1, at: start)
        pace.take(events: 1, at: start)
        _ = pace.throttled(sent: start, retryAfter: nil, at: at(0.1))
        #expect(pace.adaptive.map { $0 < 4 } ?? false)
        for second in 1..<20 { pace.succeeded(at: at(Double(second))) }
        #expect(pace.adaptive == nil && pace.requestsPerSecond == 4)
    }

    @Test func `What the destination asks for holds everybody back, but never for longer than the bound`() {
        var pace = Pace()
        _ = pace.throttled(sent: start, retryAfter: .seconds(20), at: at(1))
        #expect(pace.isHeld(at: at(20.9)) && !pace.isHeld(at: at(21)))
        _ = pace.throttled(sent: at(2), retryAfter: .seconds(86_400), at: at(3))
        #expect(pace.isHeld(at: at(302)) && !pace.isHeld(at: at(304)))
    }

    @Test func `What another node was told counts here too, once in a while`() throws {
        var pace = Pace()
        for number in 0..<100 { pace.take(events: 1, at: at(Double(number) / 100)) }
        pace.heard(factor: 0.5, holdFor: .seconds(2), at: at(1))
        let rate = try #require(pace.adaptive)
        #expect(rate <= 50 && pace.isHeld(at: at(2.9)) && !pace.isHeld(at: at(3.1)))
        pace.heard(factor: 0.5, holdFor: nil, at: at(1.5))
        #expect(pace.adaptive == rate)
        // Nonsense is bounded.
        pace.heard(factor: -4, holdFor: .seconds(1e9), at: at(5))
        #expect(try #require(pace.adaptive) > 0 && !pace.isHeld(at: at(306)))
    }

    @Test func `Counts of the last while fade evenly`() {
        var count = SlidingCount(over: .seconds(10))
        for second in 0..<10 { count.add(at: at(Double(second))) }
        #expect(count.value(at: at(9.5)) == 10)
        #expect(count.value(at: at(15)) == 5)
        #expect(count.value(at: at(40)) == 0)
    }
}
