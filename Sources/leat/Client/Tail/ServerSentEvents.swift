/// One message of a stream.
struct ServerSentEvent: Equatable, Sendable {
    var kind = "message"
    var data = ""
}

/// Reads server-sent events from their text, wherever it is cut.
///
/// - Source: HTML standard, "Server-sent events", section "Parsing an event stream".
struct ServerSentEventParser {
    private var rest: [UInt8] = []
    private var event = ServerSentEvent()
    private var hasData = false

    /// The longest line that is read, in bytes; a longer one is cut.
    private static let longestLine = 1024 * 1024

    /// Takes the next bytes, and gives the messages that they bring to an end.
    mutating func take(_ bytes: some Sequence<UInt8>) -> [ServerSentEvent] {
        var found: [ServerSentEvent] = []
        for byte in bytes {
            guard byte == UInt8(ascii: "\n") else {
                if rest.count < Self.longestLine { rest.append(byte) }
                continue
            }
            if rest.last == UInt8(ascii: "\r") { rest.removeLast() }
            line(&found)
            rest.removeAll(keepingCapacity: true)
        }
        return found
    }

    private mutating func line(_ found: inout [ServerSentEvent]) {
        guard !rest.isEmpty else {
            if hasData { found.append(event) }
            event = ServerSentEvent()
            hasData = false
            return
        }
        let colon = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
        var value = rest[min(colon + 1, rest.endIndex)...]
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        switch String(decoding: rest[..<colon], as: UTF8.self) {
        case "event": event.kind = String(decoding: value, as: UTF8.self)
        case "data":
            event.data += (hasData ? "\n" : "") + String(decoding: value, as: UTF8.self)
            hasData = true
        // Comments, and fields that nobody here needs.
        default: break
        }
    }
}
