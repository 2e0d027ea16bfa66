/// The memory of a tape: entries that are written once by the scanner and then only read.
///
/// - Shape: 8 bytes an entry, at most one entry per byte of text; grows by doubling and is kept for the next text.
@safe struct ScannedTape {
    /// Frees the entries when the last tape that reads them is gone.
    @safe private final class Memory {
        let entries: UnsafeMutablePointer<UInt64>
        init(capacity: Int) { unsafe entries = UnsafeMutablePointer.allocate(capacity: capacity) }
        deinit { unsafe entries.deallocate() }
    }

    private var memory: Memory
    /// Where the entries are; `capacity` of them fit, `count` of them mean something.
    private(set) var entries: UnsafeMutablePointer<UInt64>
    private(set) var capacity: Int
    var count = 0

    /// As many entries as an event of 1 KB has; allocated at once, so that most tapes never grow.
    static let initialCapacity = 256

    init() {
        capacity = Self.initialCapacity
        memory = Memory(capacity: capacity)
        unsafe entries = memory.entries
    }

    @inline(__always) subscript(_ index: Int) -> TapeEntry {
        precondition(UInt(bitPattern: index) < UInt(bitPattern: count), "a node of another text")
        return unsafe TapeEntry(word: entries[index])
    }

    /// The place behind `position` and all it contains.
    @inline(__always)
    func behind(_ position: Int) -> Int {
        let entry = self[position]
        return entry.isContainer ? entry.extent : position + 1
    }

    /// Makes the memory this tape's own, so that a copy taken earlier keeps what it describes.
    mutating func reserveForWriting() {
        if !isKnownUniquelyReferenced(&memory) { replaceMemory(capacity: Self.initialCapacity, keeping: 0) }
        count = 0
    }

    /// Describes the text `null`.
    mutating func holdNull() {
        reserveForWriting()
        unsafe entries[0] = TapeEntry(.null, start: 0, extent: 4).word
        count = 1
    }

    /// Doubles the room.
    @inline(never)
    mutating func grow(keeping used: Int) {
        replaceMemory(capacity: capacity * 2, keeping: used)
    }

    private mutating func replaceMemory(capacity wanted: Int, keeping used: Int) {
        let larger = Memory(capacity: wanted)
        unsafe larger.entries.update(from: entries, count: used)
        unsafe entries = larger.entries
        memory = larger
        capacity = wanted
    }
}
