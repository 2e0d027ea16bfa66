import Delivery
import PluginHost

/// Whom a lane works with, as one revision of the catalog says.
///
/// Sessions and the courier are shared with every other lane that has the same stage or destination.
struct LanePlan: Sendable {
    var transformations: [PluginSession]
    var connector: PluginSession
    var courier: Courier
    /// Where the connector's requests may go.
    var policy: TargetPolicy
    /// How long a request may take that does not say.
    var timeout: Duration

    /// Who stands at each stage; the last is the connector.
    var labels: [PluginLabel] { (transformations + [connector]).map { PluginLabel($0.plugin) } }
}

extension PluginLabel {
    init(_ plugin: PluginIdentity) { self.init(id: plugin.id, version: plugin.version) }
}
