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
    /// Events that left the log before they were read.
    package var expired: Int64
    package var parked: [ParkedItem]
    package var released: [ParkedKey]
    package var deadLetters: [LaneDeadLetter]
    /// Events that were handed to delivery since the lane began and have an end; set by the lane's owner.
    var ended = 0

    /// The same without what became of single events.
    var progress: LaneCheckpoint {
        var progress = self
        (progress.parked, progress.released, progress.deadLetters) = ([], [], [])
        return progress
    }

    /// The rows that it writes or deletes beside its own.
    var rows: Int { parked.count + released.count + deadLetters.count }

    /// What these rows hold, in bytes and about.
    var bytes: Int {
        deadLetters.reduce(0) { $0 + $1.size } + parked.reduce(0) { $0 + ($1.payload?.count ?? 0) }
    }
}

/// What happened to single events since the last checkpoint.
struct LaneChanges {
    private enum Change {
        case parked(ParkedItem)
        case released
    }
    private var rows: [ParkedKey: Change] = [:]
    private(set) var deadLetters: [LaneDeadLetter] = []
    /// What they hold.
    private(set) var buriedBytes = 0
    /// Events that were settled or came back from waiting.
    var settled = 0

    var isEmpty: Bool { rows.isEmpty && deadLetters.isEmpty && settled == 0 }

    mutating func park(_ item: ParkedItem) { rows[item.key] = .parked(item) }
    mutating func release(_ item: ParkedItem) { rows[item.key] = .released }

    mutating func bury(_ letters: [LaneDeadLetter]) {
        deadLetters += letters
        for letter in letters { buriedBytes += letter.size }
    }

    /// The rows to write and to delete; the last word about each counts.
    var parked: [ParkedItem] {
        rows.values.compactMap { if case .parked(let item) = $0 { item } else { nil } }
    }
    var released: [ParkedKey] {
        rows.compactMap { if case .released = $0.value { $0.key } else { nil } }
    }
}
