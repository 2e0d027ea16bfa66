package import EventModel
import Synchronization

/// The right of this node to run all lanes of a partition, until somebody takes it over with a higher epoch.
package struct Lease: Hashable, Sendable {
    package let partition: PartitionID
    package let epoch: Int64

    package init(partition: PartitionID, epoch: Int64) {
        self.partition = partition
        self.epoch = epoch
    }
}

/// The leases of this node as of now.
package struct Holding: Equatable, Sendable {
    /// The epochs of those that lanes may run under.
    package var held: [PartitionID: Int64] = [:]
    /// Those whose lanes shall run here; what is held beside is another node's as soon as its lanes have ended.
    package var allotted: Set<PartitionID> = []
    /// Others held this node for silent: it enters again when its lanes have ended.
    package var isEnded = false
    package var isDraining = false
    /// Every node that lives is drained, so no lane runs anywhere.
    package var isStranded = false

    package init() {}

    /// The partitions whose lanes are to run here now.
    package var tenanted: [PartitionID] { held.keys.filter { allotted.contains($0) } }

    /// Those to be given back while lanes of these run: nothing of them is on its way, so they may change hands.
    package func spare(besides running: Set<PartitionID>, isClosing: Bool) -> [PartitionID] {
        held.keys.filter { !running.contains($0) && (isClosing || !allotted.contains($0)) }
    }
}

extension EventLog {
    /// This node's number, once it has joined.
    package var node: NodeID? { membership.withLock { $0.tenancy?.node } }

    /// How many nodes live, as of the last tick.
    package var livingNodes: Int { membership.withLock { max(1, $0.tenancy?.nodes.count ?? 1) } }

    /// What became of leases since the start.
    package var leaseCounts: LeaseCounts { counts.withLock { $0 } }

    /// What this node holds and should run.
    package var holding: Holding { membership.withLock { $0.tenancy?.holding ?? Holding() } }

    /// Whether no other node can have taken a lease of ours yet, by our own clock; ask before each send.
    ///
    /// The clock is the boot clock: it goes on while the machine is suspended.
    /// - Source: `ContinuousClock` reads CLOCK_BOOTTIME on Linux.
    package var maySend: Bool { membership.withLock { $0.tenancy?.maySend(at: .now) ?? false } }

    /// When the leases run out unless another sign of life is confirmed; nil when they hold no more.
    var lapse: ContinuousClock.Instant? { membership.withLock { $0.tenancy?.lapse } }

    /// An element now and whenever ``holding`` may have changed; there is one such stream at a time.
    package func holdings() -> AsyncStream<Void> { stream { $0.follower = $1 } }

    /// An element whenever the leases have run out, so that nothing that is on its way may go on; one stream at a time.
    package func lapses() -> AsyncStream<Void> { stream { $0.alarm = $1 } }

    /// The number of the configuration's last change, as every tick learns it; one stream at a time.
    package func revisions() -> AsyncStream<Int64> {
        let (stream, continuation) = AsyncStream.makeStream(of: Int64.self, bufferingPolicy: .bufferingNewest(1))
        membership.withLock { $0.configurer = continuation }
        return stream
    }

    /// An element whenever the database answers again after a session was lost; one stream at a time.
    ///
    /// A database that crashes takes every session with it, and may forget the last commits that did not wait for the disk.
    package func returns() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        membership.withLock { $0.survivor = continuation }
        return stream
    }

    private func stream(_ enter: (inout Membership, AsyncStream<Void>.Continuation) -> Void) -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        membership.withLock { enter(&$0, continuation) }
        continuation.yield()
        return stream
    }

    /// Runs lanes of these partitions from now on, as far as they are allotted to this node; nil for none at all.
    package func want(_ partitions: Set<PartitionID>?) {
        change { $0.want(partitions) }
    }

    /// Gives a lease back whose lanes have ended and are committed, so that another node need not wait.
    package func giveBack(_ partition: PartitionID) {
        change { $0.giveBack(partition) }
    }

    /// Learns that a lease is gone.
    package func lose(_ lease: Lease) {
        var isNews = false
        change { isNews = $0.lose(lease) }
        if isNews { counts.withLock { $0.lost += 1 } }
    }

    /// Learns that no lane of a life that is over runs any more, so this node may enter again.
    package func vacate() {
        membership.withLock { membership in
            membership.tenancy?.vacate()
            membership.urge?.yield()
        }
    }

    private func change(_ body: (inout Tenancy) -> Void) {
        membership.withLock { membership in
            guard var tenancy = membership.tenancy else { return }
            // Left inside it would be copied when changed.
            membership.tenancy = nil
            body(&tenancy)
            membership.tenancy = tenancy
            membership.follower?.yield()
            membership.urge?.yield()
        }
    }

    /// Makes the next tick come now.
    func urge() { membership.withLock { _ = $0.urge?.yield() } }
}
