package import Delivery
package import WorkerProtocol

/// What the owner of a lane has to do for it.
package enum LaneAction: Sendable {
    /// Run these events through a transformation of the portion's chain.
    case transform(portion: Int, step: Int, events: [PluginEvent])
    /// Let the connector turn these parts into requests.
    case build(BuildJob, events: [PluginEvent])
    /// Send these; no two of them carry the same user.
    case submit([Outgoing])
    /// Read these events again; in the order of the log.
    case reread(portion: Int, items: [ParkedItem])
}

/// What a connector's requests are wanted for.
package enum BuildJob: Hashable, Sendable {
    case portion(Int)
    /// To put others into the place of a request.
    case rework(Int, group: Int)
}

/// A request that may be sent now.
package struct Outgoing: Sendable {
    package let request: Int
    package let content: PluginRequest
    /// How many parts of events it carries.
    package let parts: Int
    package let key: IdempotencyKey
    /// Tries before this stay that count.
    package let attempts: Int
    /// How long it has waited for them while it was parked.
    package let waited: Duration
    /// Answers 429 before this stay while others were served.
    package let throttles: Int
    /// Some of the users whose events they are of.
    package let users: UserSample
    /// Tries of the request that it goes on for, and how long it waits before the next.
    package let again: Again?
    /// Whether it carries an event of which something is kept even when all goes well.
    package let isKept: Bool
}

/// How a request goes on for another that was delivered in part.
package struct Again: Equatable, Sendable {
    package let tries: Int
    package let delay: Duration
    /// The latest of the tries.
    package let attempts: [Attempt]
}

/// How a request ended.
package enum RequestEnding: Sendable {
    case delivery(Dispatch.Ending, [Attempt])
    /// It was never sent, because it broke a rule.
    case unsendable(code: String, reason: String)
}
