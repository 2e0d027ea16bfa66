/// What a user's action was, in the words of the Segment and RudderStack wire format.
///
/// The raw value is stored in every chunk's directory and must never change its meaning.
package enum EventType: UInt8, Sendable, CaseIterable {
    case track = 1
    case identify = 2
    case page = 3
    case screen = 4
    case group = 5
    case alias = 6
    case merge = 7

    /// The value of an event's `type` field.
    package var name: String { word.description }

    /// The same as a text that needs no memory of its own.
    package var word: StaticString {
        switch self {
        case .track: "track"
        case .identify: "identify"
        case .page: "page"
        case .screen: "screen"
        case .group: "group"
        case .alias: "alias"
        case .merge: "merge"
        }
    }

    /// The type whose `type` field reads `name`, or nil for any other text.
    package init?(name: some StringProtocol) {
        guard let type = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = type
    }
}
