import EventLog
import EventModel

/// The leases of a node that is alone.
enum BenchLeases {
    /// Takes the leases of partitions that nobody holds.
    static func take(_ partitions: [PartitionID], by log: EventLog) async throws -> [Lease] {
        _ = try await log.join(identity: "bench")
        log.want(Set(partitions))
        for _ in 0..<100 {
            try await log.tick()
            let held = log.holding.held
            if partitions.allSatisfy({ held[$0] != nil }) {
                return partitions.map { Lease(partition: $0, epoch: held[$0] ?? 0) }
            }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw EventLogError.leaseLost
    }
}
