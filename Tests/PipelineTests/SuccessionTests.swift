import Catalog
import EventLog
import EventModel
import Testing

@testable import Pipeline

@Suite struct SuccessionTests {
    private static let id = SourceID(rawValue: 3)
    private static let (first, second) = (ConsumerID(rawValue: 10), ConsumerID(rawValue: 11))
    private static let source = Source(
        id: id,
        name: "web",
        enabled: true,
        partitions: 3,
        generation: 2,
        closed: [
            Generation(source: id, number: 0, partitions: 4), Generation(source: id, number: 1, partitions: 7),
        ]
    )

    private func lane(_ generation: UInt16, _ number: UInt8, _ consumer: ConsumerID = first) -> LaneID {
        LaneID(partition: PartitionID(source: Self.id, generation: generation, number: number), consumer: consumer)
    }

    private func unfinished(_ lane: LaneID, _ users: Set<UInt64>? = nil) -> UnfinishedLane {
        UnfinishedLane(lane: lane, isDrained: users != nil, users: users ?? [])
    }

    @Test func `A generation begins when every lane of the earlier ones has settled its events`() {
        let source = Self.source
        let both = Succession([unfinished(lane(0, 3)), unfinished(lane(1, 6))])
        #expect(both.mayRun(lane(0, 3), of: source))
        // Of the others of the first generation nothing is left.
        #expect(!both.mayRun(lane(0, 0), of: source))
        #expect(!both.mayRun(lane(1, 6), of: source) && !both.mayRun(lane(2, 0), of: source))
        // Each connection for itself.
        #expect(both.mayRun(lane(2, 0, Self.second), of: source))
        #expect(!both.isOver)

        let later = Succession([unfinished(lane(1, 6))])
        #expect(later.mayRun(lane(1, 6), of: source) && !later.mayRun(lane(2, 0), of: source))
        let over = Succession()
        #expect(over.mayRun(lane(2, 0), of: source) && !over.mayRun(lane(1, 6), of: source) && over.isOver)
    }

    @Test func `What is parked earlier holds back its users in their new partitions, and nobody else`() {
        let source = Self.source
        let parked = Succession([unfinished(lane(0, 1), [5, 9]), unfinished(lane(1, 2), [9, 16, 2])])
        // Lanes with nothing but parked events go on beside the newer ones.
        #expect(parked.mayRun(lane(0, 1), of: source) && parked.mayRun(lane(1, 2), of: source))
        #expect(parked.mayRun(lane(2, 0), of: source))
        #expect(parked.held(in: lane(0, 1), of: source).isEmpty)
        #expect(parked.held(in: lane(1, 5), of: source) == [5])
        #expect(parked.held(in: lane(1, 2), of: source) == [9])
        #expect((0..<3).map { parked.held(in: lane(2, $0), of: source) } == [[9], [16], [5, 2]])
        #expect(parked.held(in: lane(2, 0, Self.second), of: source).isEmpty)
    }

    @Test(.timeLimit(.minutes(3)))
    func `Whatever nodes know when and whichever crash, users stay in order across generations and all is delivered`() {
        var repeats = 0
        for seed in 0..<1_000 as Range<UInt64> {
            var world = SuccessionWorld(seed: seed)
            if !world.run() { Issue.record("seed \(seed) comes to no end") }
            repeats += world.repeats
        }
        #expect(repeats > 100, "hardly anything crashed")
    }
}
