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
    /// The table as it lies in the arena: the last record comes first.
    private let table: [OutputRecord]
    let data: [UInt8]

    /// One record, its texts checked to be ranges of `data`.
    struct Record {
        let kind: OutputRecordKind
        let index: UInt32
        let code: Int32
        let aux: UInt32
        let extra: UInt64
        let first: Range<Int>
        let second: Range<Int>
    }

    var count: Int { table.count }

    /// - Throws: `ArenaError.violation` when the header does not fit the memory.
    init(copying shared: UnsafeRawBufferPointer) throws(ArenaError) {
        guard shared.count >= ArenaLayout.smallestBytes else {
            throw .tooSmall(needed: ArenaLayout.smallestBytes, available: shared.count)
        }
        let committed = unsafe Self.loadCommitted(shared)
        let head = unsafe SharedBytes.copy(shared, at: 0, count: ArenaLayout.Output.end, of: UInt8.self)
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
        table = unsafe SharedBytes.copy(shared, at: tableStart, count: Int(committed), of: OutputRecord.self)
        let dataBytes = Int(dataEnd) - ArenaLayout.headerBytes
        data = unsafe SharedBytes.copy(shared, at: ArenaLayout.headerBytes, count: dataBytes, of: UInt8.self)
    }

    /// - Throws: `ArenaError.violation` when the record is of an unknown kind or points outside the data.
    func record(_ number: Int) throws(ArenaError) -> Record {
        let record = table[table.count - 1 - number]
        guard let kind = OutputRecordKind(rawValue: record.kind) else {
            throw .violation("the output arena holds a record of an unknown kind")
        }
        return Record(
            kind: kind,
            index: record.index,
            code: record.code,
            aux: record.aux,
            extra: record.extra,
            first: try range(record.first),
            second: try range(record.second)
        )
    }

    /// The bytes of a record's text as words of at most `limit` bytes.
    func text(_ range: Range<Int>, limit: Int) -> String { data[range].text(limit: limit) }

    private func range(_ text: OutputRecord.Text) throws(ArenaError) -> Range<Int> {
        let lower = ArenaLayout.headerBytes
        let range = try ArenaRange(offset: text.offset, count: text.count, lower: lower, upper: lower + data.count)
        return range.offset - lower..<range.offset - lower + range.count
    }

    private static func loadCommitted(_ shared: UnsafeRawBufferPointer) -> UInt32 {
        guard let base = shared.baseAddress else { return 0 }
        return unsafe leat_shared_load_acquire(
            (base + ArenaLayout.Output.committed).assumingMemoryBound(to: UInt32.self)
        )
    }
}
