/// The worker's side of the input arena.
///
/// The host is trusted, but a wrong offset is still found here and not in a plugin.
/// - Valid: until the worker answers; then the host may write the next batch.
@safe package struct InputArenaReader {
    private let memory: ArenaMemory
    private let dataEnd: Int
    package let head: BatchHead
    package let count: Int
    /// What the plugin may know of the batch as a whole: a JSON object, or nothing.
    package let context: UnsafeRawBufferPointer

    /// - Throws: `ArenaError.violation` when the header does not fit the memory.
    package init(_ memory: ArenaMemory) throws(ArenaError) {
        self.memory = memory
        guard memory.word64(ArenaLayout.Shared.magic) == ArenaLayout.magic else {
            throw .violation("the input arena does not begin with its mark")
        }
        guard memory.word32(ArenaLayout.Shared.version) == ArenaLayout.version else {
            throw .violation("the input arena has another layout version")
        }
        guard let kind = ArenaKind(rawValue: memory.word32(ArenaLayout.Shared.kind)) else {
            throw .violation("the input arena asks for something unknown")
        }
        count = Int(memory.word32(ArenaLayout.Input.count))
        let end = memory.word64(ArenaLayout.Shared.dataEnd)
        let tableStart = memory.size - count * ArenaLayout.inputRecordBytes
        guard count <= ArenaLayout.mostEvents, tableStart >= ArenaLayout.headerBytes,
            end >= UInt64(ArenaLayout.headerBytes), end <= UInt64(tableStart)
        else { throw .violation("the input arena's table does not fit") }
        dataEnd = Int(end)
        head = BatchHead(
            kind: kind,
            batch: memory.word64(ArenaLayout.Shared.batch),
            deadlineNanoseconds: Int64(bitPattern: memory.word64(ArenaLayout.Input.deadline)),
            wallNanoseconds: Int64(bitPattern: memory.word64(ArenaLayout.Input.wall)),
            partBytes: Int(clamping: memory.word64(ArenaLayout.Input.partBytes)),
            fanOut: Int(memory.word32(ArenaLayout.Input.fanOut)),
            outputBytes: Int(clamping: memory.word64(ArenaLayout.Input.outputBytes))
        )
        let range = try ArenaRange(
            offset: memory.word64(ArenaLayout.Input.contextOffset),
            count: memory.word64(ArenaLayout.Input.contextLength),
            lower: ArenaLayout.headerBytes,
            upper: dataEnd
        )
        unsafe context = memory.bytes(range)
    }

    /// One event of the batch, its texts still in the arena.
    @safe package struct Event {
        package let json: UnsafeRawBufferPointer
        package let metadata: UnsafeRawBufferPointer
        package let messageID: UnsafeRawBufferPointer
        package let idempotencyKey: UnsafeRawBufferPointer
        package let flags: PluginEvent.Flags
        /// Nanoseconds since 1970.
        package let receivedNanoseconds: Int64
        package let attempt: UInt32
        package let part: UInt32
        package let partition: Int64
        package let offset: Int64
        package let userHash: UInt64
    }

    /// One response of the batch, its texts still in the arena.
    @safe package struct Response {
        package let tag: UInt64
        package let status: Int32
        package let transportError: Int32
        package let attempt: UInt32
        package let isCut: Bool
        package let headerCount: Int
        /// Per header: length of name and value as u32 each, then both texts.
        package let headers: UnsafeRawBufferPointer
        package let body: UnsafeRawBufferPointer
    }

    /// - Throws: `ArenaError.violation` when the record points outside the arena.
    package func event(_ index: Int) throws(ArenaError) -> Event {
        let record = try record(index)
        return unsafe Event(
            json: try text(record + 8),
            metadata: try text(record + 24),
            messageID: try text(record + 40),
            idempotencyKey: try text(record + 56),
            flags: PluginEvent.Flags(rawValue: memory.word32(record + 4)),
            receivedNanoseconds: Int64(bitPattern: memory.word64(record + 72)),
            attempt: memory.word32(record + 80),
            part: memory.word32(record + 84),
            partition: Int64(bitPattern: memory.word64(record + 88)),
            offset: Int64(bitPattern: memory.word64(record + 96)),
            userHash: memory.word64(record + 104)
        )
    }

    /// The length of an event's JSON; nil when there is no such event.
    package func jsonCount(_ index: UInt32) -> Int? {
        guard head.kind == .transform, let record = try? record(Int(index)) else { return nil }
        return Int(clamping: memory.word64(record + 16))
    }

    /// - Throws: `ArenaError.violation` when the record points outside the arena.
    package func response(_ index: Int) throws(ArenaError) -> Response {
        let record = try record(index)
        return unsafe Response(
            tag: memory.word64(record + 40),
            status: Int32(bitPattern: memory.word32(record + 48)),
            transportError: Int32(bitPattern: memory.word32(record + 52)),
            attempt: memory.word32(record + 56),
            isCut: memory.word32(record + 60) == 1,
            headerCount: Int(memory.word32(record + 4)),
            headers: try text(record + 24),
            body: try text(record + 8)
        )
    }

    /// What the plugin is created from.
    ///
    /// - Throws: `ArenaError.violation` when the arena holds none.
    package func loadRequest() throws(ArenaError) -> LoadRequest {
        guard head.kind == .load else { throw .violation("the input arena holds no load request") }
        let record = try record(0)
        return unsafe LoadRequest(
            entry: String(decoding: try text(record), as: UTF8.self),
            pluginID: String(decoding: try text(record + 16), as: UTF8.self),
            pluginVersion: String(decoding: try text(record + 32), as: UTF8.self),
            instanceID: String(decoding: try text(record + 48), as: UTF8.self),
            configuration: Array(try text(record + 64))[...],
            hostVersion: String(decoding: try text(record + 80), as: UTF8.self),
            kinds: memory.word64(record + 96),
            kind: memory.word32(record + 108),
            attempt: memory.word32(record + 104)
        )
    }

    private func record(_ index: Int) throws(ArenaError) -> Int {
        guard index >= 0, index < count else { throw .violation("the input arena has no such record") }
        return memory.size - (index + 1) * ArenaLayout.inputRecordBytes
    }

    private func text(_ field: Int) throws(ArenaError) -> UnsafeRawBufferPointer {
        let range = try ArenaRange(
            offset: memory.word64(field),
            count: memory.word64(field + 8),
            lower: ArenaLayout.headerBytes,
            upper: dataEnd
        )
        return unsafe memory.bytes(range)
    }
}
