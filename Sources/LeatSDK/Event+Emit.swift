import CLeatPlugin
import EventJSON

extension Event {
    /// Emits one part of an event that is to be split; return ``Verdict/split`` at the end.
    ///
    /// ```swift
    /// for index in 0..<event.count("properties.products") {
    ///     try event.emit { part in
    ///         try part.copy(Path("properties.products[\(index)]"), to: "properties.product")
    ///         try part.remove("properties.products")
    ///     }
    /// }
    /// return .split
    /// ```
    ///
    /// Parts keep their order and go to the same place as the event would. There can be at most 100 of them.
    ///
    /// - Parameter change: Makes the part out of a copy of the event as it is now.
    /// - Throws: What `change` throws; this part is not emitted then.
    public mutating func emit(_ change: (inout Event) throws -> Void) throws {
        var part = Event(copying: self)
        try change(&part)
        if let refused = part.refused { throw refused }
        _ = part.give()
        parts += 1
    }

    private init(copying event: borrowing Event) {
        unsafe source = event.source
        unsafe sink = event.sink
        tape = event.tape
        edits = event.edits
        isRewritten = event.isRewritten
    }

    // MARK: For the runner

    /// Takes the next event of a batch.
    ///
    /// - Throws: ``Failure`` when it is no JSON, which the host rules out.
    mutating func load(_ event: UnsafePointer<leat_event>, _ sink: UnsafePointer<leat_transform_sink>?) throws(Failure)
    {
        unsafe source = event.pointee
        unsafe self.sink = sink
        edits.removeAll()
        isRewritten = false
        refused = nil
        parts = 0
        do throws(JSONError) {
            try unsafe tape.parse(UnsafeRawBufferPointer(event.pointee.json.bytes))
        } catch {
            throw Failure(code: "invalid_event", message: "the event is no JSON: \(error)")
        }
    }

    /// Lets go of the batch's memory.
    mutating func unload() {
        tape.reset()
        unsafe source = leat_event()
        unsafe sink = nil
    }

    /// Gives the event with its changes to the sink.
    mutating func give() -> leat_status {
        guard let sink = unsafe sink?.pointee, let index = Optional(unsafe source.index) else { return LEAT_E_CLOSED }
        if isRewritten {
            var text: [UInt8] = []
            edits.write(tape.root, of: tape, into: &text)
            return unsafe text.withUnsafeBufferPointer { text in
                unsafe sink.emit(sink.ctx, index, leat_slice(text), leat_slice(ptr: nil, len: 0))
            }
        }
        if edits.isEmpty { return unsafe sink.emit_edits(sink.ctx, index, nil, 0) }
        return unsafe splices.withEdits(edits, of: tape) { edits, count in
            unsafe sink.emit_edits(sink.ctx, index, edits, count)
        }
    }
}
