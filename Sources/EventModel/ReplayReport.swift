/// How far one lane of a replay is, as committed.
package struct ReplayLane: Equatable, Sendable {
    package let replay: ConsumerID
    package let partition: PartitionID
    package let start: Int64
    /// The first offset that it does not read.
    package let end: Int64
    package let next: Int64
    /// Events that are settled beyond `next`.
    package let beyond: Int64
    /// Events and parts that wait for another attempt, or behind one.
    package let parked: Int64
    /// Events that left the log before they were read.
    package let expired: Int64
    package let counts: Counts

    package init(
        replay: ConsumerID,
        partition: PartitionID,
        start: Int64,
        end: Int64,
        next: Int64,
        beyond: Int64 = 0,
        parked: Int64 = 0,
        expired: Int64 = 0,
        counts: Counts = Counts()
    ) {
        self.replay = replay
        self.partition = partition
        self.start = start
        self.end = end
        self.next = next
        self.beyond = beyond
        self.parked = parked
        self.expired = expired
        self.counts = counts
    }

    /// Events that it has still to settle.
    package var remaining: Int64 { max(0, end - next - beyond) }

    /// Whether everything in its range came to its end.
    package var isOver: Bool { next >= end && beyond == 0 && parked == 0 }
}
