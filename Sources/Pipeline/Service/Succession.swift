import Catalog
import EventLog
import EventModel

/// Which lanes may run where a source's partitions were changed, as of one look at what is committed.
///
/// A connection's lanes of a generation begin when its lanes of every earlier one have settled all their events, on
/// whatever nodes they run. Of those, parked events may be left: they hold back their own users in the newer lanes, and
/// nobody else. A lane of a closed partition that has nothing left runs no more.
struct Succession: Equatable, Sendable {
    private let unfinished: [LaneID: UnfinishedLane]
    /// The oldest generation of which a consumer has events that are not settled.
    private let open: [ConsumerID: UInt16]

    init(_ lanes: [UnfinishedLane] = []) {
        unfinished = Dictionary(lanes.map { ($0.lane, $0) }) { $1 }
        let undrained = lanes.filter { !$0.isDrained }.map { ($0.lane.consumer, $0.lane.partition.generation) }
        open = Dictionary(undrained) { min($0, $1) }
    }

    /// Whether nothing is left of any earlier generation.
    var isOver: Bool { unfinished.isEmpty }

    func mayRun(_ lane: LaneID, of source: Source) -> Bool {
        let generation = lane.partition.generation
        if let open = open[lane.consumer], open < generation { return false }
        return generation == source.generation || unfinished[lane] != nil
    }

    /// Where a lane of a closed partition goes on, if what it would read next has left the log: no later event ever
    /// shows it that.
    func rest(of lane: LaneID) -> Int64? { unfinished[lane]?.rest }

    /// The users of a lane of whom something is parked in an earlier generation.
    func held(in lane: LaneID, of source: Source) -> Set<UInt64> {
        guard let own = (source.closed + [source.current]).first(where: { $0.number == lane.partition.generation })
        else { return [] }
        var users: Set<UInt64> = []
        for (key, earlier) in unfinished
        where key.consumer == lane.consumer && key.partition.generation < own.number {
            users.formUnion(earlier.users.lazy.filter { own.number(of: $0) == lane.partition.number })
        }
        return users
    }
}

extension CatalogSnapshot {
    /// The lanes of closed partitions of which something may be left.
    var closedLanes: [LaneID] {
        let ofConnections = sources.flatMap { source in
            source.closed.flatMap(\.partitionIDs).flatMap { partition in
                connections(of: source.id).map { LaneID(partition: partition, consumer: $0.id) }
            }
        }
        let ofReplays = replays.flatMap { replay in
            replay.ranges.filter { $0.partition.generation != self.source(replay.source)?.generation }
                .map { LaneID(partition: $0.partition, consumer: replay.id) }
        }
        return ofConnections + ofReplays
    }
}
