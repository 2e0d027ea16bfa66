import EventModel
import Synchronization

/// This node's life among the nodes.
struct Membership: Sendable {
    /// How this node entered, so that it can enter again.
    struct Entry: Sendable {
        var identity: String
        var name: String
        var address: String
        var version: String
    }

    var entry: Entry?
    /// Whether it tries to enter again and does not know how the last try went.
    var isEntering = false
    var tenancy: Tenancy?
    /// Whoever runs this node's lanes: told that the leases have changed, or that they have run out.
    var follower: AsyncStream<Void>.Continuation?
    var alarm: AsyncStream<Void>.Continuation?
    /// Whoever follows the configuration, or must commit again what a crash of the database may have lost.
    var configurer: AsyncStream<Int64>.Continuation?
    var survivor: AsyncStream<Void>.Continuation?
    /// Makes the next tick come now.
    var urge: AsyncStream<Void>.Continuation?
    /// When it was said last that no lane runs anywhere; nil while some may.
    var strandedTold: ContinuousClock.Instant?

    /// How often that is said while it lasts.
    private static let strandedPeriod = Duration.seconds(600)

    /// Whether it is to be said now that no lane runs anywhere.
    mutating func isToWarn(at now: ContinuousClock.Instant) -> Bool {
        guard tenancy?.isStranded == true else {
            strandedTold = nil
            return false
        }
        if let said = strandedTold, said.duration(to: now) < Self.strandedPeriod { return false }
        strandedTold = now
        return true
    }
}

/// What became of leases since the start, as counts that only grow.
package struct LeaseCounts: Sendable, Equatable {
    /// Leases that this node lost while its lanes ran.
    package var lost = 0
    /// How often they ran out because no sign of life was confirmed in time.
    package var lapses = 0
}
