import EventLog
import EventModel

/// The lanes that commit together, and whose turn it is.
struct CheckpointRoll {
    /// A lane's ledger and the lease under which it may commit.
    struct Entry {
        let ledger: LaneLedger
        let lease: Lease
        /// Where the lane began.
        let start: Int64
        /// Of the lane's latest commit.
        fileprivate var number: Int64
        /// The events that it had read at its latest commit.
        fileprivate var read: Int64
        /// Its progress as of the latest commit; nil if there was none since it was entered.
        fileprivate var progress: LaneCheckpoint?
        /// Whether the database may have lost that.
        fileprivate var isDoubtful = false
        /// The last round in which it gave something.
        fileprivate var round = 0
        /// Another node has taken over, or the database refuses: nothing of the lane is committed any more.
        fileprivate(set) var isOver = false
    }

    private var entries: [LaneID: Entry] = [:]
    /// Those that have left something to be committed.
    private var filled: Set<LaneID> = []
    private var round = 0

    /// The parked events and dead letters after which a batch takes no further lane.
    static let rowsTogether = 4_000
    /// The bytes of them after which it takes none: far from the 1 GB that PostgreSQL takes as one message.
    static let bytesTogether = 64 * 1024 * 1024

    subscript(lane: LaneID) -> Entry? { entries[lane] }

    mutating func enter(_ lane: LaneID, _ ledger: LaneLedger, _ lease: Lease, after record: LaneRecord) {
        entries[lane] = Entry(
            ledger: ledger,
            lease: lease,
            start: record.start,
            number: record.number,
            read: record.counts.read
        )
        if !ledger.isEmpty { filled.insert(lane) }
    }

    mutating func end(_ lane: LaneID) {
        entries[lane]?.isOver = true
        filled.remove(lane)
    }

    mutating func forget(_ lane: LaneID) {
        entries[lane] = nil
        filled.remove(lane)
    }

    /// Notes that a lane has left something to be committed.
    mutating func fill(_ lane: LaneID) {
        if let entry = entries[lane], !entry.isOver { filled.insert(lane) }
    }

    /// Whether nobody has left anything.
    var isEmpty: Bool { filled.isEmpty }

    /// Learns that the database may have lost commits of mere progress, so that lanes which publish nothing more would be
    /// held for late.
    mutating func doubt() {
        for (lane, entry) in entries where entry.progress != nil && !entry.isOver {
            entries[lane]?.isDoubtful = true
            filled.insert(lane)
        }
    }

    /// Learns that something was committed.
    mutating func commit(_ page: CheckpointBatch.Page) {
        entries[page.lane]?.read = page.checkpoint.counts.read
        entries[page.lane]?.progress = page.checkpoint.progress
        entries[page.lane]?.ledger.commit(page.checkpoint)
    }

    /// The events whose outcome a page brings.
    func news(of page: CheckpointBatch.Page) -> Int64 {
        guard let entry = entries[page.lane] else { return 0 }
        return max(0, page.checkpoint.counts.read - entry.read) + Int64(page.checkpoint.released.count)
    }

    /// Events that were handed to delivery and are not committed.
    var uncommitted: Int { entries.values.reduce(0) { $0 + $1.ledger.uncommitted } }

    private static func turn(_ lane: (key: LaneID, value: Entry)) -> (Int, PartitionID, ConsumerID) {
        (lane.value.round, lane.key.partition, lane.key.consumer)
    }

    /// Takes what lanes have published; when that becomes too much, those whose last turn was longest ago come first.
    mutating func gather(except busy: Set<LaneID>) -> [CheckpointBatch.Page] {
        round += 1
        var pages: [CheckpointBatch.Page] = []
        var rows = 0
        var bytes = 0
        let waiting = filled.subtracting(busy).compactMap { lane in entries[lane].map { (key: lane, value: $0) } }
        for (lane, entry) in waiting.sorted(by: { Self.turn($0) < Self.turn($1) }) {
            guard rows < Self.rowsTogether, bytes < Self.bytesTogether else { break }
            // Before it is taken, so that what comes meanwhile is noted again.
            filled.remove(lane)
            guard let checkpoint = entry.ledger.take() ?? (entry.isDoubtful ? entry.progress : nil) else { continue }
            entries[lane]?.isDoubtful = false
            rows += checkpoint.rows
            bytes += checkpoint.bytes
            entries[lane]?.number += 1
            entries[lane]?.round = round
            pages.append(
                CheckpointBatch.Page(
                    lane: lane,
                    lease: entry.lease,
                    number: entry.number + 1,
                    start: entry.start,
                    checkpoint: checkpoint
                )
            )
        }
        return pages
    }
}
