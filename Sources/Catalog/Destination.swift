package import EventModel

/// One configured instance of a connector.
package struct Destination: Equatable, Sendable {
    package let id: DestinationID
    package let name: String
    /// The connector plugin that speaks to it.
    package let connector: PluginReference
    /// What the connector is created with.
    /// - Shape: one JSON object, keys sorted, no spaces, numbers as they were written.
    package let config: String
    package let limits: DestinationLimits
    /// A destination that is not enabled is not sent to; its lanes stand still and lose nothing.
    package let enabled: Bool

    package init(
        id: DestinationID,
        name: String,
        connector: PluginReference,
        config: String,
        limits: DestinationLimits,
        enabled: Bool
    ) {
        self.id = id
        self.name = name
        self.connector = connector
        self.config = config
        self.limits = limits
        self.enabled = enabled
    }
}

/// What delivery to one destination may use and how long it insists.
package struct DestinationLimits: Equatable, Sendable {
    /// Requests in flight at once, over all lanes of a node.
    package var concurrency: Int
    /// How long one request may take, from connecting to the last byte of the answer.
    package var timeout: Duration
    /// How many times an event that fails while others succeed is tried again before it becomes a dead letter.
    package var retries: Int

    package init(concurrency: Int = 16, timeout: Duration = .seconds(30), retries: Int = 20) {
        self.concurrency = concurrency
        self.timeout = timeout
        self.retries = retries
    }

    /// What a destination gets that says nothing.
    package static let standard = DestinationLimits()
    package static let concurrencyRange = 1...1024
    /// - Unit: milliseconds.
    package static let timeoutRange: ClosedRange<Int64> = 100...600_000
    package static let retriesRange = 0...1000
}
