import Testing

@testable import Pipeline

@Suite struct ReplayPaceTests {
    @Test func `A bucket gives what its rate allows, whoever asks and however much at a time`() {
        var bucket = PaceBucket()
        var now = ContinuousClock.now
        let start = now
        bucket.set(rate: 50, at: now)
        var taken = 0
        for round in 0..<10_000 {
            let wish = 1 + round % 40
            if let wait = bucket.take(wish, at: now) { now += wait } else { taken += wish }
        }
        let seconds = start.duration(to: now) / .seconds(1)
        #expect(seconds > 100)
        #expect(abs(Double(taken) / seconds - 50) < 1)
    }

    @Test func `What was taken and not needed is there for the next, and nobody saves up for long`() {
        var bucket = PaceBucket()
        var now = ContinuousClock.now
        bucket.set(rate: 100, at: now)
        #expect(bucket.take(1000, at: now) == nil)
        #expect(bucket.take(1, at: now) != nil)
        bucket.giveBack(1000)
        #expect(bucket.take(1, at: now) == nil)
        now += .seconds(3600)
        var taken = 0
        while bucket.take(1, at: now) == nil { taken += 1 }
        #expect(taken <= 12, "an hour without readers is not made up for")
    }

    @Test func `Nothing is given while the rate is 0`() {
        var bucket = PaceBucket()
        let now = ContinuousClock.now
        #expect(bucket.take(1, at: now) != nil)
        bucket.set(rate: 10, at: now)
        #expect(bucket.take(1, at: now) == nil)
    }
}
