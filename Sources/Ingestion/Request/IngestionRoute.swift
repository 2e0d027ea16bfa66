import EventModel

/// What a request's path asks for.
///
/// Both families of SDKs are served: the long names of RudderStack and Segment, and the one-letter names of Segment's
/// browser SDK. A slash at the end makes no difference, because a redirect would lose the body.
enum IngestionRoute: Equatable, Sendable {
    /// One event whose type the path gives.
    case event(EventType)
    /// One merge event, or the browser SDK's report about itself, which is answered and not kept.
    case mergeOrMetrics
    /// Many events in `batch`.
    case batch
    /// Many events in `batch`, the write key in the query: `navigator.sendBeacon` cannot set a header.
    case beacon
    /// One event in the query; the answer is always a picture.
    case pixel(EventType)
    /// What RudderStack's browser SDK loads first.
    case sourceConfiguration
    /// What Segment's browser SDK loads first.
    case projectSettings(writeKey: String)

    /// The route of `path`, which ends before any `?`, or nil when the path belongs to somebody else.
    init?(path: some StringProtocol) {
        let parts = path.split(separator: "/", maxSplits: 5, omittingEmptySubsequences: true)
        switch (parts.first, parts.count) {
        case ("v1", 2):
            guard let route = Self.versionOne(parts[1]) else { return nil }
            self = route
        case ("v1", 4) where parts[1] == "projects" && parts[3] == "settings":
            self = .projectSettings(writeKey: String(parts[2]))
        case ("beacon", 3) where parts[1] == "v1" && parts[2] == "batch":
            self = .beacon
        case ("pixel", 3) where parts[1] == "v1" && parts[2] == "track":
            self = .pixel(.track)
        case ("pixel", 3) where parts[1] == "v1" && parts[2] == "page":
            self = .pixel(.page)
        case ("sourceConfig", 1):
            self = .sourceConfiguration
        default:
            return nil
        }
    }

    /// The one method that the route answers, besides OPTIONS.
    var isRead: Bool {
        switch self {
        case .event, .mergeOrMetrics, .batch, .beacon: false
        case .pixel, .sourceConfiguration, .projectSettings: true
        }
    }

    private static func versionOne(_ name: some StringProtocol) -> Self? {
        switch name {
        case "batch", "import", "b": .batch
        case "track", "t": .event(.track)
        case "identify", "i": .event(.identify)
        case "page", "p": .event(.page)
        case "screen", "s": .event(.screen)
        case "group", "g": .event(.group)
        case "alias", "a": .event(.alias)
        case "merge": .event(.merge)
        case "m": .mergeOrMetrics
        default: nil
        }
    }
}
