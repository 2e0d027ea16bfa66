package import WorkerProtocol

/// What plugins may ask of the host in the middle of their work, and who does it.
///
/// Without one a plugin that asks is refused, as in a rehearsal.
package struct HostCalls: Sendable {
    /// Sends requests, all at once, within so much time, and gives so much of each body.
    ///
    /// - Returns: One answer for each request, in their order; what went wrong is an answer too.
    package let fetch: @Sendable ([PluginRequest], _ within: Duration, _ bodyBytes: Int) async -> [InputResponse]
    /// The word that stands for a secret of this name.
    package let reference: @Sendable (String) -> Result<String, CallRefusal>

    package init(
        fetch: @escaping @Sendable ([PluginRequest], Duration, Int) async -> [InputResponse],
        reference: @escaping @Sendable (String) -> Result<String, CallRefusal>
    ) {
        self.fetch = fetch
        self.reference = reference
    }
}
