import Catalog

/// One of the limits that a source may have; the words are those of its declaration.
package enum SourceLimit: String, CaseIterable, Sendable {
    case eventsPerSecond
    case bytesPerSecond
    case bytesPerDay

    /// The window of the limit, in seconds.
    var window: Int { self == .bytesPerDay ? 86_400 : 1 }

    /// What is counted, in the words of the header's draft; events have no word there yet.
    var unit: String { self == .eventsPerSecond ? "events" : "content-bytes" }

    /// What a sender is told.
    package var sentence: String {
        switch self {
        case .eventsPerSecond: "The source sends more events per second than it may; send again later"
        case .bytesPerSecond: "The source sends more bytes per second than it may; send again later"
        case .bytesPerDay: "The source has sent as many bytes as it may today; send again tomorrow"
        }
    }
}

/// What one source may send to this node now.
///
/// - Owner: the door.
struct SourceGate: Equatable {
    private(set) var limits: SourceLimits
    private var nodes: Int
    private var events: TokenBucket?
    private var bytes: TokenBucket?
    var day: DayQuota?

    init(_ limits: SourceLimits, nodes: Int, at now: ContinuousClock.Instant) {
        self.limits = .none
        self.nodes = 0
        adapt(limits, nodes: nodes, at: now)
    }

    /// Follows the configuration and the number of nodes that share the limits.
    mutating func adapt(_ limits: SourceLimits, nodes: Int, at now: ContinuousClock.Instant) {
        let nodes = max(1, nodes)
        if limits != self.limits || nodes != self.nodes {
            (self.limits, self.nodes) = (limits, nodes)
            Self.set(&events, limits.eventsPerSecond, nodes, now)
            Self.set(&bytes, limits.bytesPerSecond, nodes, now)
            if let limit = limits.bytesPerDay {
                if day == nil { day = DayQuota(limit: limit, nodes: nodes) }
                day?.set(limit: limit, nodes: nodes)
            } else {
                day = nil
            }
        }
        events?.refill(now)
        bytes?.refill(now)
        day?.turn(now)
    }

    private static func set(
        _ bucket: inout TokenBucket?,
        _ limit: Int64?,
        _ nodes: Int,
        _ now: ContinuousClock.Instant
    ) {
        guard let limit else {
            bucket = nil
            return
        }
        let rate = Double(limit) / Double(nodes)
        if bucket == nil { bucket = TokenBucket(rate: rate, at: now) } else { bucket?.set(rate: rate, at: now) }
    }

    /// Looks at the limits that are named; what a request has taken itself must not refuse it.
    ///
    /// - Throws: `limited` if the source must wait, `unavailable` while nobody knows what it has sent today.
    func check(
        _ limits: Set<SourceLimit> = Set(SourceLimit.allCases),
        at now: ContinuousClock.Instant
    ) throws(RequestRefusal) {
        if let day, limits.contains(.bytesPerDay) {
            guard day.isKnown else { throw .unavailable }
            guard day.left > 0 else { throw .limited(.bytesPerDay, seconds: day.secondsLeft(now)) }
        }
        if let bytes, !bytes.isOpen, limits.contains(.bytesPerSecond) {
            throw .limited(.bytesPerSecond, seconds: bytes.secondsUntilOpen)
        }
        if let events, !events.isOpen, limits.contains(.eventsPerSecond) {
            throw .limited(.eventsPerSecond, seconds: events.secondsUntilOpen)
        }
    }

    mutating func take(bytes count: Int) { bytes?.take(count) }
    mutating func take(events count: Int) { events?.take(count) }
    mutating func take(dayBytes count: Int) { day?.take(count) }

    /// What is left of each limit that there is, of the whole and of this node's part.
    func remains(at now: ContinuousClock.Instant) -> [Remains] {
        var all: [Remains] = []
        if let events, let limit = limits.eventsPerSecond {
            all.append(Remains(.eventsPerSecond, of: limit, left: Int64(events.level), events.secondsUntilFull))
        }
        if let bytes, let limit = limits.bytesPerSecond {
            all.append(Remains(.bytesPerSecond, of: limit, left: Int64(bytes.level), bytes.secondsUntilFull))
        }
        if let day, day.isKnown, let limit = limits.bytesPerDay {
            all.append(Remains(.bytesPerDay, of: limit, left: day.left, day.secondsLeft(now)))
        }
        return all
    }

    /// How many nodes share the limits.
    var sharers: Int { nodes }
}

/// What is left of one limit.
struct Remains: Equatable, Sendable {
    let limit: SourceLimit
    let quota: Int64
    /// On this node.
    let left: Int64
    /// Until all of it is there again, in seconds.
    let reset: Int

    init(_ limit: SourceLimit, of quota: Int64, left: Int64, _ reset: Int) {
        self.limit = limit
        self.quota = quota
        self.left = max(0, left)
        self.reset = reset
    }
}

extension [Remains] {
    /// The field `RateLimit-Policy`.
    /// - Source: draft-ietf-httpapi-ratelimit-headers-10, section 3.
    var policy: String {
        map { "\"\($0.limit.rawValue)\";q=\($0.quota);w=\($0.limit.window);qu=\"\($0.limit.unit)\"" }
            .joined(separator: ", ")
    }

    /// The field `RateLimit`.
    var remaining: String {
        map { "\"\($0.limit.rawValue)\";r=\($0.left);t=\($0.reset)" }.joined(separator: ", ")
    }
}
