package import EventModel

/// Somebody who reads a source's log, as far as it matters for what the log must keep.
package struct Consumer: Equatable, Sendable {
    package let id: ConsumerID
    /// How people call it, in logs and metrics.
    package let name: String
    package let partitions: [PartitionID]
    package let lag: LagPolicy
    /// One that is switched off keeps its slices for as long as there is room, and pushes nobody back.
    package let isEnabled: Bool
    /// One that reads old events on purpose: that it is behind the others is no news.
    package let isReplay: Bool

    package init(
        id: ConsumerID,
        name: String,
        partitions: [PartitionID],
        lag: LagPolicy,
        isEnabled: Bool,
        isReplay: Bool = false
    ) {
        self.isReplay = isReplay
        self.id = id
        self.name = name
        self.partitions = partitions
        self.lag = lag
        self.isEnabled = isEnabled
    }

    package var lanes: [LaneID] { partitions.map { LaneID(partition: $0, consumer: id) } }
}

/// How far one consumer is behind, over all its lanes.
package struct ConsumerLag: Equatable, Sendable {
    package let consumer: Consumer
    /// Events between where its lanes stand and the ends of their partitions.
    package var unread: Int64
    /// The time of the oldest chunk that it still must read; nil when there is none.
    /// - Unit: microseconds since 1970.
    package var oldest: Int64?

    package init(consumer: Consumer, unread: Int64 = 0, oldest: Int64? = nil) {
        self.consumer = consumer
        self.unread = unread
        self.oldest = oldest
    }

    /// How old the oldest event is that it has not read.
    package func age(at now: Int64) -> Duration {
        oldest.map { .microseconds(max(0, now - $0)) } ?? .zero
    }
}
