package import Catalog
package import EventLog
import EventModel

/// Appends to the log, also while sources change their partitions.
///
/// The closed partitions of an earlier generation refuse an append whole. What the configuration says by then is in the
/// database already, so it is read, the same events are dealt out over the partitions that take them now, each user's in
/// the order in which they came, and appended again.
package struct LogAppender: Sendable {
    private let log: EventLog
    private let catalog: Catalog
    private let chunkBytes: Int
    /// Told of what is kept; it must return at once.
    private let tell: @Sendable ([ChunkDraft], [AppendedChunk]) -> Void

    /// The changes of partitions that one append follows; more within one append is no use but an accident.
    private static let changes = 8

    package init(
        _ log: EventLog,
        _ catalog: Catalog,
        chunkBytes: Int = AppendQueueSettings().chunkBytes,
        tell: @escaping @Sendable ([ChunkDraft], [AppendedChunk]) -> Void = { _, _ in }
    ) {
        self.tell = tell
        self.log = log
        self.catalog = catalog
        self.chunkBytes = chunkBytes
    }

    /// Appends the drafts, all of them or none, in their order.
    package func append(_ drafts: [ChunkDraft]) async throws {
        var drafts = drafts
        for _ in 0..<Self.changes {
            guard let refusal = try await refusal(of: drafts) else { return }
            try await catalog.reload()
            // One that does not exist may be of a generation that was put away since.
            guard refusal == .partitionClosed || drafts.contains(where: { generation(after: $0.partition) != nil })
            else { throw refusal }
            drafts = Self.dealt(drafts, chunkBytes: chunkBytes) { generation(after: $0) }
        }
        throw EventLogError.partitionClosed
    }

    /// Appends; nil if that went well, or that a partition does not take anything.
    private func refusal(of drafts: [ChunkDraft]) async throws(EventLogError) -> EventLogError? {
        do throws(EventLogError) {
            tell(drafts, try await log.append(drafts))
            return nil
        } catch {
            guard error == .partitionClosed || error == .noPartition else { throw error }
            return error
        }
    }

    /// The generation that takes events now, if it is not the partition's own.
    private func generation(after partition: PartitionID) -> Generation? {
        let current = catalog.current.source(partition.source)?.current
        return current.flatMap { $0.number > partition.generation ? $0 : nil }
    }

    /// The same events in the partitions of the generations that `now` names for theirs; drafts for which it names none
    /// stay as they are.
    ///
    /// Whatever the drafts are, the events of one user keep their order: all of them are in drafts of partitions that
    /// the user belongs to, and these are gone through in their order.
    static func dealt(
        _ drafts: [ChunkDraft],
        chunkBytes: Int,
        _ now: (PartitionID) -> Generation?
    ) -> [ChunkDraft] {
        var dealt: [ChunkDraft] = []
        /// The last draft of each partition.
        var last: [PartitionID: Int] = [:]
        for draft in drafts {
            guard let generation = now(draft.partition) else {
                last[draft.partition] = nil
                dealt.append(draft)
                continue
            }
            var start = 0
            for entry in draft.entries {
                let bytes = draft.bodies[start..<start + Int(entry.length)]
                start += Int(entry.length)
                let partition = generation.partition(of: entry.userHash)
                if let place = last[partition], dealt[place].byteCount + bytes.count <= chunkBytes {
                    dealt[place].append(entry, Array(bytes))
                } else {
                    last[partition] = dealt.count
                    dealt.append(ChunkDraft(partition: partition))
                    dealt[dealt.count - 1].append(entry, Array(bytes))
                }
            }
        }
        return dealt
    }
}
