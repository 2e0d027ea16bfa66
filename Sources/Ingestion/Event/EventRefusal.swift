/// Why one event is refused while the others of its batch are kept.
///
/// The raw value is the code in answers, in counts and in the table of refused events.
package enum EventRefusal: String, Error, CaseIterable {
    case notAnObject = "event_not_an_object"
    case tooLarge = "event_too_large"
    case missingType = "type_missing"
    case unknownType = "type_unknown"
    case noIdentity = "identity_missing"
    case identityNotText = "identity_not_text"
    case identityTooLong = "identity_too_long"
    case messageIDNotText = "message_id_not_text"
    case messageIDTooLong = "message_id_too_long"
    case aliasWithoutPrevious = "previous_id_missing"
    case mergeWithoutProperties = "merge_properties_invalid"

    /// A sentence that is safe to show to anyone.
    package var message: String {
        switch self {
        case .notAnObject: "Event is not a JSON object"
        case .tooLarge: "Event is larger than 32768 bytes"
        case .missingType: "Event has no type"
        case .unknownType: "Event type is not one of track, identify, page, screen, group, alias, merge"
        case .noIdentity: "Request neither has anonymousId nor userId"
        case .identityNotText: "userId and anonymousId must be text or a number"
        case .identityTooLong: "userId or anonymousId is longer than 1024 bytes"
        case .messageIDNotText: "messageId must be text or a number"
        case .messageIDTooLong: "messageId is longer than 1024 bytes"
        case .aliasWithoutPrevious: "Alias event has no previousId"
        case .mergeWithoutProperties: "Merge event needs mergeProperties: a list of objects with type and value"
        }
    }
}
