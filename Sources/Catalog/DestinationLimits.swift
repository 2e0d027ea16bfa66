import EventModel

/// What delivery to one destination may use and how long it insists.
package struct DestinationLimits: Equatable, Sendable {
    /// Requests that are begun in a second, over all nodes; nil where there is no limit.
    package var requestsPerSecond: Double?
    /// Events in the requests that are begun in a second, over all nodes; nil where there is no limit.
    package var eventsPerSecond: Double?
    /// Requests in flight at once, over all lanes of a node.
    package var concurrency: Int
    /// The most events of one request; nil leaves it to the connector.
    package var batchEvents: Int?
    /// How long a lane waits for more events while there are fewer than a request may hold; nil never waits.
    package var linger: Duration?
    /// How long one request may take, from connecting to the last byte of the answer.
    package var timeout: Duration
    /// How many times an event that fails while others succeed is tried again before it becomes a dead letter.
    package var retries: Int
    /// How long an event that fails while others succeed waits for its tries, however few those were.
    package var retryFor: Duration
    /// Whether events of a user wait for each other.
    package var ordered: Bool

    package init(
        requestsPerSecond: Double? = nil,
        eventsPerSecond: Double? = nil,
        concurrency: Int = 16,
        batchEvents: Int? = nil,
        linger: Duration? = nil,
        timeout: Duration = .seconds(30),
        retries: Int = 20,
        retryFor: Duration = .seconds(72 * 60 * 60),
        ordered: Bool = true
    ) {
        self.requestsPerSecond = requestsPerSecond
        self.eventsPerSecond = eventsPerSecond
        self.concurrency = concurrency
        self.batchEvents = batchEvents
        self.linger = linger
        self.timeout = timeout
        self.retries = retries
        self.retryFor = retryFor
        self.ordered = ordered
    }

    /// What a destination gets that says nothing.
    package static let standard = DestinationLimits()
    /// What each of the two rates may be: from one in a thousand seconds.
    package static let rateRange = 0.001...1_000_000
    package static let concurrencyRange = 1...1024
    package static let batchEventsRange = 1...500
    /// - Unit: milliseconds.
    package static let lingerRange: ClosedRange<Int64> = 1...300_000
    /// - Unit: milliseconds.
    package static let timeoutRange: ClosedRange<Int64> = 100...600_000
    package static let retriesRange = 0...1000
    /// - Unit: milliseconds.
    package static let retryForRange: ClosedRange<Int64> = 1000...2_592_000_000

    /// Each by its key in a declaration; nil where there is none.
    package var members: [(key: String, value: Document?)] {
        [
            ("requestsPerSecond", requestsPerSecond.map { Document.number($0) }),
            ("eventsPerSecond", eventsPerSecond.map { Document.number($0) }),
            ("concurrency", .integer(concurrency)),
            ("batchEvents", batchEvents.map { Document.integer($0) }),
            ("linger", linger.map(Self.text)),
            ("timeout", Self.text(timeout)),
            ("retries", .integer(retries)),
            ("retryFor", Self.text(retryFor)),
            ("ordered", .truth(ordered)),
        ]
    }

    private static func text(_ duration: Duration) -> Document {
        .text(DurationText.text(milliseconds: duration.milliseconds))
    }
}
