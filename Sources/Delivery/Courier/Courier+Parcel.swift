package import EventModel

extension Courier {
    /// A request on its way, with whom to tell about its end.
    package struct Parcel: Sendable {
        package let request: OutboundRequest
        /// How many events it carries.
        package let events: Int
        /// Some of the users whose they are.
        package let users: UserSample
        /// Tries before this stay that count.
        package let attempts: Int
        /// How long it has waited for them while it was parked.
        package let waited: Duration
        /// Answers 429 before this stay while others were served.
        package let throttles: Int
        /// Tries of the request that it goes on for, and how long it waits before the next.
        package let tries: Int
        package let delay: Duration
        /// It gives way to everything that is not one.
        package let isReplay: Bool
        /// Asked what an answer means before it is settled, if the connector wants to say.
        package let judge: Judge?
        /// Whether its request and answers are to be told also when it is delivered.
        package let isKept: Bool
        /// For which of the courier's ``Courier/edition``s it was made.
        package let edition: Int
        /// Called when it carries one event that fails again and again while nobody else is served.
        ///
        /// Others may wait behind it. From any thread; must return at once.
        package let alone: @Sendable () -> Void
        /// Called when it is not sent any more, since it was under way while the edition changed.
        ///
        /// From any thread; must return at once.
        package let outdated: @Sendable () -> Void
        /// Called once, with the tries of this stay, from any thread; must return at once.
        package let end: @Sendable (Dispatch.Ending, [Attempt]) -> Void

        package init(
            request: OutboundRequest,
            events: Int,
            users: UserSample = UserSample(),
            attempts: Int = 0,
            waited: Duration = .zero,
            throttles: Int = 0,
            tries: Int = 0,
            delay: Duration = .zero,
            isReplay: Bool = false,
            judge: Judge? = nil,
            isKept: Bool = false,
            edition: Int = 0,
            alone: @escaping @Sendable () -> Void = {},
            outdated: @escaping @Sendable () -> Void = {},
            end: @escaping @Sendable (Dispatch.Ending, [Attempt]) -> Void
        ) {
            self.request = request
            self.events = events
            self.users = users
            self.attempts = attempts
            self.waited = waited
            self.throttles = throttles
            self.tries = tries
            self.delay = delay
            self.isReplay = isReplay
            self.judge = judge
            self.isKept = isKept
            self.edition = edition
            self.alone = alone
            self.outdated = outdated
            self.end = end
        }
    }

    /// A connector's way to say what answers mean, event by event.
    package struct Judge: Sendable {
        /// The answers that it wants to see.
        package let patterns: [AnswerPattern]
        /// One judgement for each event of the request, in their order; nil where the host's own table holds.
        package let judge: @Sendable (Sender.Exchange) async -> [Judgement]?

        package init(
            patterns: [AnswerPattern],
            judge: @escaping @Sendable (Sender.Exchange) async -> [Judgement]?
        ) {
            self.patterns = patterns
            self.judge = judge
        }
    }
}
