import EventJSON
import EventLog
import EventModel

/// Turns the events of one request, one after the other, into what the log keeps.
///
/// An event is kept as it was sent, byte for byte, but for what the server alone knows: see docs/ingestion.md. The
/// buffers are kept from event to event and from request to request.
struct EventIntake {
    /// What holds for every event of a request.
    struct Circumstances {
        /// The type that the path gives; nil where each event says its own.
        var type: EventType?
        var receivedAt: EventTime
        /// The sender's address, as JSON text with its quotes.
        var requestIP: [UInt8]
        /// When the request was sent by the sender's clock, for events that do not say it themselves.
        var sentAt: JSONNode?
        /// What the batch says of every event.
        var shared = SharedMembers()
    }

    /// The completed event; valid until the next one is taken.
    private(set) var bytes: [UInt8] = []
    private var fields = EventFields()
    private var identifier: [UInt8] = []
    private var receivedAt: [UInt8] = []
    private var timestamp: [UInt8] = []
    private var originalTimestamp: [UInt8] = []
    private var messageID: [UInt8] = []
    private var random = RandomWords()

    /// Notes when the request was received; to be called once for each request.
    mutating func begin(_ circumstances: Circumstances) {
        receivedAt.removeAll(keepingCapacity: true)
        Self.append(circumstances.receivedAt, to: &receivedAt)
    }

    /// Validates and completes `event`, a value of `tape`, whose text is `text`.
    mutating func take(
        _ event: JSONNode,
        of tape: JSONTape,
        in text: [UInt8],
        _ circumstances: Circumstances
    ) throws(EventRefusal) -> DirectoryEntry {
        guard tape.kind(event) == .object else { throw .notAnObject }
        let range = tape.range(of: event)
        guard range.count + circumstances.shared.bytes <= Limits.eventBytes else { throw .tooLarge }
        fields.read(event, of: tape, isMerged: !circumstances.shared.isEmpty)
        let type = try eventType(circumstances.type, tape)
        let user = try userHash(type, tape)
        let message = try messageHash(tape)
        correctTime(tape, circumstances)
        write(range, of: text, tape, type, circumstances)
        return DirectoryEntry(
            length: bytes.count,
            type: type,
            receivedAt: circumstances.receivedAt.microseconds,
            userHash: user,
            nameHash: type == .track ? nameHash(tape) : 0,
            messageHash: message
        )
    }

    // MARK: Validation

    private func eventType(_ given: EventType?, _ tape: JSONTape) throws(EventRefusal) -> EventType {
        if let given { return given }
        guard let node = fields.type else { throw .missingType }
        for type in EventType.allCases where tape.equals(node, type.word) { return type }
        throw .unknownType
    }

    private mutating func userHash(_ type: EventType, _ tape: JSONTape) throws(EventRefusal) -> UInt64 {
        if type == .alias {
            guard try read(fields.previousID, tape) else { throw .aliasWithoutPrevious }
        }
        if try read(fields.userID, tape) { return EventHash.key(identifier) }
        if try read(fields.anonymousID, tape) { return EventHash.key(identifier) }
        guard type == .merge else { throw .noIdentity }
        return try mergeHash(tape)
    }

    /// A merge without ids of its own belongs to the first identity that it names.
    private mutating func mergeHash(_ tape: JSONTape) throws(EventRefusal) -> UInt64 {
        guard let list = fields.mergeProperties, tape.kind(list) == .array else { throw .mergeWithoutProperties }
        var first: UInt64?
        for property in tape.elements(of: list) {
            guard try read(tape.member(of: property, "type"), tape), try read(tape.member(of: property, "value"), tape)
            else { throw .mergeWithoutProperties }
            first = first ?? EventHash.key(identifier)
        }
        guard let first else { throw .mergeWithoutProperties }
        return first
    }

    private mutating func read(_ node: JSONNode?, _ tape: JSONTape) throws(EventRefusal) -> Bool {
        switch EventIdentity.read(node, of: tape, into: &identifier) {
        case .absent: return false
        case .text: return true
        case .notText: throw .identityNotText
        case .tooLong: throw .identityTooLong
        }
    }

    private mutating func messageHash(_ tape: JSONTape) throws(EventRefusal) -> MessageHash {
        messageID.removeAll(keepingCapacity: true)
        switch EventIdentity.read(fields.messageID, of: tape, into: &identifier) {
        case .text: return EventHash.message(identifier)
        case .notText: throw .messageIDNotText
        case .tooLong: throw .messageIDTooLong
        case .absent:
            identifier.removeAll(keepingCapacity: true)
            MessageIdentifier.appendRandom(to: &identifier, using: &random)
            messageID.append(UInt8(ascii: "\""))
            messageID.append(contentsOf: identifier)
            messageID.append(UInt8(ascii: "\""))
            return EventHash.message(identifier)
        }
    }

    private mutating func nameHash(_ tape: JSONTape) -> UInt64 {
        guard let node = fields.event else { return 0 }
        identifier.removeAll(keepingCapacity: true)
        return tape.unescape(node, into: &identifier) ? EventHash.key(identifier) : 0
    }

    // MARK: Completion

    /// Fills `timestamp` and `originalTimestamp` with what has to be written, or empties them.
    private mutating func correctTime(_ tape: JSONTape, _ circumstances: Circumstances) {
        timestamp.removeAll(keepingCapacity: true)
        originalTimestamp.removeAll(keepingCapacity: true)
        // Both are there: somebody on the way has corrected the time already.
        if fields.timestamp != nil, fields.originalTimestamp != nil { return }
        let sent = (fields.sentAt ?? circumstances.sentAt).flatMap { time(of: $0, tape) }
        let received = circumstances.receivedAt
        let original = (fields.originalTimestamp ?? fields.timestamp).flatMap { time(of: $0, tape) }
        var corrected = original ?? received
        if let sent, let original {
            corrected.microseconds = received.microseconds &- (sent.microseconds &- original.microseconds)
        }
        Self.append(corrected.isPrintable ? corrected : received, to: &timestamp)
        if fields.originalTimestamp != nil { return }
        if let sentByUser = fields.timestamp {
            tape.copy(sentByUser, into: &originalTimestamp)
        } else {
            Self.append(sent.map { $0.isPrintable ? $0 : received } ?? received, to: &originalTimestamp)
        }
    }

    private func time(of node: JSONNode, _ tape: JSONTape) -> EventTime? {
        tape.withContent(of: node) { EventTime($0) } ?? nil
    }

    private static func append(_ time: EventTime, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        time.append(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// Copies the event once, with every completed value in its place and the missing ones at the end.
    private mutating func write(
        _ range: Range<Int>,
        of text: [UInt8],
        _ tape: JSONTape,
        _ type: EventType,
        _ circumstances: Circumstances
    ) {
        bytes.removeAll(keepingCapacity: true)
        var copied = range.lowerBound
        for place in fields.places {
            bytes.append(contentsOf: text[copied..<place.range.lowerBound])
            if place.field == .writeKey || writeValue(of: place.field, type, circumstances, tape) {
                copied = place.range.upperBound
            } else {
                copied = place.range.lowerBound
            }
        }
        bytes.append(contentsOf: text[copied..<range.upperBound - 1])
        var first = !fields.hasMembers
        for (field, key) in Self.completed where !fields.holds(field) {
            let before = bytes.count
            if !first { bytes.append(UInt8(ascii: ",")) }
            bytes.append(contentsOf: key)
            if writeValue(of: field, type, circumstances, tape) {
                first = false
            } else {
                bytes.removeLast(bytes.count - before)
            }
        }
        bytes.append(UInt8(ascii: "}"))
    }

    /// The members that a completed event has, with their keys as JSON writes them.
    private static let completed: [(EventField, [UInt8])] = [
        (.type, Array(#""type":"#.utf8)), (.messageID, Array(#""messageId":"#.utf8)),
        (.originalTimestamp, Array(#""originalTimestamp":"#.utf8)), (.timestamp, Array(#""timestamp":"#.utf8)),
        (.sentAt, Array(#""sentAt":"#.utf8)), (.receivedAt, Array(#""receivedAt":"#.utf8)),
        (.requestIP, Array(#""request_ip":"#.utf8)), (.context, Array(#""context":"#.utf8)),
        (.integrations, Array(#""integrations":"#.utf8)),
    ]

    /// Appends what `field` has to be, or gives false when what was sent stays.
    private mutating func writeValue(
        of field: EventField,
        _ type: EventType,
        _ circumstances: Circumstances,
        _ tape: JSONTape
    ) -> Bool {
        switch field {
        case .type:
            // Without a type from the path the event's own was read.
            guard circumstances.type != nil else { return false }
            bytes.append(UInt8(ascii: "\""))
            bytes.append(contentsOf: type.name.utf8)
            bytes.append(UInt8(ascii: "\""))
        case .messageID:
            guard !messageID.isEmpty else { return false }
            bytes.append(contentsOf: messageID)
        case .timestamp:
            guard !timestamp.isEmpty else { return false }
            bytes.append(contentsOf: timestamp)
        case .originalTimestamp:
            guard !originalTimestamp.isEmpty else { return false }
            bytes.append(contentsOf: originalTimestamp)
        case .sentAt:
            guard fields.sentAt == nil, let sentAt = circumstances.sentAt else { return false }
            tape.copy(sentAt, into: &bytes)
        case .receivedAt: bytes.append(contentsOf: receivedAt)
        case .requestIP:
            guard !circumstances.requestIP.isEmpty else { return false }
            bytes.append(contentsOf: circumstances.requestIP)
        case .context:
            return circumstances.shared.context.map { $0.write(over: fields.context, of: tape, to: &bytes) } ?? false
        case .integrations:
            return circumstances.shared.integrations.map { $0.write(over: fields.integrations, of: tape, to: &bytes) }
                ?? false
        default: return false
        }
        return true
    }
}
