import Catalog
import Delivery
import EventModel
import PluginHost

/// One stage as the catalog describes it: who is equal to another shares their session.
struct StageKey: Hashable {
    let plugin: PluginIdentity
    let kind: PluginKind
    let config: String
}

/// What a lane needs, as values: two equal ones need the same sessions and the same courier.
struct LaneBlueprint: Equatable {
    var transformations: [StageKey]
    var connector: StageKey
    var destination: DestinationID
    var limits: DestinationLimits
    var policy: TargetPolicy

    var stages: [StageKey] { transformations + [connector] }

    /// Nil while something is missing or switched off; then the connection's lanes stand still and lose nothing.
    init?(_ connection: Connection, in snapshot: CatalogSnapshot) {
        guard connection.enabled, let destination = snapshot.destination(connection.destination), destination.enabled,
            let connector = snapshot.plugin(destination.connector),
            let manifest = try? Manifest(parsing: Array(connector.manifest.utf8)),
            let stage = StageKey(connector, destination.config)
        else { return nil }
        var transformations: [StageKey] = []
        for step in connection.transformations {
            guard let version = snapshot.plugin(step.plugin), let stage = StageKey(version, step.config) else {
                return nil
            }
            transformations.append(stage)
        }
        self.transformations = transformations
        self.connector = stage
        self.destination = destination.id
        limits = destination.limits
        // A connector whose manifest permits nothing is permitted nothing.
        policy = TargetPolicy(allowed: manifest.httpPermissions.compactMap(TargetPolicy.Pattern.init))
    }
}

extension StageKey {
    /// Nil for a plugin of a kind that no stage has, or whose manifest cannot be read.
    init?(_ version: PluginVersion, _ config: String) {
        guard let manifest = try? Manifest(parsing: Array(version.manifest.utf8)) else { return nil }
        let identity = PluginIdentity(manifest, digest: version.digest)
        self.init(plugin: identity, kind: manifest.kind, config: config)
    }
}
