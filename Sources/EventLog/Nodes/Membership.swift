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
    var tenancy: Tenancy?
    /// When the last sign of life that the database confirmed was sent, on the boot clock.
    var confirmed: ContinuousClock.Instant?
    /// Whoever runs this node's lanes: told that the leases have changed, or that they have run out.
    var follower: AsyncStream<Void>.Continuation?
    var alarm: AsyncStream<Void>.Continuation?
    /// Makes the next tick come now.
    var urge: AsyncStream<Void>.Continuation?
    /// Whether lanes of a life that is over have ended.
    var isVacated = false
}

/// What became of leases since the start, as counts that only grow.
package struct LeaseCounts: Sendable, Equatable {
    /// Leases that this node lost while its lanes ran.
    package var lost = 0
    /// How often they ran out because no sign of life was confirmed in time.
    package var lapses = 0
}
