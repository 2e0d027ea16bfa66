import Catalog
import Conditions
import Delivery
import EventLog
import EventModel
import PluginHost

/// Whom a lane works with, as one revision of the catalog says.
///
/// Sessions and the courier are shared with every other lane that has the same stage or destination.
struct LanePlan: Sendable {
    /// Which events its connection wants; nil for all.
    var chooser: Chooser?
    /// The transformations of its source at its partition, if there are any.
    var source: SourceStage?
    /// Those of its connection.
    var transformations: [PluginSession]
    /// What they are asked of; nil for everything.
    var conditions: [Condition?] = []
    var connector: PluginSession
    var courier: Courier
    /// Which of the courier's editions the connector's requests are for.
    var edition: Int
    /// Where the connector's requests may go.
    var policy: TargetPolicy
    /// What they may ask for.
    var secrets: SecretBook
    /// How long a request may take that does not say, and how events go into requests.
    var limits: DestinationLimits
    /// When events that a plugin wants to try again are tried again.
    var schedule: RetrySchedule
    /// Who stands at each stage, and with which configuration; the last is the connector.
    var labels: [PluginLabel]
    /// The share of events that are written down whatever becomes of them.
    var sample: Double
    /// How far it reads.
    var bound = LaneBound.none
    /// The answers that the connector classifies itself.
    var classifies: [AnswerPattern] = []
    /// Nil for a lane of a connection.
    var replay: Replay?

    /// What a lane of a replay sends, and how fast.
    struct Replay: Sendable {
        let id: ConsumerID
        /// What it is a replay to.
        let connection: ConsumerID
        let sieve: ReplaySieve
        let pace: ReplayPace
        let readsLetters: Bool
    }

    /// How the stages before the connector are gone through.
    var steps: LaneSteps {
        let shared = source?.steps.count ?? 0
        return LaneSteps(conditions: Array(repeating: nil, count: shared) + conditions, shared: shared)
    }

    /// Whether requests that were built under another plan may be larger than this one permits.
    func isTighter(than other: LanePlan) -> Bool {
        limits.batchEvents.map { $0 < other.limits.batchEvents ?? .max } ?? false
    }
}

extension PluginLabel {
    init(_ plugin: PluginIdentity) { self.init(id: plugin.id, version: plugin.version) }

    init(_ step: StepKey, isOfSource: Bool) {
        self.init(step.stage, rule: step.when?.text ?? "")
        self.isOfSource = isOfSource
    }

    init(_ stage: StageKey, rule: String) {
        self.init(
            id: stage.plugin.id,
            version: stage.plugin.version,
            digest: stage.plugin.digest.rawValue,
            config: Self.hash(of: stage.config),
            rule: rule
        )
    }

    /// The name under which a configuration is known: equal configurations have equal ones.
    /// - Shape: 16 hexadecimal digits of XXH3.
    static func hash(of config: String) -> String {
        let digits = String(EventHash.key(config), radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}
