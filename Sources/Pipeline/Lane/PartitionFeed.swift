import Conditions
import EventJSON
import EventLog
import EventModel

/// Chunks on their way to a lane, with what was decided of each event before anybody parsed it.
struct DecidedChunks: Sendable {
    var events: [LaneEvent] = []
    var chunks: [(first: Int64, time: Int64, end: LogPosition)] = []
    /// How far it was allowed to read.
    var bound = LaneBound.none
    /// Whether nothing more comes before that.
    var isAll = false
    /// By whom it was judged what is wanted; nil where everything is.
    var chooser: Chooser?
    /// Whether what lies between the events was left out because it is not wanted.
    var isSparse = false
}

/// Reads one partition for the lanes of this node.
final class PartitionFeed: Sendable {
    let log: EventLog
    let partition: PartitionID
    private let window: DuplicateWindow
    /// Where it is counted what is not wanted.
    let excluded: ExclusionCounts

    init(
        _ log: EventLog,
        _ partition: PartitionID,
        _ window: DuplicateWindow,
        _ excluded: ExclusionCounts = ExclusionCounts()
    ) {
        self.excluded = excluded
        self.log = log
        self.partition = partition
        self.window = window
    }

    /// The events from `position` on and before the bound, as many chunks as begin within `room` events that are wanted.
    ///
    /// What a chooser rejects by the directory alone, or `sieve` as no part of a replay, has no text here; a chunk of which
    /// nothing else is left is not even inflated.
    ///
    /// - Throws: `database`; `corruptChunk` if the first chunk's directory is damaged, so that nothing is known of its
    ///   events.
    func read(
        after position: LogPosition,
        room: Int,
        _ bound: LaneBound = .none,
        choosing chooser: Chooser? = nil,
        _ sieve: ReplaySieve? = nil
    ) async throws(EventLogError) -> DecidedChunks {
        var decided = DecidedChunks()
        decided.bound = bound
        if let end = bound.end, position.offset >= end {
            decided.isAll = true
            return decided
        }
        // Only what is asked afresh and after that time tells that nothing more comes before the bound.
        let isSettled = bound.settledAt.map { $0 <= log.databaseTime } ?? false
        // A replay reads alone and behind the others, whose chunks are not to leave memory for it.
        let chunks =
            sieve == nil
            ? try await log.read(partition, after: position, limit: Self.limit, afresh: isSettled)
            : try await log.readAside(partition, after: position, limit: Self.limit)
        decided.isAll = chunks.isEmpty && isSettled
        var sorter = ChunkSorter(chooser, sieve)
        for chunk in chunks {
            if sorter.wanted >= room || decided.events.count >= room + Self.unwanted { break }
            if bound.excludes(offset: chunk.firstOffset, sliceTime: chunk.sliceTime) {
                if let end = bound.end, decided.chunks.isEmpty {
                    // What lay between here and the end has left the log.
                    decided.chunks.append((end, chunk.sliceTime, LogPosition(offset: end, sliceTime: chunk.sliceTime)))
                }
                decided.isAll = bound.end.map { $0 <= decided.chunks.last?.end.offset ?? 0 } ?? true
                break
            }
            if chunk.count > 0 {
                let repeated = try await window.duplicates(in: chunk)
                if let damage = sorter.sort(chunk, from: position.offset, repeated, into: &decided.events) {
                    log.note(damage)
                }
            }
            decided.chunks.append((chunk.firstOffset, chunk.sliceTime, chunk.end))
        }
        excluded.add(sorter.excluded)
        decided.chooser = chooser
        return decided
    }

    /// How many events that are not wanted are read for those that are.
    private static let unwanted = 2_000

    /// One portion's worth; more waits in the cache.
    private static let limit = ReadLimit(chunks: 64, bytes: 512 * 1024)
}
