import EventLog
import EventModel
import Testing

@testable import Pipeline

@Suite struct LaneChainTests {
    private static func stages(_ version: String) -> [PluginLabel] {
        [PluginLabel(id: "mask", version: version), PluginLabel(id: "hook", version: "1")]
    }

    /// What a look-up finds for an event among rows in the order of their writing.
    private static func version(_ rows: [LaneChain.Row], at offset: Int64) -> String? {
        rows.last { $0.from <= offset && $0.offsets?.contains(offset) ?? true }?.stages.first?.version
    }

    @Test func `A row is written when versions change, and not before`() {
        var chain = LaneChain()
        chain.begin(Self.stages("1"), from: 0)
        chain.begin(Self.stages("1"), from: 50)
        chain.begin(Self.stages("2"), from: 100)
        let rows = chain.takeRows()
        #expect(rows.map(\.from) == [0, 100] && rows.allSatisfy { $0.offsets == nil })
        #expect([0, 99, 100, 500].map { Self.version(rows, at: $0) } == ["1", "1", "2", "2"])
        let none = chain.takeRows()
        #expect(none.isEmpty)
        var resumed = LaneChain(current: Self.stages("2"), since: 100)
        resumed.begin(Self.stages("2"), from: 300)
        let nothing = resumed.takeRows()
        #expect(nothing.isEmpty)
    }

    @Test func `Portions that begin again and events that waited are named one by one`() {
        var chain = LaneChain()
        chain.begin(Self.stages("1"), from: 0)
        chain.begin(Self.stages("1"), from: 10)
        // The portion from 10 on begins again under version 2, but for 12, which was dropped under version 1.
        chain.handle([10, 11, 13], by: Self.stages("2"))
        chain.begin(Self.stages("2"), from: 20)
        // 5 waited and is read again; 25 as well, under what is in force there.
        chain.handle([5], by: Self.stages("2"))
        chain.handle([25], by: Self.stages("2"))
        let rows = chain.takeRows()
        let found = [4, 5, 10, 12, 13, 19, 20, 25].map { Self.version(rows, at: $0) }
        #expect(found == ["1", "2", "2", "1", "2", "1", "2", "2"])
        #expect(rows.count == 4)
    }

    @Test func `It is written down what was wanted, and of what waited only that it was`() {
        func stages(_ rule: String, _ version: String = "1") -> [PluginLabel] {
            [PluginLabel(id: "hook", version: version, rule: rule)]
        }
        func rule(_ rows: [LaneChain.Row], _ offset: Int64) -> String? {
            rows.last { $0.from <= offset && $0.offsets?.contains(offset) ?? true }?.stages.last?.rule
        }
        var chain = LaneChain()
        chain.begin(stages("a"), from: 0)
        chain.begin(stages("b"), from: 10)
        // What waited is not asked again, whatever is wanted by now.
        chain.handle([3, 12], by: stages("c"), areChosen: false)
        chain.handle([14], by: stages("c", "2"), areChosen: false)
        chain.handle([16], by: stages("b", "2"))
        let rows = chain.takeRows()
        #expect([2, 3, 12, 13, 14, 16].map { rule(rows, $0) } == ["a", "", "b", "b", "", "b"])
        #expect(rows.count == 5)
    }

    @Test func `What was settled beyond the position before a restart keeps its versions`() {
        var chain = LaneChain(current: Self.stages("1"), since: 0, settled: [12, 14, 40])
        chain.begin(Self.stages("2"), from: 13)
        let rows = [LaneChain.Row(from: 0, offsets: nil, stages: Self.stages("1"))] + chain.takeRows()
        #expect([12, 13, 14, 15, 40].map { Self.version(rows, at: $0) } == ["1", "2", "1", "2", "1"])
    }

    @Test func `What is read again after a crash was handled by those who handled it last`() {
        let before = [
            LaneChain.Row(from: 0, offsets: nil, stages: Self.stages("1")),
            LaneChain.Row(from: 200, offsets: nil, stages: Self.stages("2")),
        ]
        var same = LaneChain(current: Self.stages("2"), since: 200)
        same.begin(Self.stages("2"), from: 150)
        let goesOn = before + same.takeRows()
        #expect([149, 150, 199, 200].map { Self.version(goesOn, at: $0) } == ["1", "2", "2", "2"])
        var other = LaneChain(current: Self.stages("2"), since: 200, settled: [210])
        other.begin(Self.stages("3"), from: 150)
        let changed = before + other.takeRows()
        #expect([149, 150, 209, 210, 211].map { Self.version(changed, at: $0) } == ["1", "3", "3", "2", "3"])
    }

    @Test func `The sample is the share that was asked for, and the same for everybody`() {
        let hashes = (0..<20_000).map { EventHash.message("message \($0)") }
        func kept(_ share: Double) -> Set<Int> {
            let watch = TraceWatch(sample: share)
            return Set(hashes.indices.filter { watch.keep(user: 0, hashes[$0], at: 0) == .sampled })
        }
        #expect(kept(0).isEmpty && kept(1).count == 20_000)
        #expect((1_800...2_200).contains(kept(0.1).count))
        #expect(kept(0.01).isSubset(of: kept(0.1)))
    }

    @Test func `Whoever is followed is followed until the time is over`() {
        let watch = TraceWatch(users: [7: 100], messages: [EventHash.message("m"): 200])
        let other = MessageHash(high: 1, low: 1)
        #expect(watch.keep(user: 7, other, at: 99) == .traced && watch.keep(user: 7, other, at: 100) == .no)
        #expect(watch.keep(user: 8, EventHash.message("m"), at: 150) == .traced)
        #expect(watch.keep(user: 8, other, at: 0) == .no)
    }

    @Test func `A second takes so many rows of each kind, and counts the others`() {
        var meter = TraceMeter()
        var admitted = 0
        for _ in 0..<100 where meter.admits(.failed, at: 5_000_000, hasRoom: true) { admitted += 1 }
        #expect(admitted == TraceMeter.limit(.failed) && meter.leftOut == 100 - admitted)
        let (other, later) = (
            meter.admits(.traced, at: 5_000_001, hasRoom: true), meter.admits(.failed, at: 6_000_000, hasRoom: true)
        )
        let crowded = meter.admits(.failed, at: 6_000_000, hasRoom: false)
        #expect(other && later && !crowded)
    }
}
