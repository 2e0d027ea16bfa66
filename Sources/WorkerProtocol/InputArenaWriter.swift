import EventModel

/// The host's side of the input arena: puts one batch, or one load request, where the worker can read it.
///
/// ```
/// var writer = InputArenaWriter(memory, head)
/// guard writer.append(inputs) else { … }  // the arena is too small
/// writer.finish()                         // then ring the input doorbell
/// ```
package struct InputArenaWriter {
    private let memory: ArenaMemory
    private let head: BatchHead
    private var dataEnd = ArenaLayout.headerBytes
    private var context = ArenaRange.empty
    /// How many events or responses were taken.
    package private(set) var count = 0
    /// The bytes of JSON taken so far: the input size that is measured.
    package private(set) var payloadBytes = 0

    package init(_ memory: ArenaMemory, _ head: BatchHead) {
        self.memory = memory
        self.head = head
    }

    /// The bytes of arena that an event takes which has neither a message id nor metadata.
    package static func bytes(for event: PluginEvent) -> Int {
        event.json.count + event.idempotencyKey.count + 4 * alignment + ArenaLayout.inputRecordBytes
    }

    /// The bytes of arena that a response takes.
    package static func bytes(for response: InputResponse) -> Int {
        let headers = response.headers.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 8 }
        return response.body.count + headers + 2 * alignment + ArenaLayout.inputRecordBytes
    }

    /// Sets what the plugin may know of the batch as a whole, a JSON object.
    ///
    /// - Returns: Whether it fits.
    package mutating func setContext(_ json: ArraySlice<UInt8>) -> Bool {
        guard fits(json.count + Self.alignment) else { return false }
        context = store(json)
        return true
    }

    /// Takes events or responses in their order.
    ///
    /// - Returns: False when one of them does not fit any more; those before it are taken then.
    package mutating func append(_ inputs: BatchInputs) -> Bool {
        switch inputs {
        case .events(let events):
            // A span lends its elements: copying an event costs more than writing it down.
            let events = events.span
            for index in events.indices where !append(events[index]) { return false }
        case .responses(let responses):
            for response in responses where !append(response) { return false }
        }
        return true
    }

    /// Takes an event.
    ///
    /// - Returns: False when the arena, or the most events of a batch, is full; nothing is changed then.
    package mutating func append(
        _ event: PluginEvent,
        messageID: ArraySlice<UInt8> = [],
        metadata: ArraySlice<UInt8> = []
    ) -> Bool {
        guard count < ArenaLayout.mostEvents, fits(Self.bytes(for: event) + messageID.count + metadata.count) else {
            return false
        }
        let record = nextRecord()
        memory.store(UInt32(count), at: record)
        memory.store(event.flags.rawValue, at: record + 4)
        store(event.json, field: record + 8)
        store(metadata, field: record + 24)
        store(messageID, field: record + 40)
        store(event.idempotencyKey, field: record + 56)
        memory.store(UInt64(bitPattern: event.receivedAt &* 1_000), at: record + 72)
        memory.store(event.attempt, at: record + 80)
        memory.store(event.part, at: record + 84)
        memory.store(UInt64(bitPattern: event.partition.rawValue), at: record + 88)
        memory.store(UInt64(bitPattern: event.offset), at: record + 96)
        memory.store(event.userHash, at: record + 104)
        count += 1
        payloadBytes += event.json.count
        return true
    }

    /// Takes a response.
    ///
    /// - Returns: False when the arena, or the most responses of a batch, is full; nothing is changed then.
    package mutating func append(_ response: InputResponse) -> Bool {
        var headers: [UInt8] = []
        for header in response.headers {
            headers.append(word32: UInt32(header.name.utf8.count))
            headers.append(word32: UInt32(header.value.utf8.count))
            headers.append(contentsOf: header.name.utf8)
            headers.append(contentsOf: header.value.utf8)
        }
        guard count < ArenaLayout.mostEvents, fits(Self.bytes(for: response)) else { return false }
        let record = nextRecord()
        memory.store(UInt32(count), at: record)
        memory.store(UInt32(response.headers.count), at: record + 4)
        store(response.body, field: record + 8)
        store(headers[...], field: record + 24)
        memory.store(response.tag, at: record + 40)
        memory.store(UInt32(bitPattern: response.status), at: record + 48)
        memory.store(UInt32(bitPattern: response.transportError), at: record + 52)
        memory.store(response.attempt, at: record + 56)
        memory.store(response.isCut ? 1 : UInt32(0), at: record + 60)
        count += 1
        payloadBytes += response.body.count
        return true
    }

    /// Takes what a plugin is created from; the batch's kind must be `load`.
    ///
    /// - Returns: False when the arena is too small for it.
    package mutating func append(_ request: LoadRequest) -> Bool {
        let texts = request.texts
        let needed = texts.reduce(ArenaLayout.inputRecordBytes) { $0 + $1.count + Self.alignment }
        guard fits(needed) else { return false }
        let record = nextRecord()
        for (index, text) in texts.enumerated() { store(text, field: record + index * 16) }
        memory.store(request.kinds, at: record + 96)
        memory.store(request.attempt, at: record + 104)
        memory.store(request.kind, at: record + 108)
        count += 1
        return true
    }

    /// Writes the header, after which the worker may read.
    package func finish() {
        memory.storeHead(kind: head.kind, batch: head.batch, dataEnd: dataEnd)
        memory.store(UInt32(count), at: ArenaLayout.Input.count)
        memory.store(UInt32(clamping: head.fanOut), at: ArenaLayout.Input.fanOut)
        memory.store(UInt64(bitPattern: head.deadlineNanoseconds), at: ArenaLayout.Input.deadline)
        memory.store(UInt64(bitPattern: head.wallNanoseconds), at: ArenaLayout.Input.wall)
        memory.store(UInt64(context.offset), at: ArenaLayout.Input.contextOffset)
        memory.store(UInt64(context.count), at: ArenaLayout.Input.contextLength)
        memory.store(UInt64(clamping: head.partBytes), at: ArenaLayout.Input.partBytes)
        memory.store(UInt64(clamping: head.outputBytes), at: ArenaLayout.Input.outputBytes)
    }

    /// Every text starts at a multiple of this many bytes.
    private static let alignment = 8

    private func fits(_ bytes: Int) -> Bool {
        bytes <= memory.size - count * ArenaLayout.inputRecordBytes - dataEnd
    }

    private func nextRecord() -> Int { memory.size - (count + 1) * ArenaLayout.inputRecordBytes }

    private mutating func store(_ bytes: ArraySlice<UInt8>, field: Int) { store(store(bytes), field: field) }

    private func store(_ range: ArenaRange, field: Int) {
        memory.store(UInt64(range.offset), at: field)
        memory.store(UInt64(range.count), at: field + 8)
    }

    private mutating func store(_ bytes: ArraySlice<UInt8>) -> ArenaRange {
        guard !bytes.isEmpty else { return .empty }
        let start = dataEnd
        unsafe bytes.withUnsafeBytes { source in unsafe memory.store(source, at: start) }
        dataEnd = start + (bytes.count + Self.alignment - 1) / Self.alignment * Self.alignment
        return ArenaRange(start: start, count: bytes.count)
    }
}
