import WorkerProtocol

/// Two arenas in ordinary memory, and both sides of each.
@safe final class ArenaPair {
    let input: UnsafeMutableRawBufferPointer
    let output: UnsafeMutableRawBufferPointer

    init(inputBytes: Int = 256 * 1024, outputBytes: Int = 256 * 1024) {
        unsafe input = .allocate(byteCount: inputBytes, alignment: 4096)
        unsafe output = .allocate(byteCount: outputBytes, alignment: 4096)
        unsafe input.initializeMemory(as: UInt8.self, repeating: 0)
        unsafe output.initializeMemory(as: UInt8.self, repeating: 0)
    }

    deinit {
        unsafe input.deallocate()
        unsafe output.deallocate()
    }

    func inputMemory() throws -> ArenaMemory { try unsafe ArenaMemory(input) }
    func outputMemory() throws -> ArenaMemory { try unsafe ArenaMemory(output) }

    func begin(_ head: BatchHead, count: Int) throws -> OutputArenaWriter {
        var writer = OutputArenaWriter(try outputMemory())
        writer.begin(head, count: count)
        return writer
    }

    func answer(_ head: BatchHead, _ inputs: [String]) throws -> BatchAnswer {
        try unsafe OutputArenaReader.answer(UnsafeRawBufferPointer(output), head, Self.batch(inputs))
    }

    func suspect(_ head: BatchHead, _ inputs: [String]) throws -> Int? {
        try unsafe OutputArenaReader.suspect(UnsafeRawBufferPointer(output), head, Self.batch(inputs))
    }

    private static func batch(_ inputs: [String]) -> BatchInputs {
        .events(inputs.map { PluginEvent(json: Array($0.utf8)[...]) })
    }
}

extension BatchHead {
    static func sample(_ kind: ArenaKind = .transform, batch: UInt64 = 7) -> BatchHead {
        BatchHead(kind: kind, batch: batch, deadlineNanoseconds: 1_000, wallNanoseconds: 2_000)
    }
}

extension OutputArenaWriter {
    mutating func emit(_ index: UInt32, _ json: String) -> SinkStatus {
        unsafe Array(json.utf8).withUnsafeBytes { bytes in
            unsafe emit(index, bytes, metadata: UnsafeRawBufferPointer(start: nil, count: 0))
        }
    }

    mutating func drop(_ index: UInt32, _ reason: String) -> SinkStatus {
        unsafe Array(reason.utf8).withUnsafeBytes { bytes in unsafe drop(index, reason: bytes) }
    }

    mutating func fail(_ index: UInt32, _ failure: FailureClass, _ code: String, _ message: String) -> SinkStatus {
        unsafe Array(code.utf8).withUnsafeBytes { code in
            unsafe Array(message.utf8).withUnsafeBytes { message in
                unsafe fail(index, failure, code: code, message: message)
            }
        }
    }

    /// Replacements as (offset, remove, insert).
    mutating func edits(_ index: UInt32, inputLength: Int, _ list: [(UInt64, UInt64, String)]) -> SinkStatus {
        let texts = list.map { Array($0.2.utf8) }
        return edits(index, inputLength: inputLength, count: list.count) { number in
            unsafe texts[number].withUnsafeBytes { bytes in
                unsafe ArenaEdit(offset: list[number].0, remove: list[number].1, insert: bytes)
            }
        }
    }
}
