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
}

/// How a request ended.
package enum RequestEnding: Sendable {
    case delivery(Dispatch.Ending, [Attempt])
    /// It was never sent, because it broke a rule.
    case unsendable(code: String, reason: String)
}
