import CLeatPlugin

/// What was answered to one request.
public struct Response: Sendable {
    /// The request's own ``Request/tag``.
    public let tag: UInt64
    /// The HTTP status, or 0 when no answer arrived.
    public let status: Int
    /// Whether no answer arrived: the connection failed or ran out of time.
    public var isTransportError: Bool { status == 0 }
    /// Which try it was, from 1.
    public let attempt: Int
    /// The answer's headers.
    public let headers: [(name: String, value: String)]
    /// The beginning of the answer's body: up to 64 KiB for `classify`, up to 1 MiB of one that was fetched.
    public let body: [UInt8]
    /// Whether the body goes on behind that.
    public let isCut: Bool

    /// Why a request that was fetched has no answer; else nothing.
    public var problem: String { status == 0 ? String(decoding: body, as: UTF8.self) : "" }

    /// The first header of a name, whatever its case.
    public func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }

    init(_ response: UnsafePointer<leat_http_response>) {
        tag = unsafe response.pointee.user_tag
        status = unsafe Int(response.pointee.status)
        attempt = unsafe Int(response.pointee.attempt)
        body = unsafe Array(response.pointee.body.bytes)
        isCut = unsafe response.pointee.flags & UInt32(LEAT_RESPONSE_CUT) != 0
        var headers: [(name: String, value: String)] = []
        if let first = unsafe response.pointee.headers {
            let stride = unsafe Int(response.pointee.header_stride)
            for place in 0..<(unsafe Int(response.pointee.header_count)) {
                let header = unsafe UnsafeRawPointer(first).advanced(by: place * stride)
                    .assumingMemoryBound(to: leat_header.self)
                unsafe headers.append((header.pointee.name.text, header.pointee.value.text))
            }
        }
        self.headers = headers
    }
}

/// Takes what an answer means for the events of its request.
///
/// Events are told apart by their places in the list that the request was sent with; without a place, all are meant of which
/// nothing else is said. An answer of which something is left unsaid means what the server's own table says.
@safe public struct ResponseSink: ~Copyable {
    private let sink: UnsafePointer<leat_classify_sink>
    private let response: UInt32

    init(_ sink: UnsafePointer<leat_classify_sink>, _ response: UInt32) {
        unsafe self.sink = sink
        self.response = response
    }

    /// Says that an event was taken.
    public mutating func deliver(_ place: Int? = nil) { set(place, LEAT_OK) }

    /// Says that an event is to be sent again, alone or with others that are.
    ///
    /// - Parameters:
    ///   - place: The event's place in its request; nil for all.
    ///   - delay: How long the destination asked to wait; nil for the server's own schedule.
    ///   - failure: Why.
    public mutating func retry(_ place: Int? = nil, after delay: Duration? = nil, because failure: Failure) {
        set(place, LEAT_E_RETRY, after: delay, failure)
    }

    /// Says that an event will never be taken.
    public mutating func refuse(_ place: Int? = nil, because failure: Failure) { set(place, LEAT_E_PERMANENT, failure) }

    private func set(_ place: Int?, _ verdict: leat_status, after delay: Duration? = nil, _ failure: Failure? = nil) {
        // LEAT_ALL, which Swift does not import.
        let event = place.map { UInt32(clamping: $0) } ?? .max
        let milliseconds = delay.map { UInt64(max(0, $0 / .milliseconds(1))) } ?? .max
        unsafe (failure?.code ?? "").withSlice { code in
            unsafe (failure?.message ?? "").withSlice { message in
                _ = unsafe sink.pointee.set(sink.pointee.ctx, response, event, verdict, milliseconds, code, message)
            }
        }
    }
}
