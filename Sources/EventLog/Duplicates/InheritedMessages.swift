/// The message ids that a partition's users have in earlier generations, and when each was accepted last.
///
/// Offsets of other partitions say nothing here, so it goes by time alone.
struct InheritedMessages: Sendable {
    /// With times where a partition's own table has offsets.
    private var table = MessageTable()
    /// When the newest of them was accepted.
    private(set) var newest = Int64.min
    /// Nothing older is held.
    private var floor: Int64
    /// When the newest was accepted that is not held though it should be, for want of room or because of damage.
    private(set) var lost = Int64.min

    /// Holds nothing older than `time`.
    init(since time: Int64) { floor = max(time, 0) }

    /// The message ids that it knows.
    var count: Int { table.used }

    /// The message ids that memory is held for.
    var room: Int { table.room }

    /// Takes one in, of whatever time; `limit` is asked for when there is no room for more.
    mutating func take(_ hash: MessageHash, at time: Int64, limit: @autoclosure () -> Int) {
        guard time >= floor else { return }
        newest = max(newest, time)
        // The newest come first.
        if let met = table.update(hash, time), met > time { _ = table.update(hash, met) }
        if table.isFull { makeRoom(limit(), since: floor) }
    }

    /// Passes what nobody knows or has room for: a damaged chunk, or everything up to a time.
    mutating func pass(at time: Int64) { lost = max(lost, time) }

    /// Whether it was accepted at or after `time`.
    func holds(_ hash: MessageHash, since time: Int64) -> Bool {
        table.value(of: hash).map { $0 >= max(time, floor) } ?? false
    }

    /// Forgets what is older than `time`; where more than `limit` are left, a quarter of the time at a time.
    mutating func makeRoom(_ limit: Int, since time: Int64) {
        var start = max(floor, time)
        while start <= newest, table.living(from: start) > limit { start += max(1, (newest - start) / 4) }
        table.rebuild(from: start, limit: limit)
        if start > max(floor, time) { lost = max(lost, start - 1) }
        floor = start
    }
}
