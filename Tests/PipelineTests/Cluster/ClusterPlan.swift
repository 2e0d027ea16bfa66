import Catalog
import EventLog
import EventModel
import TestSupport

/// What a seed decides before anything happens: how large the world is, what plugins and destination make of each event.
struct ClusterPlan {
    let nodes: Int
    /// How many partitions the first generation has, and each that follows.
    let partitions: [UInt8]
    let consumers: Int
    let users: Int
    let events: Int
    /// How many transformations stand before the connector.
    let steps: Int
    /// Events that the connector puts into one request at most.
    let batch: Int
    /// How far back repeated message ids are found.
    /// - Unit: microseconds.
    let window: Int64
    /// One of so many steps brings a fault, in the time of faults.
    let faultsEvery: Int
    /// One of so many requests to the destination goes wrong, in the time of faults.
    let failuresEvery: Int

    init(_ random: inout SplitMix) {
        nodes = 2 + Int(random.next() % 2)
        let changes = [0, 1, 2, 3][Int(random.next() % 4)]
        partitions = (0...changes).map { _ in UInt8(1 + random.next() % 3) }
        consumers = 1 + Int(random.next() % 2)
        users = 2 + Int(random.next() % 7)
        events = 40 + Int(random.next() % 50)
        steps = Int(random.next() % 3)
        batch = [1, 4, 12][Int(random.next() % 3)]
        window = random.next() % 4 == 0 ? 200_000 : 3_600_000_000
        faultsEvery = [30, 80, 300][Int(random.next() % 3)]
        failuresEvery = [4, 12, 40][Int(random.next() % 3)]
    }

    /// The longest time between a sign of life and the last send.
    /// - Unit: microseconds, as all times here.
    static let leaseTime: Int64 = 60_000
    /// How long a request to the destination may be under way.
    static let requestTime: Int64 = 20_000
    static let tickPeriod: Int64 = 10_000

    private static let sourceID = SourceID(rawValue: 1)

    func generation(_ number: Int) -> Generation {
        Generation(source: Self.sourceID, number: UInt16(number), partitions: partitions[number])
    }

    /// The source after so many changes of its partitions.
    func source(after changes: Int) -> Source {
        Source(
            id: Self.sourceID,
            name: "world",
            enabled: true,
            partitions: partitions[changes],
            generation: UInt16(changes),
            closed: (0..<changes).map { generation($0) }
        )
    }

    /// The lanes of some partitions.
    func lanes(of partitions: [PartitionID]) -> [LaneID] {
        partitions.flatMap { partition in
            (1...consumers).map { LaneID(partition: partition, consumer: ConsumerID(rawValue: Int64($0))) }
        }
    }

    func user(_ number: Int) -> Int { (number / 3 &* 7 &+ number) % users }

    // MARK: What becomes of an event, which follows from its number and its consumer alone

    private func mix(_ number: Int, _ lane: LaneID) -> Int { number + Int(lane.consumer.rawValue) * 5 }

    func isFiltered(_ number: Int, _ lane: LaneID) -> Bool { mix(number, lane) % 13 == 8 }
    func isDropped(_ number: Int, _ lane: LaneID) -> Bool { steps > 0 && mix(number, lane) % 17 == 3 }
    func isFailed(_ number: Int, _ lane: LaneID) -> Bool { steps > 0 && mix(number, lane) % 23 == 4 }
    func isTriedAgain(_ number: Int, _ lane: LaneID) -> Bool { steps > 0 && mix(number, lane) % 19 == 6 }

    func parts(_ number: Int, _ lane: LaneID) -> Int {
        steps > 0 && mix(number, lane) % 7 == 5 ? 1 + number % 3 : 1
    }

    func isConnectorDropped(_ number: Int, _ part: Int, _ lane: LaneID) -> Bool {
        (mix(number, lane) + part) % 29 == 1
    }

    func isConnectorFailed(_ number: Int, _ part: Int, _ lane: LaneID) -> Bool {
        (mix(number, lane) + part) % 31 == 2
    }

    func isRefused(_ number: Int, _ part: Int, _ lane: LaneID) -> Bool { (mix(number, lane) + part) % 37 == 9 }

    /// Whether a part is to reach the sink.
    func isSent(_ number: Int, _ part: Int, _ lane: LaneID) -> Bool {
        !isDropped(number, lane) && !isFailed(number, lane) && part < parts(number, lane)
            && !isConnectorDropped(number, part, lane) && !isConnectorFailed(number, part, lane)
    }

    /// What an event adds to the counts of a lane in the end.
    func counts(_ number: Int, _ lane: LaneID, isDuplicate: Bool, isDamaged: Bool) -> Counts {
        var one = Counts()
        one.read = 1
        if isDuplicate {
            one.duplicates = 1
        } else if isDamaged {
            one.failed = 1
        } else if isFiltered(number, lane) {
            one.filtered = 1
        } else if isDropped(number, lane) {
            one.dropped = 1
        } else if isFailed(number, lane) {
            one.failed = 1
        } else {
            for part in 0..<parts(number, lane) where !isConnectorDropped(number, part, lane) {
                one.emitted += 1
                if isConnectorFailed(number, part, lane) || isRefused(number, part, lane) {
                    one.deadLettered += 1
                } else {
                    one.delivered += 1
                }
            }
            if one.emitted == 0 { one.dropped = 1 } else { one.transformed = 1 }
        }
        return one
    }
}
