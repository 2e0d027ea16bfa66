package import EventModel

/// A source's events on their way to one destination, through transformations in order.
///
/// Its id is the consumer under which its lanes keep their positions, so a connection that is removed and made again
/// starts anew. It gets what is accepted after it was made.
package struct Connection: Equatable, Sendable {
    package let id: ConsumerID
    package let source: SourceID
    package let destination: DestinationID
    package let transformations: [Transformation]
    /// What happens to what it has not read when the time of its slice has come.
    package let lag: LagPolicy
    /// The lanes of a connection that is not enabled stand still and lose nothing.
    package let enabled: Bool

    package init(
        id: ConsumerID,
        source: SourceID,
        destination: DestinationID,
        transformations: [Transformation],
        lag: LagPolicy = .hold,
        enabled: Bool
    ) {
        self.id = id
        self.source = source
        self.destination = destination
        self.transformations = transformations
        self.lag = lag
        self.enabled = enabled
    }

    /// The most transformations one connection may have.
    package static let maximumTransformations = 16
}

/// One step of a connection: a transformation plugin with its configuration.
package struct Transformation: Equatable, Sendable {
    package let plugin: PluginReference
    /// - Shape: one JSON object, keys sorted, no spaces, numbers as they were written.
    package let config: String

    package init(plugin: PluginReference, config: String) {
        self.plugin = plugin
        self.config = config
    }
}
