/// What a plugin can do: the one thing that decides where it may be used.
///
/// The raw value is the word in a manifest and in the catalog.
package enum PluginKind: String, Sendable, CaseIterable {
    /// Events in, events out.
    case transform = "transform"
    /// Events in, HTTP requests out; the host sends them.
    case requests = "destination.request"

    /// The bit that says it in `leat/plugin.h`.
    package var bit: UInt32 {
        switch self {
        case .transform: 1
        case .requests: 2
        }
    }
}
