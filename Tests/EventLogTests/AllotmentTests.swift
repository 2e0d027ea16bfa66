import EventModel
import Testing

@testable import EventLog

@Suite struct AllotmentTests {
    private static let partitions = (1...200).flatMap { source in
        (0..<4 as Range<UInt8>).map { number in
            PartitionID(source: SourceID(rawValue: Int64(source)), generation: 0, number: number)
        }
    }

    private func nodes(_ count: Int) -> [String] { (0..<count).map { "node-\($0)" } }

    private func loads(_ allotment: Allotment) -> [Int] {
        Dictionary(grouping: allotment.owners.values) { $0 }.values.map(\.count).sorted()
    }

    /// How many partitions have another owner.
    private func moved(_ before: Allotment, _ after: Allotment) -> Int {
        before.owners.count { after.owners[$0.key] != $0.value }
    }

    @Test(arguments: 1...17) func `Every partition has one owner, and nobody has more than one more than anybody`(
        count: Int
    ) {
        for size in [0, 1, count - 1, count, count + 1, 100, 801] {
            let some = Array(Self.partitions.prefix(size))
            let allotment = Allotment(of: some, to: nodes(count))
            #expect(Set(allotment.owners.keys) == Set(some))
            let all = nodes(count).map { allotment.partitions(of: $0).count }
            #expect(all.reduce(0, +) == some.count)
            #expect((all.max() ?? 0) - (all.min() ?? 0) <= 1, "\(size) over \(count): \(all)")
        }
    }

    @Test func `The answer does not depend on the order in which nodes and partitions are named`() {
        let one = Allotment(of: Self.partitions, to: nodes(5))
        let other = Allotment(of: Array(Self.partitions.reversed()), to: nodes(5).reversed() + ["node-2"])
        #expect(one == other)
    }

    @Test(arguments: 1...12) func `When a node joins or leaves, few partitions move beside those that must`(
        count: Int
    ) {
        let fewer = Allotment(of: Self.partitions, to: nodes(count))
        let more = Allotment(of: Self.partitions, to: nodes(count + 1))
        // What a perfectly even spread must move: the share of the node that joined.
        let least = Self.partitions.count / (count + 1)
        let moves = moved(fewer, more)
        #expect(moves >= least)
        #expect(moves <= least * 8 / 5 + 8, "\(moves) of \(Self.partitions.count) moved, \(least) had to")
    }

    @Test func `Without nodes nothing is allotted`() {
        #expect(Allotment(of: Self.partitions, to: []).owners.isEmpty)
    }
}

@Suite struct NodeWatchTests {
    private let start = ContinuousClock.now
    private let own = NodeID(rawValue: 1)
    private let other = NodeID(rawValue: 2)

    private func node(_ node: NodeID, beats: Int64) -> LivingNode {
        LivingNode(node: node, identity: "", name: "", beats: beats, serves: true, isDraining: false)
    }

    private func watch(_ looks: [(second: Double, beats: Int64)]) -> [NodeID: Int64] {
        var watch = NodeWatch(patience: .seconds(7), longestBlink: .seconds(5))
        for look in looks {
            let asked = start + .seconds(look.second)
            let nodes = [node(own, beats: 3), node(other, beats: look.beats)]
            watch.look(at: nodes, except: own, asked: asked, at: asked + .milliseconds(10))
        }
        return watch.silent
    }

    @Test func `A node is silent when its count stood still for long enough by the watcher's clock`() {
        let still = (0...8).map { (second: Double($0), beats: 50 as Int64) }
        #expect(watch(Array(still.prefix(8))).isEmpty)
        #expect(watch(still) == [other: 50])
    }

    @Test func `A sign of life in between begins the time anew`() {
        let seconds = (0...11).map { (second: Double($0), beats: $0 < 5 ? 50 : 51 as Int64) }
        #expect(watch(seconds).isEmpty)
    }

    @Test func `A watcher that could not look for long holds nobody for silent for that`() {
        #expect(watch([(0, 50), (1, 50), (60, 50), (61, 50)]).isEmpty)
        #expect(watch([(0, 50), (60, 50)] + (61...68).map { (Double($0), 50) }) == [other: 50])
    }
}
