/// A view of an arena that this process may write, or that no one can change under it.
///
/// The host uses it for its input arena, the worker for both of its. The host never uses it for the output arena.
/// - Owner: whoever mapped the memory; the view must not outlive the mapping.
@safe package struct ArenaMemory {
    let base: UnsafeMutableRawPointer
    package let size: Int

    /// - Throws: `ArenaError.tooSmall` below `ArenaLayout.smallestBytes`.
    package init(_ memory: UnsafeMutableRawBufferPointer) throws(ArenaError) {
        guard let base = memory.baseAddress, memory.count >= ArenaLayout.smallestBytes else {
            throw .tooSmall(needed: ArenaLayout.smallestBytes, available: memory.count)
        }
        unsafe self.base = base
        size = memory.count
    }

    func word32(_ position: Int) -> UInt32 {
        unsafe UInt32(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt32.self))
    }

    func word64(_ position: Int) -> UInt64 {
        unsafe UInt64(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    func store(_ value: UInt32, at position: Int) {
        unsafe base.storeBytes(of: value.littleEndian, toByteOffset: position, as: UInt32.self)
    }

    func store(_ value: UInt64, at position: Int) {
        unsafe base.storeBytes(of: value.littleEndian, toByteOffset: position, as: UInt64.self)
    }

    func store(_ record: OutputRecord, at position: Int) {
        unsafe base.storeBytes(of: record, toByteOffset: position, as: OutputRecord.self)
    }

    func store(_ bytes: UnsafeRawBufferPointer, at position: Int) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        unsafe (base + position).copyMemory(from: source, byteCount: bytes.count)
    }

    /// The bytes of a checked range.
    func bytes(_ range: ArenaRange) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base + range.offset, count: range.count)
    }

    /// Puts bytes at the very beginning; for memory that is no arena of records.
    package func write(_ bytes: UnsafeRawBufferPointer) { unsafe store(bytes, at: 0) }

    /// The first `count` bytes, which the caller knows to be there.
    package func beginning(_ count: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(start: base, count: min(count, size))
    }

    /// Writes the fields that both arenas share.
    func storeHead(kind: ArenaKind, batch: UInt64, dataEnd: Int) {
        store(ArenaLayout.magic, at: ArenaLayout.Shared.magic)
        store(ArenaLayout.version, at: ArenaLayout.Shared.version)
        store(kind.rawValue, at: ArenaLayout.Shared.kind)
        store(UInt64(size), at: ArenaLayout.Shared.size)
        store(batch, at: ArenaLayout.Shared.batch)
        store(UInt64(dataEnd), at: ArenaLayout.Shared.dataEnd)
    }
}

/// A range inside an arena: never empty by arithmetic, never beyond the end.
struct ArenaRange: Equatable {
    let offset: Int
    let count: Int

    static let empty = ArenaRange(start: ArenaLayout.headerBytes, count: 0)

    init(start: Int, count: Int) {
        offset = start
        self.count = count
    }

    /// Checks numbers that came from elsewhere, without overflow, against the data region `lower..<upper`.
    ///
    /// - Throws: `ArenaError.violation`.
    init(offset: UInt64, count: UInt64, lower: Int, upper: Int) throws(ArenaError) {
        if count == 0 {
            self.offset = lower
            self.count = 0
            return
        }
        guard upper >= lower, offset >= UInt64(lower), offset <= UInt64(upper), count <= UInt64(upper) - offset else {
            throw .violation("a record points outside the data")
        }
        self.offset = Int(offset)
        self.count = Int(count)
    }
}
