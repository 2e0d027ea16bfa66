import Catalog
import EventModel
import Testing

@testable import Ingestion

@Suite struct SourceGateTests {
    private static let start = ContinuousClock.Instant.now
    private static func at(_ seconds: Double) -> ContinuousClock.Instant { start + .milliseconds(Int(seconds * 1000)) }

    /// Asks as requests do that come every `step` seconds and bring `count` events each; returns how many events came in.
    private static func flood(_ gate: inout SourceGate, for seconds: Double, every step: Double, _ count: Int) -> Int {
        var taken = 0
        var time = 0.0
        while time < seconds {
            gate.adapt(gate.limits, nodes: gate.sharers, at: at(time))
            if (try? gate.check(at: at(time))) != nil {
                gate.take(events: count)
                taken += count
            }
            time += step
        }
        return taken
    }

    @Test(arguments: [1, 7, 300]) func `A rate holds on average, whatever the size of the requests`(size: Int) {
        var gate = SourceGate(SourceLimits(eventsPerSecond: 100), nodes: 1, at: Self.start)
        let taken = Self.flood(&gate, for: 60, every: 0.001, size)
        // One second's worth is there at the start, and the last request may go into debt.
        #expect(taken <= 61 * 100 + size)
        #expect(taken >= 59 * 100)
    }

    @Test func `Nodes share a limit in equal parts`() {
        var gates = (0..<3).map { _ in SourceGate(SourceLimits(eventsPerSecond: 90), nodes: 3, at: Self.start) }
        let taken = gates.indices.reduce(0) { $0 + Self.flood(&gates[$1], for: 30, every: 0.01, 1) }
        #expect((2_600...2_800).contains(taken))
    }

    @Test func `Whoever must wait is told how long, and it is true`() throws {
        var gate = SourceGate(SourceLimits(bytesPerSecond: 1_000), nodes: 1, at: Self.start)
        gate.take(bytes: 3_500)
        gate.adapt(gate.limits, nodes: 1, at: Self.at(0.1))
        #expect(throws: RequestRefusal.limited(.bytesPerSecond, seconds: 3)) { try gate.check(at: Self.at(0.1)) }
        #expect(gate.remains(at: Self.at(0.1)).remaining == #""bytesPerSecond";r=0;t=4"#)
        gate.adapt(gate.limits, nodes: 1, at: Self.at(3.1))
        try gate.check(at: Self.at(3.1))
    }

    @Test func `What is left is what will be let in`() throws {
        var gate = SourceGate(SourceLimits(eventsPerSecond: 10), nodes: 2, at: Self.start)
        #expect(gate.remains(at: Self.start).policy == #""eventsPerSecond";q=10;w=1;qu="events""#)
        for left in stride(from: 5, to: 0, by: -1) {
            #expect(gate.remains(at: Self.start)[0].left == left)
            try gate.check(at: Self.start)
            gate.take(events: 1)
        }
        #expect(throws: RequestRefusal.limited(.eventsPerSecond, seconds: 1)) { try gate.check(at: Self.start) }
    }

    @Test func `A daily limit is the log's sum and what came since, and begins anew at midnight`() throws {
        var gate = SourceGate(SourceLimits(bytesPerDay: 1_000), nodes: 2, at: Self.start)
        // Nobody knows yet.
        #expect(throws: RequestRefusal.unavailable) { try gate.check(at: Self.start) }
        gate.day?.learn(used: 400, chargedBefore: 0, midnight: Self.at(100))
        try gate.check(at: Self.start)
        #expect(gate.remains(at: Self.start)[0].left == 300)
        gate.take(dayBytes: 250)
        #expect(gate.remains(at: Self.start)[0].left == 50)
        let before = try #require(gate.day?.chargedNow)
        gate.take(dayBytes: 60)
        #expect(throws: RequestRefusal.limited(.bytesPerDay, seconds: 100)) { try gate.check(at: Self.start) }
        // The log has what was charged before it was asked, and 90 of the other node.
        gate.day?.learn(used: 740, chargedBefore: before, midnight: Self.at(100))
        #expect(gate.remains(at: Self.start)[0].left == 70)
        gate.day?.learn(used: 1_000, chargedBefore: 60, midnight: Self.at(100))
        #expect(throws: RequestRefusal.limited(.bytesPerDay, seconds: 60)) { try gate.check(at: Self.at(40)) }
        gate.adapt(gate.limits, nodes: 2, at: Self.at(100))
        try gate.check(at: Self.at(100))
        #expect(gate.remains(at: Self.at(100)).map(\.left) == [500])
        #expect(gate.remains(at: Self.at(100)).map(\.reset) == [86_400])
    }

    @Test func `Limits follow the configuration and the number of nodes at once`() throws {
        var gate = SourceGate(SourceLimits(eventsPerSecond: 10), nodes: 1, at: Self.start)
        gate.take(events: 20)
        gate.adapt(SourceLimits(eventsPerSecond: 1_000), nodes: 1, at: Self.start)
        gate.adapt(SourceLimits(eventsPerSecond: 1_000), nodes: 1, at: Self.at(0.02))
        try gate.check(at: Self.at(0.02))
        gate.adapt(.none, nodes: 1, at: Self.at(0.02))
        gate.take(events: 1_000_000)
        try gate.check(at: Self.at(0.02))
        #expect(gate.remains(at: Self.start).isEmpty)
    }
}
