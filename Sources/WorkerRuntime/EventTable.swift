import CLeatPlugin
import EventJSON
import WorkerProtocol

/// The events of a batch as C sees them; its storage is used again for every batch.
@safe struct EventTable {
    private var events: [leat_event] = unsafe []
    private var responses: [leat_http_response] = unsafe []
    private var headers: [leat_header] = unsafe []
    private var tape = JSONTape(limits: EventTable.partLimits)

    /// What another plugin may have made of an event.
    private static let partLimits = JSONLimits(bytes: BatchHead.defaultPartBytes, depth: BatchHead.partDepth)

    /// Fills the table with the events that the plugin may see.
    ///
    /// What another plugin wrote is checked here: an event that is not one JSON object fails and is left out.
    mutating func fill(_ arena: InputArenaReader, _ stage: StagePointer) throws(ArenaError) {
        unsafe events.removeAll(keepingCapacity: true)
        for index in 0..<arena.count {
            let event = try arena.event(index)
            if event.flags.contains(.unverified), let problem = unsafe problem(with: event.json) {
                stage.refuse(UInt32(index), problem)
                continue
            }
            unsafe events.append(Self.entry(UInt32(index), event))
        }
    }

    /// Calls the plugin with the events of the table; with none there is nothing to ask.
    func withBatch(
        _ head: BatchHead,
        context: UnsafeRawBufferPointer,
        _ body: (UnsafePointer<leat_batch>) -> leat_status
    ) -> leat_status {
        guard unsafe !events.isEmpty else { return LEAT_OK }
        return unsafe events.withUnsafeBufferPointer { events in
            var batch = unsafe leat_batch(
                struct_size: HostTables.size(of: leat_batch.self),
                abi_minor: 0,
                batch_id: head.batch,
                deadline_ns: head.deadlineNanoseconds,
                wall_ns: head.wallNanoseconds,
                count: UInt32(events.count),
                event_stride: UInt32(MemoryLayout<leat_event>.stride),
                events: events.baseAddress,
                context_json: leat_slice(context)
            )
            return unsafe body(&batch)
        }
    }

    private static func entry(_ index: UInt32, _ event: InputArenaReader.Event) -> leat_event {
        unsafe leat_event(
            index: index,
            flags: event.flags.intersection(.replay).rawValue,
            id: leat_slice(event.messageID),
            json: leat_slice(event.json),
            metadata_json: leat_slice(event.metadata),
            idempotency_key: leat_slice(event.idempotencyKey),
            received_ns: event.receivedNanoseconds,
            attempt: event.attempt,
            part: event.part,
            partition: event.partition,
            offset: event.offset,
            user_hash: event.userHash
        )
    }

    private mutating func problem(with json: UnsafeRawBufferPointer) -> String? {
        do throws(JSONError) {
            try unsafe tape.parse(json)
            return tape.kind(tape.root) == .object ? nil : "an earlier plugin emitted JSON that is not an object"
        } catch {
            return "an earlier plugin emitted invalid JSON: \(error.description)"
        }
    }

    // MARK: Responses

    /// Fills the table with the answers to be classified.
    mutating func fillResponses(_ arena: InputArenaReader) throws(ArenaError) {
        unsafe responses.removeAll(keepingCapacity: true)
        unsafe headers.removeAll(keepingCapacity: true)
        for index in 0..<arena.count {
            let response = try arena.response(index)
            for unsafe(name, value) in unsafe try unsafe ResponseHeaders.split(response) {
                unsafe headers.append(leat_header(name: leat_slice(name), value: leat_slice(value)))
            }
            unsafe responses.append(
                leat_http_response(
                    user_tag: response.tag,
                    status: response.status,
                    transport_error: response.transportError,
                    headers: nil,
                    header_count: UInt32(response.headerCount),
                    header_stride: UInt32(MemoryLayout<leat_header>.stride),
                    body: leat_slice(response.body),
                    attempt: response.attempt,
                    flags: response.isCut ? UInt32(LEAT_RESPONSE_CUT) : 0
                )
            )
        }
    }

    /// Calls the plugin with the answers of the table.
    mutating func withResponses(
        _ head: BatchHead,
        _ body: (UnsafePointer<leat_response_batch>) -> leat_status
    ) -> leat_status {
        unsafe headers.withUnsafeBufferPointer { headers in
            var next = headers.baseAddress
            for index in unsafe responses.indices {
                unsafe responses[index].headers = next
                if let base = unsafe next { unsafe next = base + Int(responses[index].header_count) }
            }
            return unsafe responses.withUnsafeBufferPointer { responses in
                var batch = unsafe leat_response_batch(
                    struct_size: HostTables.size(of: leat_response_batch.self),
                    abi_minor: 0,
                    batch_id: head.batch,
                    deadline_ns: head.deadlineNanoseconds,
                    count: UInt32(responses.count),
                    response_stride: UInt32(MemoryLayout<leat_http_response>.stride),
                    responses: responses.baseAddress
                )
                return unsafe body(&batch)
            }
        }
    }
}

extension StagePointer {
    /// Fails an event in the runtime's own words.
    func refuse(_ index: UInt32, _ problem: String) {
        unsafe Array("invalid_event".utf8).withUnsafeBytes { code in
            unsafe Array(problem.utf8).withUnsafeBytes { message in
                _ = unsafe pointer.pointee.output.fail(index, .permanent, code: code, message: message)
            }
        }
    }
}

/// The headers of a response as they lie in the arena.
private enum ResponseHeaders {
    static func split(
        _ response: InputArenaReader.Response
    ) throws(ArenaError) -> [(UnsafeRawBufferPointer, UnsafeRawBufferPointer)] {
        var headers: [(UnsafeRawBufferPointer, UnsafeRawBufferPointer)] = unsafe []
        let bytes = unsafe response.headers
        var position = 0
        for _ in 0..<response.headerCount {
            guard position + 8 <= bytes.count else { throw .violation("a response's headers are cut off") }
            let name = Int(unsafe bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self))
            let value = Int(unsafe bytes.loadUnaligned(fromByteOffset: position + 4, as: UInt32.self))
            let start = position + 8
            guard start + name + value <= bytes.count else {
                throw .violation("a response's headers are cut off")
            }
            unsafe headers.append(
                (
                    UnsafeRawBufferPointer(rebasing: bytes[start..<start + name]),
                    UnsafeRawBufferPointer(rebasing: bytes[start + name..<start + name + value])
                )
            )
            position = start + name + value
        }
        return unsafe headers
    }
}
