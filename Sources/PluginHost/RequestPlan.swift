package import WorkerProtocol

/// What a connector asks to be sent for some events.
package struct RequestPlan: Equatable, Sendable {
    /// In the connector's order, but requests of events whose output did not fit at first come later.
    ///
    /// `events` of each are indices into the events that were given.
    package var requests: [PluginRequest]
    /// What became of each event that was given.
    package var fates: [PluginVerdict]

    package init(requests: [PluginRequest] = [], fates: [PluginVerdict] = []) {
        self.requests = requests
        self.fates = fates
    }
}
