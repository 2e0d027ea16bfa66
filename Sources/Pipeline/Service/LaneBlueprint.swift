import Catalog
import Conditions
import Delivery
import EventModel
import PluginHost

/// One stage as the catalog describes it: who is equal to another shares their session.
struct StageKey: Hashable {
    let plugin: PluginIdentity
    let kind: PluginKind
    let config: String
    /// Whose requests and secrets it deals with: set for a connector that asks the host for things, so that no two
    /// destinations share its answers.
    var place: DestinationID?
}

/// What a lane needs, as values: two equal ones need the same sessions and the same courier.
struct LaneBlueprint: Equatable {
    /// Which events the connection wants.
    var selection: Selection
    let consumer: ConsumerID
    /// The source's, before the connection's own.
    var source: [StepKey]
    var transformations: [StepKey]
    var connector: StageKey
    var destination: DestinationID
    var limits: DestinationLimits
    var policy: TargetPolicy
    var transport: DestinationTransport
    /// What the connector's requests may carry of the catalog's secrets.
    var secrets: SecretBook
    /// The lane reads no chunk whose slice time is later; nil where it reads to the end of the log.
    /// - Unit: microseconds since 1970, by PostgreSQL's clock.
    var until: Int64?
    /// The lane reads no chunk that begins here or behind; nil where it reads to the end of the log.
    var end: Int64?
    /// Nil for a lane of a connection.
    var replay: ReplayBlueprint?
    /// The terms on which stages may ask the host for things; none for those that do not.
    var calls: [StageKey: CallTerms]
    /// The answers that the connector classifies itself.
    var classifies: [AnswerPattern]
    /// The share of events whose ways are written down.
    var sample: Double

    /// Who stands at each stage; the last is the connector, by its configuration as it was declared.
    var labels: [PluginLabel]

    var stages: [StageKey] { (source + transformations).map(\.stage) + [connector] }

    /// Nil while something is missing, switched off or paused; then the connection's lanes stand still and lose nothing.
    init?(_ connection: Connection, in snapshot: CatalogSnapshot, _ vault: SecretVault) {
        guard connection.enabled, let destination = snapshot.destination(connection.destination), destination.enabled,
            !destination.state.isPaused, let connector = snapshot.plugin(destination.connector),
            let manifest = try? Manifest(parsing: Array(connector.manifest.utf8)),
            var stage = StageKey(
                connector,
                // The plugin gets a word in the place of each secret, the same on all lanes.
                SecretReference.replace(in: destination.config) { vault.token(for: $0, of: destination.name).text }
            )
        else { return nil }
        guard let before = StepKey.chain(snapshot.source(connection.source)?.transformations ?? [], in: snapshot),
            let transformations = StepKey.chain(connection.transformations, in: snapshot)
        else { return nil }
        if stage.plugin.mayCall { stage.place = destination.id }
        selection = connection.selection
        consumer = connection.id
        source = before
        self.transformations = transformations
        self.connector = stage
        let declared = StageKey(plugin: stage.plugin, kind: stage.kind, config: destination.config)
        labels =
            before.map { PluginLabel($0, isOfSource: true) }
            + transformations.map { PluginLabel($0, isOfSource: false) }
            + [PluginLabel(declared, rule: connection.selection.rule)]
        self.destination = destination.id
        limits = destination.limits
        transport = destination.transport
        classifies = manifest.classifies
        until = destination.state.until
        secrets = SecretBook(
            for: destination,
            through: connector,
            in: snapshot,
            vault,
            mayCall: stage.plugin.mayCall
        )
        sample = connection.sample
        // A connector whose manifest permits nothing is permitted nothing.
        policy = TargetPolicy(allowed: manifest.httpPermissions.compactMap(TargetPolicy.Pattern.init))
        calls = [:]
        for step in before + transformations { calls[step.stage] = CallTerms(step.stage, in: snapshot, vault) }
        if stage.plugin.mayCall {
            calls[stage] = CallTerms(policy: policy, secrets: secrets, transport: destination.transport)
        }
    }
}

/// One transformation of a source or a connection, and what it is asked of.
struct StepKey: Hashable {
    let stage: StageKey
    /// Nil for everything.
    let when: Condition?

    /// Nil if the plugin of one of them is missing.
    static func chain(_ transformations: [Transformation], in snapshot: CatalogSnapshot) -> [StepKey]? {
        var chain: [StepKey] = []
        for step in transformations {
            guard let version = snapshot.plugin(step.plugin), let stage = StageKey(version, step.config) else {
                return nil
            }
            chain.append(StepKey(stage: stage, when: step.when))
        }
        return chain
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
