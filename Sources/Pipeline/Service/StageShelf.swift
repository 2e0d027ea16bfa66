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
    /// For those that ask the host for things.
    private var brokers: [StageKey: PluginBroker] = [:]
    private var couriers: [DestinationID: Courier] = [:]
    private var terms: [DestinationID: Courier.Terms] = [:]
    /// Kept because to make one reads certificates.
    private var transports: [DestinationID: Transport] = [:]
    /// The part of each destination's limits that is this node's.
    private var shares: [DestinationID: Double] = [:]
    /// Told what the answers of a destination say of it as a whole.
    private let tell: @Sendable (DestinationID, Dispatch.News) -> Void
    private var sources: [SourceKey: SourceStage] = [:]
    private var expected: [SourceKey: Int] = [:]
    /// The same, for those who call everything off; and what those did that are gone.
    private let fleet: Fleet
    private let paces: ReplayPaces

    init(
        workshop: Workshop,
        sender: Sender,
        schedule: RetrySchedule,
        maySend: @escaping @Sendable () -> Bool,
        fleet: Fleet,
        tell: @escaping @Sendable (DestinationID, Dispatch.News) -> Void = { _, _ in },
        paces: ReplayPaces = ReplayPaces(),
        logger: Logger
    ) {
        self.tell = tell
        self.fleet = fleet
        self.paces = paces
        self.maySend = maySend
        self.workshop = workshop
        self.sender = sender
        self.schedule = schedule
        self.logger = logger
    }

    /// The transformations of a source at one partition.
    struct SourceKey: Hashable {
        let partition: PartitionID
        let steps: [StepKey]
    }

    /// Gives a lane what its blueprint names; a courier that is new must be run.
    mutating func plan(
        _ blueprint: LaneBlueprint,
        at partition: PartitionID
    ) -> (plan: LanePlan, newCourier: Courier?) {
        let destination = blueprint.destination
        let terms = terms(of: blueprint)
        self.terms[destination] = terms
        let known = couriers[destination]
        let courier =
            known
            ?? Courier(
                sender: sender,
                terms: terms,
                secrets: blueprint.secrets,
                tell: { [tell] news in tell(destination, news) },
                onWait: { [logger] reason in
                    logger.warning(
                        "Nothing is sent to a destination until somebody acts.",
                        metadata: ["destination": "\(blueprint.secrets.destination)", "reason": "\(reason)"]
                    )
                },
                maySend: maySend
            )
        couriers[destination] = courier
        if known == nil { fleet.enter(courier, to: destination) }
        known?.set(terms)
        known?.set(secrets: blueprint.secrets)
        // First, so that nothing that was built for the old one goes by the transport of the new one.
        if connectors.updateValue(blueprint.connector, forKey: destination) != blueprint.connector {
            known?.renew()
        }
        let transport = transport(of: blueprint)
        courier.set(transport: transport)
        for (stage, terms) in blueprint.calls { set(terms, of: stage, transport) }
        let plan = LanePlan(
            chooser: Chooser(blueprint.selection, of: blueprint.consumer),
            source: source(SourceKey(partition: partition, steps: blueprint.source)),
            transformations: blueprint.transformations.map { session($0.stage) },
            conditions: blueprint.transformations.map(\.when),
            connector: session(blueprint.connector),
            courier: courier,
            edition: courier.edition,
            policy: blueprint.policy,
            secrets: blueprint.secrets,
            limits: blueprint.limits,
            schedule: terms.schedule,
            labels: blueprint.labels,
            sample: blueprint.sample,
            bound: LaneBound(until: blueprint.until, end: blueprint.end),
            classifies: blueprint.classifies,
            replay: blueprint.replay.map {
                LanePlan.Replay(
                    id: $0.id,
                    connection: blueprint.consumer,
                    sieve: $0.sieve,
                    pace: paces[$0.id],
                    readsLetters: $0.readsLetters
                )
            }
        )
        return (plan, known == nil ? courier : nil)
    }

    /// Lets a stage ask the host for things on these terms from now on.
    private mutating func set(
        _ terms: CallTerms,
        of stage: StageKey,
        _ transport: Result<Transport, Transport.Hindrance>
    ) {
        let terms = PluginBroker.Terms(
            policy: terms.policy,
            secrets: terms.secrets,
            transport: terms.transport == nil ? .success(.standard) : transport
        )
        if let known = brokers[stage] {
            known.set(terms)
        } else {
            brokers[stage] = PluginBroker(sender: sender, terms: terms)
        }
    }

    private func terms(of blueprint: LaneBlueprint) -> Courier.Terms {
        let limits = blueprint.limits
        var schedule = schedule
        schedule.maximumAttempts = limits.retries + 1
        schedule.maximumAge = limits.retryFor
        return Courier.Terms(
            schedule: schedule,
            concurrency: limits.concurrency,
            limits: Pace.Limits(
                requestsPerSecond: limits.requestsPerSecond,
                eventsPerSecond: limits.eventsPerSecond
            ),
            share: shares[blueprint.destination] ?? 1
        )
    }

    /// Takes over which part of each destination's limits is this node's.
    mutating func set(_ shares: [DestinationID: Double]) {
        guard shares != self.shares else { return }
        self.shares = shares
        for (destination, courier) in couriers {
            guard let share = shares[destination], terms[destination]?.share != share else { continue }
            terms[destination]?.share = share
            if let terms = terms[destination] { courier.set(terms) }
        }
    }

    /// Says how many lanes go through the transformations of their source at each place; the others are forgotten.
    mutating func expect(_ lanes: [SourceKey: Int]) {
        expected = lanes
        for (key, stage) in sources {
            if let count = lanes[key] { stage.expect(lanes: count) } else { sources[key] = nil }
        }
    }

    private mutating func source(_ key: SourceKey) -> SourceStage? {
        if key.steps.isEmpty { return nil }
        if let stage = sources[key] { return stage }
        let stage = SourceStage(key.steps.map { SourceStage.Step(session: session($0.stage), when: $0.when) })
        stage.expect(lanes: expected[key] ?? 1)
        sources[key] = stage
        return stage
    }

    /// Takes out the sessions that nobody needs any more; the caller stops them.
    mutating func retire(except needed: Set<StageKey>) -> [PluginSession] {
        let gone = sessions.filter { !needed.contains($0.key) }
        for key in gone.keys {
            sessions[key] = nil
            brokers[key] = nil
        }
        return Array(gone.values)
    }

    /// Closes the couriers of destinations that no lane delivers to any more.
    mutating func dismiss(except needed: Set<DestinationID>) {
        for (destination, courier) in couriers where !needed.contains(destination) {
            courier.close()
            fleet.leave(destination)
            couriers[destination] = nil
            terms[destination] = nil
            connectors[destination] = nil
            transports[destination] = nil
        }
    }

    private mutating func transport(of blueprint: LaneBlueprint) -> Result<Transport, Transport.Hindrance> {
        let known = transports[blueprint.destination]
        let made = Transport.made(of: blueprint.transport, with: blueprint.secrets, known: known)
        transports[blueprint.destination] = try? made.get()
        return made
    }

    private mutating func session(_ key: StageKey) -> PluginSession {
        if let session = sessions[key] { return session }
        let session = PluginSession(
            key.plugin,
            as: key.kind,
            configuration: Array(key.config.utf8)[...],
            workshop: workshop,
            calls: brokers[key]?.calls,
            logger: logger
        )
        sessions[key] = session
        return session
    }
}
