package import Conditions
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
    /// Which events it wants.
    package let selection: Selection
    /// What happens to what it has not read when the time of its slice has come.
    package let lag: LagPolicy
    /// The lanes of a connection that is not enabled stand still and lose nothing.
    package let enabled: Bool
    /// The share of its events whose ways are written down though nothing happened to them.
    package let sample: Double

    package init(
        id: ConsumerID,
        source: SourceID,
        destination: DestinationID,
        transformations: [Transformation],
        selection: Selection = .everything,
        lag: LagPolicy = .hold,
        enabled: Bool,
        sample: Double = standardSample
    ) {
        self.id = id
        self.source = source
        self.destination = destination
        self.transformations = transformations
        self.selection = selection
        self.lag = lag
        self.enabled = enabled
        self.sample = sample
    }

    package static let standardSample = 0.001
    package static let sampleRange = 0.0...1.0
    /// The most transformations one connection may have, and one source.
    package static let maximumTransformations = 16
}

/// One step of a source or a connection: a transformation plugin with its configuration.
package struct Transformation: Equatable, Sendable {
    package let plugin: PluginReference
    /// - Shape: one JSON object, keys sorted, no spaces, numbers as they were written.
    package let config: String
    /// Asked of each event as it comes to this step; one for which it does not hold passes unchanged.
    package let when: Condition?

    package init(plugin: PluginReference, config: String, when: Condition? = nil) {
        self.plugin = plugin
        self.config = config
        self.when = when
    }
}
