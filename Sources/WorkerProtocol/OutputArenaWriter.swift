import CSharedMemory

/// The worker's side of the output arena: takes what a plugin's sinks are given, and publishes it record by record.
///
/// Each record is complete before `committed` counts it, so the host can see after a crash how far the plugin had come.
/// - Owner: the worker's one plugin thread.
@safe package struct OutputArenaWriter {
    private let memory: ArenaMemory
    private var dataEnd = ArenaLayout.headerBytes
    private var committed = 0
    private var reserved = 0
    private var logs = 0
    private var droppedLogs = 0
    private var partBytes = 0
    private var fanOut = 0
    /// Bytes that the host may still make of this answer.
    private var outputBytes = 0
    /// Per event of the batch: how many parts it became, or `closed` once no more is taken for it.
    private var parts: [UInt32] = []

    private static let closed = UInt32.max
    private static let alignment = 8

    package init(_ memory: ArenaMemory) { self.memory = memory }

    /// How many events the batch has.
    package var count: Int { parts.count }

    // MARK: The batch

    /// Forgets the last batch and begins to answer `head`.
    package mutating func begin(_ head: BatchHead, count: Int) {
        dataEnd = ArenaLayout.headerBytes
        committed = 0
        reserved = 0
        logs = 0
        droppedLogs = 0
        partBytes = head.partBytes
        fanOut = head.fanOut
        outputBytes = head.outputBytes
        parts.removeAll(keepingCapacity: true)
        parts.append(contentsOf: repeatElement(0, count: count))
        publish(committed: 0)
        memory.storeHead(kind: head.kind, batch: head.batch, dataEnd: dataEnd)
        memory.store(UInt32(0), at: ArenaLayout.Output.progress)
        memory.store(UInt32(0), at: ArenaLayout.Output.finished)
        memory.store(UInt32(0), at: ArenaLayout.Output.status)
    }

    /// Ends the answer; then ring the output doorbell.
    package func finish(status: Int32, runNanoseconds: UInt64) {
        memory.store(UInt32(bitPattern: status), at: ArenaLayout.Output.status)
        memory.store(runNanoseconds, at: ArenaLayout.Output.runNanoseconds)
        memory.store(UInt32(droppedLogs), at: ArenaLayout.Output.droppedLogs)
        memory.store(UInt32(1), at: ArenaLayout.Output.finished)
    }

    /// Leaves a hint which event is being worked on, for the case that it is the last.
    package func progress(_ index: UInt32) {
        memory.store(index &+ 1, at: ArenaLayout.Output.progress)
    }

    // MARK: Verdicts

    /// Copies one JSON that event `index` becomes.
    package mutating func emit(
        _ index: UInt32,
        _ json: UnsafeRawBufferPointer,
        metadata: UnsafeRawBufferPointer
    ) -> SinkStatus {
        if let refusal = admitPart(index, bytes: json.count + metadata.count, result: json.count) { return refusal }
        let first = unsafe append(json)
        let second = unsafe append(metadata)
        commit(.emit, index, code: 0, first, second)
        return .ok
    }

    /// Offers room for a JSON that the plugin writes itself.
    ///
    /// - Returns: Memory that is valid until the next call of any sink, or nil when there is not as much.
    package mutating func reserve(_ length: Int) -> UnsafeMutableRawBufferPointer? {
        guard length >= 0, length <= partBytes, fits(length) else { return nil }
        reserved = length
        return unsafe UnsafeMutableRawBufferPointer(start: memory.base + dataEnd, count: length)
    }

    /// Makes the first `length` reserved bytes one JSON that event `index` becomes.
    package mutating func commitReserved(_ index: UInt32, length: Int) -> SinkStatus {
        guard length > 0, length <= reserved else { return .invalid }
        if let refusal = admitPart(index, bytes: length, result: length) { return refusal }
        let range = ArenaRange(start: dataEnd, count: length)
        advance(length)
        commit(.emit, index, code: 0, range, .empty)
        return .ok
    }

    /// Says that event `index` becomes itself with `count` replacements, sorted and apart from each other: an `EditList`.
    package mutating func edits(
        _ index: UInt32,
        inputLength: Int,
        count: Int,
        edit: (Int) -> ArenaEdit
    ) -> SinkStatus {
        var position: UInt64 = 0
        var inserted = 0
        var removed = 0
        for number in 0..<count {
            let edit = edit(number)
            let end = edit.offset.addingReportingOverflow(edit.remove)
            guard edit.offset >= position, !end.overflow, end.partialValue <= UInt64(inputLength) else {
                return .invalid
            }
            position = end.partialValue
            removed += Int(edit.remove)
            unsafe inserted += edit.insert.count
        }
        let result = inputLength - removed + inserted
        if let refusal = admitPart(index, bytes: count * 12 + inserted, result: result) { return refusal }
        let head = ArenaRange(start: dataEnd, count: count * 12 + inserted)
        var text = dataEnd + count * 12
        for number in 0..<count {
            let edit = edit(number)
            let place = dataEnd + number * 12
            memory.store(UInt32(edit.offset), at: place)
            memory.store(UInt32(edit.remove), at: place + 4)
            unsafe memory.store(UInt32(edit.insert.count), at: place + 8)
            unsafe memory.store(edit.insert, at: text)
            unsafe text += edit.insert.count
        }
        advance(head.count)
        commit(.edits, index, code: Int32(count), head, .empty)
        return .ok
    }

    package mutating func drop(_ index: UInt32, reason: UnsafeRawBufferPointer) -> SinkStatus {
        unsafe settle(index, .drop, code: 0, reason, .init(start: nil, count: 0), TextLimits.dropReason, 0)
    }

    package mutating func fail(
        _ index: UInt32,
        _ failure: FailureClass,
        code: UnsafeRawBufferPointer,
        message: UnsafeRawBufferPointer
    ) -> SinkStatus {
        let limits = (TextLimits.failureCode, TextLimits.failureMessage)
        return unsafe settle(index, .fail, code: failure.rawValue, code, message, limits.0, limits.1)
    }

    /// Adds one encoded request that carries the events `indices`.
    package mutating func request(_ encoded: [UInt8], indices: [UInt32]) -> SinkStatus {
        for index in indices where Int(index) >= parts.count { return .invalid }
        guard fits(encoded.count), encoded.count <= outputBytes else {
            for index in indices { outgrown(index) }
            return .limit
        }
        outputBytes -= encoded.count
        let range = unsafe encoded.withUnsafeBytes { bytes in unsafe append(bytes) }
        commit(.request, indices.first ?? OutputRecord.wholeBatch, code: 0, range, .empty)
        return .ok
    }

    /// Says what an answer of the destination means for one event of a request, or for all (`UInt32.max`).
    package mutating func classification(
        response: UInt32,
        event: UInt32,
        verdict: Int32,
        retryAfterMilliseconds: UInt64,
        code: UnsafeRawBufferPointer,
        message: UnsafeRawBufferPointer
    ) -> SinkStatus {
        guard Int(response) < parts.count else { return .invalid }
        let code = unsafe cut(code, TextLimits.failureCode)
        let message = unsafe cut(message, TextLimits.failureMessage)
        guard fits(code.count + message.count) else { return .limit }
        let first = unsafe append(code)
        let second = unsafe append(message)
        commit(.classification, response, code: verdict, first, second, extra: retryAfterMilliseconds, aux: event)
        return .ok
    }

    // MARK: Words

    /// Keeps a log record, or counts it as dropped when there are too many.
    package mutating func log(level: Int32, _ message: UnsafeRawBufferPointer, fields: UnsafeRawBufferPointer) {
        let message = unsafe cut(message, TextLimits.logMessage)
        let room = memory.size / 8
        guard logs < TextLimits.logsPerBatch, message.count + fields.count <= room, fits(message.count + fields.count)
        else {
            droppedLogs += 1
            return
        }
        logs += 1
        let first = unsafe append(message)
        let second = unsafe append(fields.count <= TextLimits.logMessage ? fields : .init(start: nil, count: 0))
        commit(.log, OutputRecord.wholeBatch, code: level, first, second)
    }

    /// Counts records that could not be kept elsewhere.
    package mutating func dropLogs(_ count: Int) { droppedLogs += count }

    /// Adds what was reported of one metric.
    ///
    /// - Returns: False when there is no room; then it is for the next answer.
    package mutating func metric(_ metric: ReportedMetric) -> Bool {
        let rest = metric.rest
        guard fits(metric.name.utf8.count + rest.count) else { return false }
        let first = unsafe Array(metric.name.utf8).withUnsafeBytes { bytes in unsafe append(bytes) }
        let second = unsafe rest.withUnsafeBytes { bytes in unsafe append(bytes) }
        let unit = UInt32(metric.unit.utf8.count)
        let value = metric.value.bitPattern
        commit(.metric, OutputRecord.wholeBatch, code: metric.kind.rawValue, first, second, extra: value, aux: unit)
        return true
    }

    /// Adds the plugin's own words for the error that it returns for the batch, or for its creation.
    package mutating func batchError(code: UnsafeRawBufferPointer, message: UnsafeRawBufferPointer) {
        unsafe words(.batchError, code, message)
    }

    /// Says why the plugin cannot run; a control message follows.
    package mutating func failure(_ text: String) {
        var text = text
        text.withUTF8 { bytes in
            unsafe words(.failure, UnsafeRawBufferPointer(start: nil, count: 0), UnsafeRawBufferPointer(bytes))
        }
    }

    // MARK: Room and records

    /// Nil when a part of event `index` may be written; otherwise what the plugin is told.
    private mutating func admitPart(_ index: UInt32, bytes: Int, result: Int) -> SinkStatus? {
        guard Int(index) < parts.count, result > 0 else { return .invalid }
        let before = parts[Int(index)]
        guard before != Self.closed else { return .limit }
        guard result <= partBytes, before < UInt32(clamping: fanOut) else {
            refuse(index)
            return .limit
        }
        guard fits(bytes), result <= outputBytes else {
            outgrown(index)
            return .limit
        }
        outputBytes -= result
        parts[Int(index)] = before + 1
        return nil
    }

    /// A limit that a larger arena would not help: the event fails, with a clear code.
    private mutating func refuse(_ index: UInt32) {
        parts[Int(index)] = Self.closed
        let range = unsafe Array("output_limit".utf8).withUnsafeBytes { code in
            roomForRecord(code.count) ? unsafe append(code) : .empty
        }
        if roomForRecord(0) { commit(.fail, index, code: FailureClass.permanent.rawValue, range, .empty) }
    }

    private mutating func outgrown(_ index: UInt32) {
        guard parts[Int(index)] != Self.closed else { return }
        parts[Int(index)] = Self.closed
        if roomForRecord(0) { commit(.outgrown, index, code: 0, .empty, .empty) }
    }

    private mutating func settle(
        _ index: UInt32,
        _ kind: OutputRecordKind,
        code: Int32,
        _ first: UnsafeRawBufferPointer,
        _ second: UnsafeRawBufferPointer,
        _ firstLimit: Int,
        _ secondLimit: Int
    ) -> SinkStatus {
        guard Int(index) < parts.count else { return .invalid }
        guard parts[Int(index)] != Self.closed else { return .limit }
        let first = unsafe cut(first, firstLimit)
        let second = unsafe cut(second, secondLimit)
        guard fits(first.count + second.count) else {
            outgrown(index)
            return .limit
        }
        let one = unsafe append(first)
        let two = unsafe append(second)
        commit(kind, index, code: code, one, two)
        return .ok
    }

    private mutating func words(
        _ kind: OutputRecordKind,
        _ code: UnsafeRawBufferPointer,
        _ message: UnsafeRawBufferPointer
    ) {
        let code = unsafe cut(code, TextLimits.failureCode)
        let message = unsafe cut(message, TextLimits.failureMessage)
        guard roomForRecord(code.count + message.count) else { return }
        let first = unsafe append(code)
        let second = unsafe append(message)
        commit(kind, OutputRecord.wholeBatch, code: 0, first, second)
    }

    private func cut(_ bytes: UnsafeRawBufferPointer, _ limit: Int) -> UnsafeRawBufferPointer {
        unsafe UnsafeRawBufferPointer(rebasing: bytes.prefix(limit))
    }

    /// Whether `bytes` and a record fit, with one more record left for every event that may outgrow the arena.
    private func fits(_ bytes: Int) -> Bool {
        roomForRecord(bytes + parts.count * ArenaLayout.outputRecordBytes)
    }

    private func roomForRecord(_ bytes: Int) -> Bool {
        let table = (committed + 1) * ArenaLayout.outputRecordBytes
        return bytes <= memory.size - table - dataEnd - 2 * Self.alignment
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) -> ArenaRange {
        guard bytes.count > 0 else { return .empty }
        let range = ArenaRange(start: dataEnd, count: bytes.count)
        unsafe memory.store(bytes, at: dataEnd)
        advance(bytes.count)
        return range
    }

    private mutating func advance(_ bytes: Int) {
        dataEnd += (bytes + Self.alignment - 1) / Self.alignment * Self.alignment
        reserved = 0
    }

    private mutating func commit(
        _ kind: OutputRecordKind,
        _ index: UInt32,
        code: Int32,
        _ first: ArenaRange,
        _ second: ArenaRange,
        extra: UInt64 = 0,
        aux: UInt32 = 0
    ) {
        var record = OutputRecord(kind, index)
        record.code = code
        record.aux = aux
        record.first = OutputRecord.Text(first)
        record.second = OutputRecord.Text(second)
        record.extra = extra
        memory.store(record, at: memory.size - (committed + 1) * ArenaLayout.outputRecordBytes)
        memory.store(UInt64(dataEnd), at: ArenaLayout.Shared.dataEnd)
        committed += 1
        publish(committed: UInt32(committed))
    }

    private func publish(committed: UInt32) {
        let counter = unsafe (memory.base + ArenaLayout.Output.committed).assumingMemoryBound(to: UInt32.self)
        unsafe leat_shared_store_release(counter, committed)
    }
}
