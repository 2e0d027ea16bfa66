import Catalog
import Delivery
import EventModel
import PluginHost

/// On what terms a plugin may ask the host for things, as one revision of the configuration says.
struct CallTerms: Equatable {
    /// Where its own requests may go.
    let policy: TargetPolicy
    let secrets: SecretBook
    /// How they travel; nil for the standard way, where there is no destination.
    let transport: DestinationTransport?
}

extension CallTerms {
    /// The terms of a transformation.
    ///
    /// Nil for one that does not ask, or is not there.
    init?(_ stage: StageKey, in snapshot: CatalogSnapshot, _ vault: SecretVault) {
        guard stage.plugin.mayCall,
            let version = snapshot.plugin(PluginReference(id: stage.plugin.id, version: stage.plugin.version)),
            let manifest = try? Manifest(parsing: Array(version.manifest.utf8))
        else { return nil }
        policy = TargetPolicy(allowed: manifest.httpPermissions.compactMap(TargetPolicy.Pattern.init))
        secrets = SecretBook(ofTransformation: version, in: snapshot, vault)
        transport = nil
    }
}
