import Delivery
import Testing

@Suite struct ReplayDispatchTests {
    private let start = ContinuousClock.now

    @Test func `Replays get half of what may be under way, and nothing while others wait`() {
        var dispatch = Dispatch(schedule: RetrySchedule(), concurrency: 4)
        for number in 0..<10 { dispatch.submit(UInt64(number), events: 1, isReplay: true, at: start) }
        #expect(dispatch.next(at: start).map(\.number) == [0, 1])
        for number in 10..<16 { dispatch.submit(UInt64(number), events: 1, at: start) }
        #expect(dispatch.next(at: start).map(\.number) == [10, 11])
        #expect(dispatch.answered(0, .delivered, at: start, random: 0.5) == .delivered)
        // What came later and is no replay goes first.
        #expect(dispatch.next(at: start).map(\.number) == [12])
        for number in [10, 11, 12] as [UInt64] { _ = dispatch.answered(number, .delivered, at: start, random: 0.5) }
        #expect(dispatch.next(at: start).map(\.number) == [13, 14, 15])
        for number in [13, 14, 15] as [UInt64] { _ = dispatch.answered(number, .delivered, at: start, random: 0.5) }
        #expect(dispatch.next(at: start).map(\.number) == [2])
    }

    @Test func `Replays that wait for another try leave room for others, and wake nobody in vain`() {
        var dispatch = Dispatch(schedule: RetrySchedule(shortTries: 100), concurrency: 2)
        var now = start
        // Something is delivered now and then, so that the destination is not held for down.
        for number in 0..<6 { dispatch.submit(UInt64(number), events: 1, isReplay: true, at: now) }
        #expect(dispatch.next(at: now).map(\.number) == [0])
        _ = dispatch.answered(0, .retry(after: nil), at: now, random: 0.1)
        let second = dispatch.next(at: now)
        #expect(second.count == 1)
        now += .seconds(60)
        // The first is due again, but one of the replays is on its way.
        #expect(dispatch.wakeUp == nil)
        #expect(dispatch.next(at: now).isEmpty)
        dispatch.submit(100, events: 1, at: now)
        #expect(dispatch.next(at: now).map(\.number) == [100])
    }

    @Test func `While a destination fails, what waits for another try goes before replays that were never tried`() {
        var dispatch = Dispatch(schedule: RetrySchedule(), concurrency: 4)
        for number in 0..<2 { dispatch.submit(UInt64(number), events: 1, at: start) }
        #expect(dispatch.next(at: start).map(\.number) == [0, 1])
        for number in 0..<2 { _ = dispatch.answered(UInt64(number), .retry(after: nil), at: start, random: 0.5) }
        for number in 10..<20 { dispatch.submit(UInt64(number), events: 1, isReplay: true, at: start) }
        let later = start + .seconds(60)
        let sent = dispatch.next(at: later).map(\.number)
        #expect(Set(sent.prefix(2)) == [0, 1] && sent.dropFirst(2) == [10, 11])
    }

    @Test func `Whether a destination is back is found out by replays only when everything else was tried often`() {
        var dispatch = Dispatch(schedule: RetrySchedule(shortTries: 100), concurrency: 4)
        for number in 0..<3 { dispatch.submit(UInt64(number), events: 1, at: start) }
        for (number, _) in dispatch.next(at: start) {
            _ = dispatch.answered(number, .retry(after: nil), at: start, random: 0.5)
        }
        #expect(!dispatch.circuit.isClosed)
        dispatch.submit(10, events: 1, isReplay: true, at: start)
        var probes: [UInt64] = []
        var now = start
        while probes.last != 10, probes.count < 20 {
            now += .seconds(400)
            let sent = dispatch.next(at: now).map(\.number)
            #expect(sent.count == 1)
            probes += sent
            if sent != [10] { _ = dispatch.answered(sent[0], .retry(after: nil), at: now, random: 0.5) }
        }
        // Each of the three was tried four times.
        #expect(probes.count == 10 && probes.last == 10, "\(probes)")
        #expect(dispatch.answered(10, .delivered, at: now, random: 0.5) == .delivered)
        dispatch.submit(11, events: 1, isReplay: true, at: now)
        now += .seconds(400)
        #expect(Set(dispatch.next(at: now).map(\.number).prefix(3)) == [0, 1, 2])
    }

    @Test func `A destination that may have one request at a time serves replays too`() {
        var dispatch = Dispatch(schedule: RetrySchedule(), concurrency: 1)
        dispatch.submit(1, events: 1, isReplay: true, at: start)
        #expect(dispatch.next(at: start).map(\.number) == [1])
        dispatch.submit(2, events: 1, at: start)
        #expect(dispatch.next(at: start).isEmpty)
        _ = dispatch.answered(1, .delivered, at: start, random: 0.5)
        #expect(dispatch.next(at: start).map(\.number) == [2])
    }
}
