import Catalog
import EventLog
import EventModel
import TestSupport
import Testing

@testable import Pipeline

/// Several nodes that run the lanes of a source whose partitions were changed, played by a seed: each looks at what is
/// committed when it likes to, commits when it likes to, and loses what it did not commit.
struct SuccessionWorld {
    private struct Event {
        let user: UInt64
        /// The user's events are numbered over all generations.
        let number: Int
    }

    private struct Progress {
        var position = 0
        /// What is set aside, by user, in order.
        var parked: [UInt64: [Event]] = [:]
    }

    private struct Running {
        var progress: Progress
        var held: Set<UInt64>
    }

    private static let consumer = ConsumerID(rawValue: 1)
    private let seed: UInt64
    private let source: Source
    private var random: SplitMix
    private var log: [LaneID: [Event]] = [:]
    private var committed: [LaneID: Progress] = [:]
    /// Whoever leases a partition runs its lane; here every lane has a node of its own.
    private var running: [LaneID: Running] = [:]
    /// What each of these nodes saw last.
    private var seen: [LaneID: Succession] = [:]
    private var delivered: [UInt64: Int] = [:]
    private(set) var repeats = 0

    init(seed: UInt64) {
        self.seed = seed
        var random = SplitMix(seed: seed)
        let id = SourceID(rawValue: 1)
        let generations = (0..<2 + UInt16(random.next() % 3)).map { number in
            Generation(source: id, number: number, partitions: UInt8(1 + random.next() % 5))
        }
        let current = generations[generations.count - 1]
        source = Source(
            id: id,
            name: "web",
            enabled: true,
            partitions: current.partitions,
            generation: current.number,
            closed: Array(generations.dropLast())
        )
        var numbers: [UInt64: Int] = [:]
        for generation in generations {
            for partition in generation.partitionIDs {
                let lane = LaneID(partition: partition, consumer: Self.consumer)
                (log[lane], committed[lane], seen[lane]) = ([], Progress(), nil)
            }
            for _ in 0..<random.next() % 40 {
                let user = random.next() % 7
                let lane = LaneID(partition: generation.partition(of: user), consumer: Self.consumer)
                log[lane]?.append(Event(user: user, number: numbers[user, default: 0]))
                numbers[user, default: 0] += 1
            }
        }
        self.random = random
    }

    /// Runs until everything is delivered; false if it never is.
    mutating func run() -> Bool {
        let lanes = log.keys.sorted { $0.partition < $1.partition }
        for _ in 0..<50_000 {
            if lanes.allSatisfy({ isOver($0) }) { return true }
            let lane = lanes[Int(random.next() % UInt64(lanes.count))]
            switch random.next() % 16 {
            case 0, 1: look(lane)
            case 2, 3: commit(lane)
            case 4: running[lane] = nil
            case 5: begin(lane)
            default: step(lane)
            }
        }
        return false
    }

    private func isOver(_ lane: LaneID) -> Bool {
        let progress = committed[lane]
        return progress?.position == log[lane]?.count && progress?.parked.isEmpty == true
    }

    private mutating func look(_ lane: LaneID) {
        let succession = Succession(
            committed.compactMap { key, progress in
                guard key.partition.generation < source.generation, !isOver(key) else { return nil }
                let isDrained = progress.position == log[key]?.count
                return UnfinishedLane(lane: key, isDrained: isDrained, users: Set(progress.parked.keys))
            }
        )
        seen[lane] = succession
        if !succession.mayRun(lane, of: source) {
            running[lane] = nil
        } else {
            running[lane]?.held = succession.held(in: lane, of: source)
        }
    }

    private mutating func begin(_ lane: LaneID) {
        guard running[lane] == nil, let succession = seen[lane], succession.mayRun(lane, of: source),
            let progress = committed[lane]
        else { return }
        running[lane] = Running(progress: progress, held: succession.held(in: lane, of: source))
    }

    private mutating func commit(_ lane: LaneID) {
        if let progress = running[lane]?.progress { committed[lane] = progress }
    }

    /// Reads one event or tries a parked one again.
    private mutating func step(_ lane: LaneID) {
        guard var own = running[lane], let events = log[lane] else { return }
        defer { running[lane] = own }
        let free = own.progress.parked.keys.filter { !own.held.contains($0) }.sorted()
        if let user = free.first, random.next() % 2 == 0 {
            guard random.next() % 3 == 0, let head = own.progress.parked[user]?.removeFirst() else { return }
            deliver(head)
            if own.progress.parked[user]?.isEmpty == true { own.progress.parked[user] = nil }
        } else if own.progress.position < events.count {
            let event = events[own.progress.position]
            own.progress.position += 1
            let waits = own.held.contains(event.user) || own.progress.parked[event.user] != nil
            if waits || random.next() % 6 == 0 {
                own.progress.parked[event.user, default: []].append(event)
            } else {
                deliver(event)
            }
        }
    }

    private mutating func deliver(_ event: Event) {
        let next = delivered[event.user] ?? 0
        if event.number < next { repeats += 1 }
        if event.number > next {
            Issue.record("seed \(seed): event \(event.number) of user \(event.user) is delivered before \(next)")
        }
        delivered[event.user] = max(next, event.number + 1)
    }
}
