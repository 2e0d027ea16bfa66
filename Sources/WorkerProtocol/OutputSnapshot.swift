import CSharedMemory

/// A private copy of what a worker wrote, taken once; nothing is read from shared memory after that.
///
/// A worker may change its arena at any moment, also while it is being copied. What was copied may be nonsense, but it
/// no longer changes: every check holds for what is used afterwards.
struct OutputSnapshot {
    let batch: UInt64
    let isFinished: Bool
    let progress: UInt32
    let status: Int32
    let runNanoseconds: UInt64
    let droppedLogs: UInt32
    let count: Int
    private let table: [UInt8]
    private let data: [UInt8]

    /// One record, its ranges checked against the copied data.
    struct Record {
        let kind: OutputRecordKind
        let index: UInt32
        let code: Int32
        let aux: UInt32
        let extra: UInt64
        let first: ArraySlice<UInt8>
        let second: ArraySlice<UInt8>
    }

    /// - Throws: `ArenaError.violation` when the header does not fit the memory.
    init(copying shared: UnsafeRawBufferPointer) throws(ArenaError) {
        guard shared.count >= ArenaLayout.smallestBytes else {
            throw .tooSmall(needed: ArenaLayout.smallestBytes, available: shared.count)
        }
        let committed = unsafe Self.loadCommitted(shared)
        let head = unsafe Self.copy(shared, 0..<ArenaLayout.Output.end)
        guard head.word64(at: ArenaLayout.Shared.magic) == ArenaLayout.magic,
            head.word32(at: ArenaLayout.Shared.version) == ArenaLayout.version,
            head.word64(at: ArenaLayout.Shared.size) == UInt64(shared.count)
        else { throw .violation("the output arena's header is wrong") }
        let (tableBytes, overflow) = Int(committed).multipliedReportingOverflow(by: ArenaLayout.outputRecordBytes)
        guard !overflow, tableBytes <= shared.count - ArenaLayout.headerBytes else {
            throw .violation("the output arena counts more records than it can hold")
        }
        let tableStart = shared.count - tableBytes
        let dataEnd = head.word64(at: ArenaLayout.Shared.dataEnd)
        guard dataEnd >= UInt64(ArenaLayout.headerBytes), dataEnd <= UInt64(tableStart) else {
            throw .violation("the output arena's data does not fit")
        }
        batch = head.word64(at: ArenaLayout.Shared.batch)
        isFinished = head.word32(at: ArenaLayout.Output.finished) == 1
        progress = head.word32(at: ArenaLayout.Output.progress)
        status = Int32(bitPattern: head.word32(at: ArenaLayout.Output.status))
        runNanoseconds = head.word64(at: ArenaLayout.Output.runNanoseconds)
        droppedLogs = head.word32(at: ArenaLayout.Output.droppedLogs)
        count = Int(committed)
        table = unsafe Self.copy(shared, tableStart..<shared.count)
        data = unsafe Self.copy(shared, ArenaLayout.headerBytes..<Int(dataEnd))
    }

    /// - Throws: `ArenaError.violation` when the record is of an unknown kind or points outside the data.
    func record(_ number: Int) throws(ArenaError) -> Record {
        let start = table.count - (number + 1) * ArenaLayout.outputRecordBytes
        guard let kind = OutputRecordKind(rawValue: table.word32(at: start)) else {
            throw .violation("the output arena holds a record of an unknown kind")
        }
        return Record(
            kind: kind,
            index: table.word32(at: start + 4),
            code: Int32(bitPattern: table.word32(at: start + 8)),
            aux: table.word32(at: start + 12),
            extra: table.word64(at: start + 48),
            first: try slice(table.word64(at: start + 16), table.word64(at: start + 24)),
            second: try slice(table.word64(at: start + 32), table.word64(at: start + 40))
        )
    }

    private func slice(_ offset: UInt64, _ count: UInt64) throws(ArenaError) -> ArraySlice<UInt8> {
        // Most records have one text; an empty one keeps nothing alive.
        if count == 0 { return [] }
        let lower = ArenaLayout.headerBytes
        let range = try ArenaRange(offset: offset, count: count, lower: lower, upper: lower + data.count)
        return data[range.offset - lower..<range.offset - lower + range.count]
    }

    private static func loadCommitted(_ shared: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = shared.baseAddress else { return 0 }
        return unsafe leat_shared_load_acquire(
            (base + ArenaLayout.Output.committed).assumingMemoryBound(to: UInt32.self)
        )
    }

    private static func copy(_ shared: UnsafeRawBufferPointer, _ range: Range<Int>) -> [UInt8] {
        guard let base = shared.baseAddress, !range.isEmpty else { return [] }
        return unsafe [UInt8](unsafeUninitializedCapacity: range.count) { copy, count in
            unsafe leat_shared_copy(copy.baseAddress, base + range.lowerBound, range.count)
            count = range.count
        }
    }
}
