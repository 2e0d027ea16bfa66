import CLeatPlugin
import EventJSON

/// The events for which a connector builds requests.
///
/// Events are named by their place, from 0. A batch lives only while ``Connector/requests(for:into:)`` runs.
@safe public struct Batch: ~Copyable {
    private let source: UnsafePointer<leat_batch>
    private var event: Event

    init(_ source: UnsafePointer<leat_batch>, reusing event: consuming Event) {
        unsafe self.source = source
        self.event = event
    }

    /// Gives back what is used again for the next batch.
    consuming func finish() -> Event {
        event.unload()
        return event
    }

    /// How many events there are.
    public var count: Int { Int(unsafe source.pointee.count) }

    /// The places of all events.
    public var indices: Range<Int> { 0..<count }

    /// The places of all events in groups of at most `size`, for destinations that take several events in a request.
    public func groups(of size: Int) -> [Range<Int>] {
        stride(from: 0, to: count, by: max(1, size)).map { $0..<min(count, $0 + max(1, size)) }
    }

    /// The event's message id where the server has it at hand, else empty; it stands in the event as `messageId`.
    public func id(_ index: Int) -> String { unsafe entry(index).pointee.id.text }

    /// The same for every attempt to deliver this event.
    public func idempotencyKey(_ index: Int) -> String { unsafe entry(index).pointee.idempotency_key.text }

    /// The event's JSON as it is.
    public func json(_ index: Int) -> [UInt8] { unsafe Array(entry(index).pointee.json.bytes) }

    /// Appends the event's JSON as it is to `output`.
    public func appendJSON(_ index: Int, to output: inout [UInt8]) {
        unsafe output.append(contentsOf: entry(index).pointee.json.bytes)
    }

    /// Calls `body` with the event, to be read and to be changed on its way into a body.
    ///
    /// - Parameters:
    ///   - index: The event's place.
    ///   - body: Reads the event; its changes show only in ``Event/appendJSON(to:)``.
    /// - Returns: What `body` returns.
    /// - Throws: What `body` throws.
    public mutating func withEvent<Result>(_ index: Int, _ body: (inout Event) throws -> Result) throws -> Result {
        try unsafe event.load(entry(index), nil)
        let result = try body(&event)
        if let refused = event.refused { throw refused }
        return result
    }

    func entry(_ index: Int) -> UnsafePointer<leat_event> {
        precondition(index >= 0 && index < count, "a batch has no event at this place")
        return unsafe leat_event_at(source, UInt32(index))
    }
}

/// Takes what a connector makes of a batch.
@safe public struct RequestSink: ~Copyable {
    private let sink: UnsafePointer<leat_request_sink>
    private let batch: UnsafePointer<leat_batch>

    init(_ sink: UnsafePointer<leat_request_sink>, _ batch: UnsafePointer<leat_batch>) {
        unsafe self.sink = sink
        unsafe self.batch = batch
    }

    /// Asks the server to send a request.
    ///
    /// - Parameters:
    ///   - request: What to send.
    ///   - events: The places of the events that it carries; at least one.
    /// - Returns: Whether the request was taken. If not, the server has failed its events with the code
    ///   `invalid_request` and a sentence, or runs them again by itself.
    @discardableResult
    public mutating func send(_ request: Request, carrying events: some Collection<Int>) -> Bool {
        let indices = events.map { index in unsafe leat_event_at(batch, UInt32(index)).pointee.index }
        return unsafe indices.withUnsafeBufferPointer { indices in
            unsafe request.withTable { table in
                unsafe table.event_indices = indices.baseAddress
                unsafe table.event_index_count = UInt32(indices.count)
                return unsafe sink.pointee.request(sink.pointee.ctx, &table) == LEAT_OK
            }
        }
    }

    /// Says that an event is not wanted by the destination.
    ///
    /// - Parameters:
    ///   - index: The event's place.
    ///   - reason: A few fixed words, counted by their value.
    public mutating func drop(_ index: Int, _ reason: String) {
        let event = unsafe leat_event_at(batch, UInt32(index)).pointee.index
        _ = unsafe reason.withSlice { reason in unsafe sink.pointee.drop(sink.pointee.ctx, event, reason) }
    }

    /// Fails one event.
    ///
    /// - Parameters:
    ///   - index: The event's place.
    ///   - failure: Why.
    public mutating func fail(_ index: Int, _ failure: Failure) {
        let event = unsafe leat_event_at(batch, UInt32(index)).pointee.index
        unsafe failure.code.withSlice { code in
            unsafe failure.message.withSlice { message in
                _ = unsafe sink.pointee.fail(sink.pointee.ctx, event, failure.status, code, message)
            }
        }
    }
}
