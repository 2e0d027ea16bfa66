import EventLog
import EventModel
import Synchronization

/// The lanes of this node that run, by their destinations, for whoever wants to know what waits.
///
/// - Owner: the pipeline; its loop enters lanes and lets them leave.
final class Roster: Sendable {
    private let lanes = Mutex<[LaneID: (destination: DestinationID, lane: Lane)]>([:])
    /// How many lanes of each destination stand still because the database refuses what happened in them.
    private let refused = Mutex<[DestinationID: Int]>([:])

    func enter(_ lane: Lane, of destination: DestinationID) { lanes.withLock { $0[lane.key] = (destination, lane) } }
    func leave(_ key: LaneID) { lanes.withLock { $0[key] = nil } }

    func refuse(_ counts: [DestinationID: Int]) { refused.withLock { $0 = counts } }
    var refusals: [DestinationID: Int] { refused.withLock { $0 } }

    /// How many lanes each destination has here, and what waits in them together.
    var standings: [DestinationID: (lanes: [LaneID], standing: LaneStanding)] {
        var all: [DestinationID: (lanes: [LaneID], standing: LaneStanding)] = [:]
        for (key, entry) in lanes.withLock({ $0 }) {
            let one = entry.lane.standing.withLock { $0 }
            var (keys, sum) = all[entry.destination] ?? ([], LaneStanding())
            keys.append(key)
            sum.lingering += one.lingering
            sum.lingersUntil = [sum.lingersUntil, one.lingersUntil].compactMap { $0 }.min()
            sum.parked += one.parked
            sum.full += one.full
            sum.nextDue = [sum.nextDue, one.nextDue].compactMap { $0 }.min()
            all[entry.destination] = (keys, sum)
        }
        return all
    }
}
