import EventModel

/// This node's life among the nodes.
struct Membership: Sendable {
    var node: NodeID?
    /// When the last beat that the database confirmed was sent.
    var lastBeat: ContinuousClock.Instant?
    /// How many nodes lived then, this one included.
    var livingNodes = 1
}
