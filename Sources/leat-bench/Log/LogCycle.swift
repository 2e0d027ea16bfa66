import EventLog
import EventModel
import PostgreSQL
import Synchronization

/// Lanes that do nothing with what they read but settle it: read, inflate, commit progress.
final class LogCycle: Sendable {
    private struct State {
        var records: [PartitionID: LaneRecord]
        /// Lanes that moved since the last commit.
        var moved: Set<PartitionID> = []
        var read = 0
    }

    private let log: EventLog
    private let reader: EventLog
    private let leases: [Lease]
    private let state: Mutex<State>

    /// How often progress is committed, as the pipeline does.
    private static let period = Duration.milliseconds(100)

    /// Lanes of a consumer that begins where its partitions end now; where it `isApart`, they find nothing in this node's
    /// memory, as the lanes of another node.
    init(
        _ log: EventLog,
        _ partitions: [PartitionID],
        consumer: Int64,
        _ leases: [Lease],
        isApart: Bool
    ) async throws {
        self.log = log
        reader = isApart ? EventLog(log.pool) : log
        self.leases = leases
        _ = try await log.pool.query(
            Statement("bench_begin", "SELECT leat.begin_lanes($1, $2)"),
            [.int8(consumer), .int8Array(partitions.map(\.rawValue))]
        )
        var records: [PartitionID: LaneRecord] = [:]
        for record in try await log.records(
            partitions.map { LaneID(partition: $0, consumer: ConsumerID(rawValue: consumer)) }
        ) { records[record.lane.partition] = record }
        state = Mutex(State(records: records))
    }

    /// Events that were read and inflated since it was made.
    var read: Int { state.withLock { $0.read } }

    /// Reads and settles until `isEnough` is true of the number of events, and everything read is committed.
    func run(until isEnough: @escaping @Sendable (Int) -> Bool) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for lease in leases { group.addTask { try await self.follow(lease.partition, until: isEnough) } }
            group.addTask {
                while !isEnough(self.read) {
                    try await Task.sleep(for: Self.period)
                    try await self.commit()
                }
                try await self.commit()
            }
            try await group.waitForAll()
        }
        try await commit()
    }

    private func follow(_ partition: PartitionID, until isEnough: @Sendable (Int) -> Bool) async throws {
        guard var position = state.withLock({ $0.records[partition]?.position }) else { return }
        while !isEnough(read) {
            let chunks = try await reader.read(partition, after: position)
            guard let last = chunks.last else {
                try await Task.sleep(for: .milliseconds(1))
                continue
            }
            var events = 0
            for chunk in chunks { events += try chunk.bodies().count }
            position = last.end
            state.withLock { state in
                state.records[partition]?.position = last.end
                state.records[partition]?.counts += Self.delivered(events)
                state.moved.insert(partition)
                state.read += events
            }
        }
    }

    private static func delivered(_ events: Int) -> Counts {
        var counts = Counts()
        counts.read = Int64(events)
        counts.transformed = counts.read
        counts.emitted = counts.read
        counts.delivered = counts.read
        return counts
    }

    private func commit() async throws {
        var checkpoint = Checkpoint()
        checkpoint.lanes = state.withLock { state in
            defer { state.moved = [] }
            for partition in state.moved { state.records[partition]?.number += 1 }
            return state.moved.compactMap { state.records[$0] }
        }
        try await log.commit(checkpoint, under: leases)
    }
}
