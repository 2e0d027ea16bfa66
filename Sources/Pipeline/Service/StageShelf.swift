import Catalog
import Delivery
import EventModel
import Logging
import PluginHost

/// The sessions and couriers that the lanes of this node share.
///
/// - Owner: the pipeline's loop.
struct StageShelf {
    private let workshop: Workshop
    private let sender: Sender
    private let schedule: RetrySchedule
    private let maySend: @Sendable () -> Bool
    private let logger: Logger
    private var connectors: [DestinationID: StageKey] = [:]
    private var sessions: [StageKey: PluginSession] = [:]
    private var couriers: [DestinationID: Courier] = [:]
    /// The same, for those who call everything off; and what those did that are gone.
    private let fleet: Fleet

    init(
        workshop: Workshop,
        sender: Sender,
        schedule: RetrySchedule,
        maySend: @escaping @Sendable () -> Bool,
        fleet: Fleet,
        logger: Logger
    ) {
        self.fleet = fleet
        self.maySend = maySend
        self.workshop = workshop
        self.sender = sender
        self.schedule = schedule
        self.logger = logger
    }

    /// Gives a lane what its blueprint names; a courier that is new must be run.
    mutating func plan(_ blueprint: LaneBlueprint) -> (plan: LanePlan, newCourier: Courier?) {
        var schedule = schedule
        schedule.maximumAttempts = blueprint.limits.retries + 1
        let known = couriers[blueprint.destination]
        let courier =
            known
            ?? Courier(
                sender: sender,
                schedule: schedule,
                concurrency: blueprint.limits.concurrency,
                maySend: maySend
            )
        couriers[blueprint.destination] = courier
        if known == nil { fleet.enter(courier) }
        known?.set(schedule: schedule, concurrency: blueprint.limits.concurrency)
        if connectors.updateValue(blueprint.connector, forKey: blueprint.destination) != blueprint.connector {
            known?.renew()
        }
        let plan = LanePlan(
            transformations: blueprint.transformations.map { session($0) },
            connector: session(blueprint.connector),
            courier: courier,
            policy: blueprint.policy,
            timeout: blueprint.limits.timeout
        )
        return (plan, known == nil ? courier : nil)
    }

    /// Takes out the sessions that nobody needs any more; the caller stops them.
    mutating func retire(except needed: Set<StageKey>) -> [PluginSession] {
        let gone = sessions.filter { !needed.contains($0.key) }
        for key in gone.keys { sessions[key] = nil }
        return Array(gone.values)
    }

    /// Closes the couriers of destinations that no lane delivers to any more.
    mutating func dismiss(except needed: Set<DestinationID>) {
        for (destination, courier) in couriers where !needed.contains(destination) {
            courier.close()
            fleet.leave(courier)
            couriers[destination] = nil
            connectors[destination] = nil
        }
    }

    private mutating func session(_ key: StageKey) -> PluginSession {
        if let session = sessions[key] { return session }
        let session = PluginSession(
            key.plugin,
            as: key.kind,
            configuration: Array(key.config.utf8)[...],
            workshop: workshop,
            logger: logger
        )
        sessions[key] = session
        return session
    }
}
