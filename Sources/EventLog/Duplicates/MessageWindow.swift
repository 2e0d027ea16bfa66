/// Which events of one partition repeat an earlier message id, as a pure function of the log.
///
/// An event is a duplicate if the same hash stands at a lower offset that was accepted at most the window's length
/// before. Chunks are taken in order; the answers for those taken are remembered.
struct MessageWindow: Sendable {
    /// - Unit: microseconds.
    let length: Int64
    /// The first offset whose answer is known.
    private(set) var from: Int64
    /// The next offset to take.
    private(set) var next: Int64
    /// When the newest chunk was accepted that left before its time, for want of room, or is damaged.
    private var forgotten = Int64.min
    private var table = MessageTable()
    /// What earlier generations have of the partition's users; nil when nothing of it is inside the window any more.
    private var inherited: InheritedMessages?
    /// First offset and time of each chunk inside the window, oldest first; those before `oldest` have left it.
    private var chunks: [(offset: Int64, time: Int64)] = []
    private var oldest = 0
    /// Offsets of duplicates, ascending.
    private var duplicates: [Int64] = []

    /// The most answers that are remembered; beyond it the oldest go.
    private static let answers = 1_000_000

    /// A window that has answers from `offset` on, once the chunks of the time before have been taken.
    init(length: Int64, from offset: Int64, inherited: InheritedMessages? = nil) {
        self.length = length
        self.inherited = inherited
        from = offset
        next = 0
    }

    /// The lowest offset inside the window.
    private var floor: Int64 { oldest < chunks.count ? chunks[oldest].offset : next }

    /// The message ids that memory is held for.
    var room: Int { table.room + (inherited?.room ?? 0) }

    /// The part of its length that the window covers, where that is not all of it.
    ///
    /// - Unit: microseconds.
    var shortened: Int64? {
        guard let newest = chunks.last?.time, forgotten > newest - length else { return nil }
        return newest - forgotten
    }

    /// Takes the next chunk; `limit` is asked for when there is no room for more message ids.
    mutating func take(firstOffset: Int64, time: Int64, _ entries: [DirectoryEntry], limit: @autoclosure () -> Int) {
        reach(firstOffset, time)
        let floor = floor
        for (index, entry) in entries.enumerated() {
            let offset = firstOffset + Int64(index)
            var isMet = table.update(entry.messageHash, offset).map { $0 >= floor } ?? false
            if !isMet { isMet = inherited?.holds(entry.messageHash, since: time - length) ?? false }
            if isMet, offset >= from { duplicates.append(offset) }
            if table.isFull { makeRoom(limit()) }
        }
        next = firstOffset + Int64(entries.count)
        if duplicates.count > Self.answers {
            duplicates.removeFirst(Self.answers / 2)
            from = duplicates[0]
        }
    }

    /// Passes a damaged chunk, whose message ids nobody knows.
    mutating func pass(firstOffset: Int64, time: Int64, count: Int) {
        reach(firstOffset, time)
        forgotten = max(forgotten, time)
        next = firstOffset + Int64(count)
    }

    /// Moves the window on to a chunk.
    private mutating func reach(_ firstOffset: Int64, _ time: Int64) {
        // Chunks that were too old to matter were left out, so nothing is known of them.
        if firstOffset > next, next > from { from = firstOffset }
        while oldest < chunks.count, chunks[oldest].time < time - length { oldest += 1 }
        if let inherited {
            forgotten = max(forgotten, inherited.lost)
            if inherited.newest < time - length { self.inherited = nil }
        }
        chunks.append((firstOffset, time))
        if oldest > 1024, oldest * 2 > chunks.count {
            chunks.removeFirst(oldest)
            oldest = 0
        }
    }

    /// Gives no answers for what lies before `offset` any more.
    mutating func forgetAnswers(before offset: Int64) { from = max(from, offset) }

    /// The indexes of a taken chunk's events that are duplicates.
    func answers(firstOffset: Int64, count: Int) -> [Int] {
        var low = 0
        var high = duplicates.count
        while low < high {
            let middle = (low + high) / 2
            if duplicates[middle] < firstOffset { low = middle + 1 } else { high = middle }
        }
        var indexes: [Int] = []
        while low < duplicates.count, duplicates[low] < firstOffset + Int64(count) {
            indexes.append(Int(duplicates[low] - firstOffset))
            low += 1
        }
        return indexes
    }

    func knows(firstOffset: Int64, count: Int) -> Bool { firstOffset >= from && firstOffset + Int64(count) <= next }

    /// Forgets what has left the window; where more than `limit` message ids are left, shortens it by a quarter of its
    /// chunks at a time.
    mutating func makeRoom(_ limit: Int) {
        let limit = limit - makeRoomAmongInherited(limit)
        while oldest < chunks.count - 1, table.living(from: floor) > limit {
            oldest = min(oldest + max(1, (chunks.count - oldest) / 4), chunks.count - 1)
            forgotten = max(forgotten, chunks[oldest - 1].time)
        }
        table.rebuild(from: floor, limit: limit)
    }

    /// The same for what is inherited, which is older than everything else and so goes first; says what memory it keeps.
    private mutating func makeRoomAmongInherited(_ limit: Int) -> Int {
        guard let time = chunks.last?.time, inherited != nil else { return 0 }
        let own = table.living(from: floor)
        inherited?.makeRoom(max(0, limit - own), since: time - length)
        if let inherited { forgotten = max(forgotten, inherited.lost) }
        return inherited?.room ?? 0
    }
}
