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
    package let transport: DestinationTransport
    /// A destination that is not enabled is not sent to; its lanes stand still and lose nothing.
    package let enabled: Bool
    /// What is said of it beside its declaration.
    package let state: DestinationState

    package init(
        id: DestinationID,
        name: String,
        connector: PluginReference,
        config: String,
        limits: DestinationLimits,
        transport: DestinationTransport = .standard,
        enabled: Bool,
        state: DestinationState = .running
    ) {
        self.id = id
        self.name = name
        self.connector = connector
        self.config = config
        self.limits = limits
        self.transport = transport
        self.enabled = enabled
        self.state = state
    }
}
