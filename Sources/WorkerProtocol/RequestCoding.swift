import EventModel

/// One HTTP request that a connector asks the host to send.
package struct PluginRequest: Equatable, Sendable {
    package var method: String
    package var url: String
    package var headers: [Header]
    package var body: ArraySlice<UInt8>
    package var contentType: String
    /// The name of a secret that the host puts into the request; empty for none.
    package var authReference: String
    /// Empty: the host makes one.
    package var idempotencyKey: String
    /// Requests with the same key go one after another; empty for none.
    package var orderingKey: String
    /// 0: the destination's own.
    package var timeoutMilliseconds: UInt32
    package var flags: UInt32
    /// The plugin's own mark, handed back to `classify`.
    package var tag: UInt64
    /// The events that this request carries, as indices of the batch.
    package var events: [Int]

    /// One header, name and value.
    package struct Header: Equatable, Sendable {
        package var name: String
        package var value: String
        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package init(
        method: String = "POST",
        url: String,
        headers: [Header] = [],
        body: ArraySlice<UInt8> = [],
        contentType: String = "",
        authReference: String = "",
        idempotencyKey: String = "",
        orderingKey: String = "",
        timeoutMilliseconds: UInt32 = 0,
        flags: UInt32 = 0,
        tag: UInt64 = 0,
        events: [Int]
    ) {
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.contentType = contentType
        self.authReference = authReference
        self.idempotencyKey = idempotencyKey
        self.orderingKey = orderingKey
        self.timeoutMilliseconds = timeoutMilliseconds
        self.flags = flags
        self.tag = tag
        self.events = events
    }
}

/// How a request lies in the arena: a head of lengths, then indices, then all texts in the order of their lengths.
///
/// - Shape: u32 × 10: version, headers, events, timeout, flags, lengths of method, url, content type, auth reference,
///   idempotency key; u32 × 2: lengths of ordering key and body; u64 tag; per header u32 name and value length;
///   u32 per event; then the bytes. The sum of all lengths is the length of the whole.
package enum RequestCoding {
    static let headBytes = 56
    private static let version: UInt32 = 1

    package static func encode(_ request: PluginRequest, into bytes: inout [UInt8]) {
        bytes.removeAll(keepingCapacity: true)
        let texts = [
            request.method, request.url, request.contentType, request.authReference, request.idempotencyKey,
            request.orderingKey,
        ]
        bytes.append(word32: version)
        bytes.append(word32: UInt32(request.headers.count))
        bytes.append(word32: UInt32(request.events.count))
        bytes.append(word32: request.timeoutMilliseconds)
        bytes.append(word32: request.flags)
        for text in texts { bytes.append(word32: UInt32(text.utf8.count)) }
        bytes.append(word32: UInt32(request.body.count))
        bytes.append(word64: request.tag)
        for header in request.headers {
            bytes.append(word32: UInt32(header.name.utf8.count))
            bytes.append(word32: UInt32(header.value.utf8.count))
        }
        for event in request.events { bytes.append(word32: UInt32(event)) }
        for text in texts { bytes.append(contentsOf: text.utf8) }
        for header in request.headers {
            bytes.append(contentsOf: header.name.utf8)
            bytes.append(contentsOf: header.value.utf8)
        }
        bytes.append(contentsOf: request.body)
    }

    /// Reads a request from private bytes that a worker wrote.
    ///
    /// - Throws: `ArenaError.violation` unless every length is right and every text keeps `RequestRules`.
    package static func decode(_ bytes: ArraySlice<UInt8>, eventCount: Int) throws(ArenaError) -> PluginRequest {
        guard bytes.count >= headBytes, bytes.word32(at: 0) == version else {
            throw .violation("a request has no head")
        }
        let headerCount = Int(bytes.word32(at: 4))
        let indexCount = Int(bytes.word32(at: 8))
        // A request that a plugin makes for itself carries no event.
        guard headerCount <= RequestRules.headerCount, indexCount > 0 || eventCount == 0, indexCount <= eventCount
        else {
            throw .violation("a request has too many headers, or no event, or too many")
        }
        var cursor = RequestCursor(bytes: bytes, position: headBytes + headerCount * 8 + indexCount * 4)
        var events: [Int] = []
        events.reserveCapacity(indexCount)
        for number in 0..<indexCount {
            let index = Int(try cursor.checkedWord(at: headBytes + headerCount * 8 + number * 4))
            guard index < eventCount else { throw .violation("a request names an event outside the batch") }
            events.append(index)
        }
        var texts: [String] = []
        for number in 0..<6 { texts.append(try cursor.text(length: bytes.word32(at: 20 + number * 4))) }
        var headers: [PluginRequest.Header] = []
        for number in 0..<headerCount {
            let name = try cursor.text(length: bytes.word32(at: headBytes + number * 8))
            let value = try cursor.text(length: bytes.word32(at: headBytes + number * 8 + 4))
            headers.append(PluginRequest.Header(name: name, value: value))
        }
        let body = try cursor.bytes(length: bytes.word32(at: 44))
        guard cursor.isAtEnd else { throw .violation("a request is longer than its parts") }
        let request = PluginRequest(
            method: texts[0],
            url: texts[1],
            headers: headers,
            body: body,
            contentType: texts[2],
            authReference: texts[3],
            idempotencyKey: texts[4],
            orderingKey: texts[5],
            timeoutMilliseconds: bytes.word32(at: 12),
            flags: bytes.word32(at: 16),
            tag: bytes.word64(at: 48),
            events: events
        )
        if let problem = RequestRules.problem(with: request) { throw .violation(problem) }
        return request
    }
}

/// Walks over the texts of a request without ever leaving it.
private struct RequestCursor {
    let bytes: ArraySlice<UInt8>
    /// Counts from the start of the request.
    var position: Int

    var isAtEnd: Bool { position == bytes.count }

    func checkedWord(at place: Int) throws(ArenaError) -> UInt32 {
        guard place + 4 <= bytes.count else { throw .violation("a request is cut off") }
        return bytes.word32(at: place)
    }

    mutating func bytes(length: UInt32) throws(ArenaError) -> ArraySlice<UInt8> {
        guard position <= bytes.count, Int(length) <= bytes.count - position else {
            throw .violation("a request is cut off")
        }
        let start = bytes.startIndex + position
        position += Int(length)
        return bytes[start..<start + Int(length)]
    }

    mutating func text(length: UInt32) throws(ArenaError) -> String {
        String(decoding: try bytes(length: length), as: UTF8.self)
    }
}
