/// Whether a destination works: the one place that tells "it is down" from "this one event fails".
///
/// It is down when different requests failed one after the other and nothing succeeded in between. Then one request at
/// a time tries whether it is back, less and less often, and everybody else waits without being counted as tried.
package struct Circuit: Equatable, Sendable {
    /// Where the circuit stands.
    package enum State: Equatable, Sendable {
        case closed
        /// Nothing is sent before this time.
        case open(until: ContinuousClock.Instant)
        /// One request is on its way to find out.
        case probing
    }

    package private(set) var state: State = .closed
    /// The last time that the destination took or refused something of its own will.
    package private(set) var lastServed: ContinuousClock.Instant?
    /// When the present row of failures began.
    package private(set) var failingSince: ContinuousClock.Instant?
    /// Different requests that failed since something succeeded, up to the threshold.
    private var failing: [UInt64] = []
    private var openings = 0

    /// Different requests that must fail in a row.
    package static let threshold = 3
    package static let firstPause = Duration.seconds(1)
    package static let longestPause = Duration.seconds(30)
    /// The longest time that one answer's `Retry-After` holds back everybody.
    package static let longestAsked = Duration.seconds(300)

    package init() {}

    package var isClosed: Bool { state == .closed }

    /// Whether the destination served anybody after `instant`.
    package func served(since instant: ContinuousClock.Instant) -> Bool { lastServed.map { $0 > instant } ?? false }

    /// What may be sent now.
    package enum Permission: Equatable, Sendable {
        case all
        /// One request, and its answer must be reported.
        case probe
        case none(until: ContinuousClock.Instant?)
    }

    package func permission(at now: ContinuousClock.Instant) -> Permission {
        switch state {
        case .closed: .all
        case .open(let until): now >= until ? .probe : .none(until: until)
        case .probing: .none(until: nil)
        }
    }

    package mutating func probeSent() { state = .probing }

    /// A probe came back without an answer, because it was called off.
    package mutating func probeLost(at now: ContinuousClock.Instant) {
        if state == .probing { state = .open(until: now) }
    }

    package mutating func succeeded(at now: ContinuousClock.Instant) {
        self = Circuit()
        lastServed = now
    }

    /// Learns of a failure; `request` tells requests apart.
    ///
    /// The caller sets `pausesAll` when the answer speaks of the destination as a whole and nothing says otherwise.
    package mutating func failed(
        _ request: UInt64,
        at now: ContinuousClock.Instant,
        retryAfter: Duration?,
        pausesAll: Bool,
        firstPause: Duration = Circuit.firstPause
    ) {
        if failingSince == nil { failingSince = now }
        if !failing.contains(request), failing.count < Self.threshold { failing.append(request) }
        guard pausesAll || failing.count >= Self.threshold || state == .probing else { return }
        var pause = firstPause
        for _ in 0..<min(openings, 16) where pause < Self.longestPause { pause *= 2 }
        pause = min(pause, Self.longestPause)
        if let retryAfter { pause = max(pause, min(retryAfter, Self.longestAsked)) }
        if case .open(let until) = state {
            // Answers that were under way when it opened only ever lengthen the pause.
            if retryAfter != nil { state = .open(until: max(until, now + pause)) }
        } else {
            state = .open(until: now + pause)
            openings += 1
        }
    }
}
