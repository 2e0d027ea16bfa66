import EventModel

/// A node that has not been held for silent.
struct LivingNode: Equatable, Sendable {
    let node: NodeID
    /// Of its data directory; stays over restarts.
    let identity: String
    let name: String
    /// Its signs of life so far.
    let beats: Int64
    /// Whether it runs lanes, or would if it had partitions.
    let serves: Bool
    let isDraining: Bool
}

/// Which other nodes gave no sign of life for too long.
///
/// It measures by this node's own clock how long a count stands still, so clocks of other machines have no say. A stretch
/// in which this node could not ask either, because the database was away, tells nothing about anybody.
struct NodeWatch: Sendable {
    private struct Sight {
        var beats: Int64
        /// When this count was seen first.
        var since: ContinuousClock.Instant
    }

    /// How long a count must stand still.
    private let patience: Duration
    /// The longest time between two looks that counts as having watched.
    private let longestBlink: Duration
    private var sights: [NodeID: Sight] = [:]
    private var lastLook: ContinuousClock.Instant?
    /// The nodes that are held for silent, and the count at which they stand.
    private(set) var silent: [NodeID: Int64] = [:]

    init(patience: Duration, longestBlink: Duration) {
        self.patience = patience
        self.longestBlink = longestBlink
    }

    /// Takes in what was asked for at `asked` and known at `now`.
    mutating func look(
        at nodes: [LivingNode],
        except own: NodeID,
        asked: ContinuousClock.Instant,
        at now: ContinuousClock.Instant
    ) {
        if let lastLook, lastLook.duration(to: now) > longestBlink { sights = [:] }
        lastLook = now
        silent = [:]
        var seen: [NodeID: Sight] = [:]
        for node in nodes where node.node != own {
            if let sight = sights[node.node], sight.beats == node.beats {
                seen[node.node] = sight
                // The count stood there from before `since` until after `asked`.
                if sight.since.duration(to: asked) >= patience { silent[node.node] = node.beats }
            } else {
                seen[node.node] = Sight(beats: node.beats, since: now)
            }
        }
        sights = seen
    }
}
