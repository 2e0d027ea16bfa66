import EventJSON

/// A member of an event that ingestion reads or writes.
enum EventField: UInt8, Sendable {
    case type, userID, anonymousID, messageID, timestamp, originalTimestamp, sentAt, receivedAt, requestIP
    case event, previousID, mergeProperties, writeKey, context, integrations

    /// The field that `key`, a member's name, means; nil for a name that does not matter here.
    init?(_ key: JSONNode, of tape: JSONTape) {
        guard let (field, name) = tape.withContent(of: key, Self.candidate) ?? nil, tape.equals(key, name) else {
            return nil
        }
        self = field
    }

    /// The one field that a name could mean, by its length and a letter.
    private static func candidate(_ key: Span<UInt8>) -> (Self, StaticString)? {
        switch key.count {
        case 4: (.type, "type")
        case 5: (.event, "event")
        case 6: key[0] == UInt8(ascii: "u") ? (.userID, "userId") : (.sentAt, "sentAt")
        case 7: (.context, "context")
        case 8: (.writeKey, "writeKey")
        case 9: key[0] == UInt8(ascii: "m") ? (.messageID, "messageId") : (.timestamp, "timestamp")
        case 10:
            switch key[2] {
            case UInt8(ascii: "c"): (.receivedAt, "receivedAt")
            case UInt8(ascii: "q"): (.requestIP, "request_ip")
            default: (.previousID, "previousId")
            }
        case 11: (.anonymousID, "anonymousId")
        case 12: (.integrations, "integrations")
        case 15: (.mergeProperties, "mergeProperties")
        case 17: (.originalTimestamp, "originalTimestamp")
        default: nil
        }
    }

    /// Whether completion may write it.
    var isCompleted: Bool {
        switch self {
        case .type, .messageID, .timestamp, .originalTimestamp, .sentAt, .receivedAt, .requestIP: true
        default: false
        }
    }

    /// Whether a batch may have it for all its events.
    var isShared: Bool { self == .context || self == .integrations }
}

/// Where one event has the members that ingestion looks at; found in one walk, without allocation once warm.
///
/// Explicit nulls count as absent. When a name stands twice the last one counts.
struct EventFields {
    /// A part of the text that the completed event has differently.
    struct Place {
        let field: EventField
        /// The value's bytes, or for a member that is taken out all that goes with it.
        let range: Range<Int>
    }

    private(set) var type: JSONNode?
    private(set) var userID: JSONNode?
    private(set) var anonymousID: JSONNode?
    private(set) var messageID: JSONNode?
    private(set) var timestamp: JSONNode?
    private(set) var originalTimestamp: JSONNode?
    private(set) var sentAt: JSONNode?
    private(set) var event: JSONNode?
    private(set) var previousID: JSONNode?
    private(set) var mergeProperties: JSONNode?
    private(set) var context: JSONNode?
    private(set) var integrations: JSONNode?
    /// In the order of the text.
    private(set) var places: [Place] = []
    /// Whether anything stands between the braces once the write key is taken out.
    private(set) var hasMembers = false

    /// Finds the members of `event`, an object of `tape`; `isMerged` says that its batch has some for it too.
    mutating func read(_ event: JSONNode, of tape: JSONTape, isMerged: Bool) {
        clear()
        var removal: Int?
        var keptEnd: Int?
        var end = 0
        for member in tape.members(of: event) {
            let field = EventField(member.key, of: tape)
            let value = tape.range(of: member.value)
            end = value.upperBound
            if field == .writeKey {
                removal = removal ?? tape.range(of: member.key).lowerBound
                continue
            }
            if let start = removal {
                places.append(Place(field: .writeKey, range: start..<tape.range(of: member.key).lowerBound))
                removal = nil
            }
            keptEnd = end
            guard let field else { continue }
            if field.isCompleted || isMerged && field.isShared { places.append(Place(field: field, range: value)) }
            set(field, tape.isNull(member.value) ? nil : member.value)
        }
        // The last member goes with the comma before it.
        if let start = removal { places.append(Place(field: .writeKey, range: (keptEnd ?? start)..<end)) }
        hasMembers = keptEnd != nil
    }

    /// Whether the event has a member of this name, be it null.
    func holds(_ field: EventField) -> Bool {
        places.contains { $0.field == field }
    }

    private mutating func clear() {
        var places = self.places
        places.removeAll(keepingCapacity: true)
        self = EventFields()
        self.places = places
    }

    private mutating func set(_ field: EventField, _ node: JSONNode?) {
        switch field {
        case .type: type = node
        case .userID: userID = node
        case .anonymousID: anonymousID = node
        case .messageID: messageID = node
        case .timestamp: timestamp = node
        case .originalTimestamp: originalTimestamp = node
        case .sentAt: sentAt = node
        case .event: event = node
        case .previousID: previousID = node
        case .mergeProperties: mergeProperties = node
        case .context: context = node
        case .integrations: integrations = node
        case .receivedAt, .requestIP, .writeKey: break
        }
    }
}
