extension Courier {
    /// How delivery to one destination stands on one node, for people to see.
    package struct Status: Equatable, Sendable {
        /// Requests that may be under way at once.
        package var concurrency = 0
        /// The part of the destination's limits that this node may use, by the partitions it holds: from 0 to 1.
        package var share = 1.0
        /// What the configuration leaves to this node; nil for no limit.
        /// - Unit: requests a second.
        package var requestsPerSecond: Double?
        /// The same for events.
        /// - Unit: events a second.
        package var eventsPerSecond: Double?
        /// What the destination's 429 answers have left of it; nil while there is nothing to heed.
        /// - Unit: requests a second.
        package var adaptiveRate: Double?
        /// Requests, and events, that might be sent at once; nil without a limit.
        package var requestTokens: Double?
        package var eventTokens: Double?
        package var circuit = Circuit.State.closed
        /// How long until the next request may be sent, if there is one that waits for a time.
        package var nextTry: Duration?
        /// Requests under way.
        package var inFlight = 0
        /// Requests that are here and not under way.
        package var waiting = 0
        /// What those that wait, wait for.
        package var reason = Reason.nothing
        /// What the reason does not tell: which secret is missing, what is wrong, what to do.
        package var detail: String?
        /// Requests that were answered 429 within ``lately``.
        package var throttledLately = 0
        /// Requests that failed otherwise within ``lately``.
        package var failedLately = 0

        /// How the last request failed that did, as a short word; nil while none has.
        package var lastFailure: String?

        /// The time that counts as lately.
        package static let lately = Duration.seconds(60)

        package init() {}

        /// Nothing goes until somebody acts, whatever else holds it back.
        mutating func wait(for hindrance: Transport.Hindrance) {
            if case .missing = hindrance { reason = .secret } else { reason = .transport }
            detail = hindrance.words
            nextTry = nil
        }
    }

    /// Why requests wait.
    package enum Reason: String, CaseIterable, Sendable {
        /// None waits, or what does goes now.
        case nothing
        /// This node may not send: its lease may have passed to another.
        case lease
        /// A secret is missing that a request or the transport needs.
        case secret
        /// The destination's certificate, key or proxy login cannot be used.
        case transport
        /// The destination does not take this server's credentials; it is being paused.
        case unauthorized
        /// The destination is down; it is asked again later.
        case down
        /// The destination may be back: one request finds out.
        case probing
        /// The destination asked everybody to wait.
        case asked
        /// The destination answered 429, so fewer are sent.
        case throttled
        /// The configured rate is used up.
        case rate
        /// As many are under way as may be.
        case concurrency
        /// They wait out the delay after a failure.
        case retry

        /// A sentence for people.
        package var words: String {
            switch self {
            case .nothing: "nothing holds requests back"
            case .lease: "this node may not send now, since its lease may have passed to another"
            case .secret: "nothing is sent for want of a secret"
            case .transport: "nothing is sent because the destination's transport cannot be used"
            case .unauthorized: "the destination refuses this server's credentials"
            case .down: "the destination is down and is asked again later"
            case .probing: "one request finds out whether the destination is back"
            case .asked: "the destination asked to wait"
            case .throttled: "the destination answered 429, so less is sent"
            case .rate: "the configured rate is used up"
            case .concurrency: "as many requests are under way as may be"
            case .retry: "requests wait for their next try"
            }
        }
    }
}

extension Dispatch {
    /// How things stand now.
    package func status(at now: ContinuousClock.Instant) -> Courier.Status {
        var status = Courier.Status()
        status.concurrency = concurrency
        status.share = pace.share
        status.requestsPerSecond = pace.requestsPerSecond
        status.eventsPerSecond = pace.eventsPerSecond
        status.adaptiveRate = pace.adaptive
        status.requestTokens = pace.requestTokens(at: now)
        status.eventTokens = pace.eventTokens(at: now)
        status.circuit = circuit.state
        status.inFlight = inFlight
        status.waiting = max(0, count - inFlight)
        status.throttledLately = Int(throttledLately.value(at: now))
        status.failedLately = Int(failedLately.value(at: now))
        guard status.waiting > 0 else { return status }
        status.reason = reason(at: now)
        status.nextTry = wakeUp.map { max($0 - now, .zero) }
        return status
    }

    private func reason(at now: ContinuousClock.Instant) -> Courier.Reason {
        if pausedUntil.map({ now < $0 }) ?? false { return .unauthorized }
        switch circuit.state {
        case .open: return .down
        case .probing: return .probing
        case .closed: break
        }
        if pace.isHeld(at: now) { return .asked }
        if inFlight >= concurrency, pace.permits(at: now) { return .concurrency }
        if let nextWaiting, nextWaiting > now { return .retry }
        guard pace.ready != nil else { return .nothing }
        return pace.adaptive.map { $0 < pace.requestsPerSecond ?? .infinity } ?? false ? .throttled : .rate
    }
}
