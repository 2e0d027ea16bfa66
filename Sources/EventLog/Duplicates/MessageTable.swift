/// The highest offset at which each message hash was met: open addressing, no memory per entry but its slot.
///
/// - Shape: 24 bytes per slot, at most three quarters of the slots used.
struct MessageTable: Sendable {
    private var high: [UInt64]
    private var low: [UInt64]
    /// -1 for an empty slot.
    private var offsets: [Int64]
    /// Slots in use, entries that have left the window among them.
    private(set) var used = 0

    private static let smallest = 1024

    init(slots: Int = smallest) {
        high = Array(repeating: 0, count: slots)
        low = high
        offsets = Array(repeating: -1, count: slots)
    }

    var isFull: Bool { used * 4 >= offsets.count * 3 }

    /// The entries that it is made for.
    var room: Int { offsets.count / 2 }

    /// Notes that a hash is at `offset`, and gives the offset at which it was met last.
    mutating func update(_ hash: MessageHash, _ offset: Int64) -> Int64? {
        var slot = home(of: hash)
        while offsets[slot] >= 0 {
            if low[slot] == hash.low, high[slot] == hash.high {
                defer { offsets[slot] = offset }
                return offsets[slot]
            }
            slot = slot + 1 == offsets.count ? 0 : slot + 1
        }
        low[slot] = hash.low
        high[slot] = hash.high
        offsets[slot] = offset
        used += 1
        return nil
    }

    /// The offset at which a hash was met last.
    func value(of hash: MessageHash) -> Int64? {
        var slot = home(of: hash)
        while offsets[slot] >= 0 {
            if low[slot] == hash.low, high[slot] == hash.high { return offsets[slot] }
            slot = slot + 1 == offsets.count ? 0 : slot + 1
        }
        return nil
    }

    /// Where the search for a hash begins: the hash as a fraction of its range, so that any number of slots will do.
    private func home(of hash: MessageHash) -> Int {
        Int(truncatingIfNeeded: hash.low.multipliedFullWidth(by: UInt64(offsets.count)).high)
    }

    /// How many entries are at `floor` or above.
    func living(from floor: Int64) -> Int {
        offsets.reduce(0) { $0 + ($1 >= floor && $1 >= 0 ? 1 : 0) }
    }

    /// Makes room: forgets what is below `floor`, and grows if that does not suffice, up to room for `limit` entries.
    mutating func rebuild(from floor: Int64, limit: Int) {
        let living = living(from: floor)
        var slots = Self.smallest
        while living * 2 > slots { slots *= 2 }
        slots = max(min(slots, limit * 2), living * 2, Self.smallest)
        var table = MessageTable(slots: slots)
        for slot in offsets.indices where offsets[slot] >= 0 && offsets[slot] >= floor {
            _ = table.update(MessageHash(high: high[slot], low: low[slot]), offsets[slot])
        }
        self = table
    }
}
