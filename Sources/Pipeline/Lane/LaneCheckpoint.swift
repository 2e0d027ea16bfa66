package import EventModel

/// What a lane wants committed: where it stands now, and what became of single events since the last time.
package struct LaneCheckpoint: Sendable {
    package var position: Int64
    /// The time of the chunk that holds the position; set by the lane's owner.
    /// - Unit: microseconds since 1970.
    package var sliceTime: Int64 = 0
    /// - Shape: see ``LaneProgress/beyond``.
    package var beyond: [UInt8]
    package var counts: Counts
    /// Of what was filtered and dropped.
    package var reasons = ReasonCounts()
    /// Events that left the log before they were read.
    package var expired: Int64
    package var parked: [ParkedItem]
    /// What their rows are to keep beside that.
    package var pasts: [ParkedKey: ParkedPast] = [:]
    package var released: [ParkedKey]
    package var deadLetters: [LaneDeadLetter]
    /// Which plugin versions handled which events, where that changed.
    package var chains: [LaneChain.Row] = []
    /// What happened to those events of which it is kept.
    package var traces: [EventTrace] = []
    /// Parts that plugins dropped, since the last one, of events of which something else went on.
    var droppedParts = 0
    /// Events that were handed to delivery since the lane began and have an end; set by the lane's owner.
    var ended = 0

    /// The same without what became of single events.
    var progress: LaneCheckpoint {
        var progress = self
        (progress.parked, progress.pasts, progress.released, progress.deadLetters) = ([], [:], [], [])
        (progress.chains, progress.traces) = ([], [])
        return progress
    }

    /// The rows that it writes or deletes beside its own.
    var rows: Int { parked.count + released.count + deadLetters.count + chains.count + traces.count }

    /// What these rows hold, in bytes and about.
    var bytes: Int {
        deadLetters.reduce(0) { $0 + $1.size } + parked.reduce(0) { $0 + ($1.payload?.count ?? 0) }
            + pasts.values.reduce(0) { $0 + $1.size } + traces.reduce(0) { $0 + $1.size }
    }
}

/// What happened to single events since the last checkpoint.
struct LaneChanges {
    private enum Change {
        case parked(ParkedItem)
        case released
    }
    private var rows: [ParkedKey: Change] = [:]
    /// What the rows are to keep beside their items, and what that holds.
    private(set) var pasts: [ParkedKey: ParkedPast] = [:]
    private var pastBytes = 0
    private(set) var deadLetters: [LaneDeadLetter] = []
    /// What they hold.
    private var buriedBytes = 0
    /// What it holds that nobody holds once it is committed, but for the traces.
    var bytes: Int { buriedBytes + pastBytes }
    private(set) var traces: [EventTrace] = []
    /// What they hold.
    private(set) var traceBytes = 0
    /// Events that were settled or came back from waiting.
    var settled = 0
    /// Parts that were dropped of events of which something else went on.
    var droppedParts = 0

    var isEmpty: Bool { rows.isEmpty && deadLetters.isEmpty && settled == 0 }

    /// Notes a row; `past` is what has come to what it keeps.
    mutating func park(_ item: ParkedItem, _ past: ParkedPast = ParkedPast()) {
        rows[item.key] = .parked(item)
        keep(pasts[item.key]?.followed(by: past) ?? past, of: item.key)
    }

    /// Notes that a row goes; its dead letter, if there is one, was buried before.
    mutating func release(_ item: ParkedItem) {
        rows[item.key] = .released
        keep(ParkedPast(), of: item.key)
    }

    private mutating func keep(_ past: ParkedPast, of key: ParkedKey) {
        let old = pasts.removeValue(forKey: key)
        if !past.isEmpty { pasts[key] = past }
        pastBytes += past.size - (old?.size ?? 0)
    }

    mutating func bury(_ letters: [LaneDeadLetter]) {
        for letter in letters {
            let letter = letter.following(pasts[letter.key])
            deadLetters.append(letter)
            buriedBytes += letter.size
        }
    }

    mutating func trace(_ trace: EventTrace) {
        traces.append(trace)
        traceBytes += trace.size
    }

    /// The rows to write and to delete; the last word about each counts.
    var parked: [ParkedItem] {
        rows.values.compactMap { if case .parked(let item) = $0 { item } else { nil } }
    }
    var released: [ParkedKey] {
        rows.compactMap { if case .released = $0.value { $0.key } else { nil } }
    }
}
