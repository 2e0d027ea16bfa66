import Catalog
import Conditions
import Delivery
import EventLog
import EventModel
import PluginHost
import WorkerProtocol

/// One event through the plugin versions that handled it, once more, with nothing sent.
struct RecomputedPass {
    private let rehearsal: Rehearsal
    private let snapshot: CatalogSnapshot

    init(_ rehearsal: Rehearsal, _ snapshot: CatalogSnapshot) {
        self.rehearsal = rehearsal
        self.snapshot = snapshot
    }

    /// The most requests that are told.
    private static let mostRequests = 20

    func pass(
        _ plugins: [PathPlugin],
        _ stages: [RehearsalStage],
        _ found: FoundEvent,
        _ body: ArraySlice<UInt8>,
        _ lane: LaneID
    ) async throws(RehearsalError) -> EventPass {
        Self.pass(plugins, stages, try await run(stages, found, body, lane))
    }

    /// What transformations make of an event; nil where it comes to an end before the last of them.
    func outputs(
        _ stages: [RehearsalStage],
        _ found: FoundEvent,
        _ body: ArraySlice<UInt8>,
        _ lane: LaneID
    ) async throws(RehearsalError) -> RehearsedEvent? {
        let event = try await run(stages, found, body, lane).events.first
        return event.flatMap { $0.end == .passed && $0.outputs.count == stages.count ? $0 : nil }
    }

    private func run(
        _ stages: [RehearsalStage],
        _ found: FoundEvent,
        _ body: ArraySlice<UInt8>,
        _ lane: LaneID
    ) async throws(RehearsalError) -> RehearsedBatch {
        let event = PluginEvent(
            json: body,
            partition: lane.partition,
            offset: found.offset,
            userHash: found.entry.userHash,
            receivedAt: found.entry.receivedAt
        )
        let destination = snapshot.connection(ofConsumer: lane.consumer)?.destination
        return try await rehearsal.run([event], through: stages) { _, part in
            guard let destination else { return [] }
            let key = IdempotencyKey(
                destination: destination,
                partition: lane.partition,
                offset: found.offset,
                part: part
            )
            return key.utf8[...]
        }
    }

    private static func pass(
        _ plugins: [PathPlugin],
        _ stages: [RehearsalStage],
        _ batch: RehearsedBatch
    ) -> EventPass {
        guard let event = batch.events.first else { return EventPass(basis: .recomputed, outcome: "unknown") }
        var pass = EventPass(basis: .recomputed, outcome: "delivered")
        var last = batch.took.count - 1
        switch event.end {
        case .passed:
            last = -1
            let drops = event.drops.prefix(PathStage.maximumParts).map { drop in
                let plugin = drop.stage < plugins.count ? plugins[drop.stage].plugin : ""
                return ReasonCounts.part + ReasonCounts.name(plugin, drop.reason)
            }
            pass.reason = drops.isEmpty ? nil : drops.joined(separator: ", ")
        case .dropped(let stage, let reason):
            (pass.outcome, last) = ("dropped", stage)
            pass.reason = reason.isEmpty ? nil : reason
        case .failed(let stage, let code, let message, _):
            (pass.outcome, pass.code, pass.reason, last) = ("failed", code, message, stage)
        }
        for (step, took) in batch.took.enumerated() where step < plugins.count {
            let isConnector = step == plugins.count - 1
            var stage = PathStage(
                stage: isConnector ? "connect" : "transform",
                plugin: plugins[step],
                verdict: step == last ? pass.outcome : isConnector ? "requested" : "emitted"
            )
            stage.microseconds = took.microseconds
            stage.events = 1
            if !isConnector, step < event.asked.count, stages[step].when != nil {
                stage.asked = event.asked[step]
                if stage.asked == 0 { stage.verdict = "skipped" }
            }
            if !isConnector, step < event.outputs.count {
                let output = StageOutput(event, step)
                (stage.parts, stage.partCount, stage.from) = (output.parts, output.count, output.from)
            }
            pass.stages.append(stage)
            if step == last { break }
        }
        pass.requests = event.requests.prefix(mostRequests).map { PathRequest(batch.requests[$0]) }
        return pass
    }
}

extension StageOutput {
    /// What a rehearsed event was after one of its transformations.
    init(_ event: RehearsedEvent, _ step: Int) {
        self.init(
            parts: event.outputs[step].prefix(PathStage.maximumParts).map { PathPayload($0) },
            count: event.outputs[step].count,
            from: Array(event.from[step].prefix(PathStage.maximumParts))
        )
    }
}

extension PathRequest {
    /// A request that a connector wants sent, before the host puts anything secret into it.
    fileprivate init(_ request: PluginRequest) {
        var headers = request.headers.map { OutboundRequest.Header(name: $0.name, value: $0.value) }
        if !request.contentType.isEmpty {
            headers.append(OutboundRequest.Header(name: "Content-Type", value: request.contentType))
        }
        self.init(
            RequestSummary(
                method: request.method.isEmpty ? "POST" : request.method,
                url: request.url,
                headers: headers,
                body: request.body,
                mask: SecretMask()
            )
        )
    }
}

extension CatalogSnapshot {
    /// How a consumer is called.
    func name(ofConsumer id: ConsumerID) -> String {
        guard let connection = connection(ofConsumer: id) else { return "consumer-\(id)" }
        return connection.id == id ? name(of: connection) : "replay \(id) to \(name(of: connection))"
    }

    /// The connection that a consumer is, or that it replays to.
    func connection(ofConsumer id: ConsumerID) -> Connection? {
        connection(id) ?? replays.first { $0.id == id }.flatMap { connection($0.connection) }
    }

    /// The stages that recorded plugins were, the last of them the connector, as far as they can still be run.
    func stages(_ plugins: [PathPlugin], of consumer: ConsumerID) throws(PathRefusal) -> [RehearsalStage] {
        var stages = try transformations(plugins.dropLast(), of: consumer)
        guard let connector = plugins.last else { return stages }
        let known = try ends(of: consumer).destination.config
        let stage = try stage(connector, configured: [known])
        stages.append(RehearsalStage(plugin: stage.plugin, kind: stage.kind, config: Self.shown(known)))
        return stages
    }

    /// The transformations that recorded plugins were, as far as they can still be run.
    func transformations(
        _ plugins: some Collection<PathPlugin>,
        of consumer: ConsumerID
    ) throws(PathRefusal) -> [RehearsalStage] {
        let (connection, _) = try ends(of: consumer)
        let steps = (source(connection.source)?.transformations ?? []) + connection.transformations
        var stages: [RehearsalStage] = []
        for recorded in plugins {
            let stage = try stage(recorded, configured: steps.map(\.config))
            var when: Condition?
            if let rule = recorded.rule {
                when = try Self.condition(rule, of: recorded)
            } else {
                when = steps.first { PluginLabel.hash(of: $0.config) == recorded.config }?.when
            }
            stages.append(RehearsalStage(plugin: stage.plugin, kind: stage.kind, config: stage.config, when: when))
        }
        return stages
    }

    private func ends(
        of consumer: ConsumerID
    ) throws(PathRefusal) -> (connection: Connection, destination: Destination) {
        guard let connection = connection(ofConsumer: consumer), let destination = destination(connection.destination)
        else { throw PathRefusal("The connection is gone, and with it what its plugins were configured with.") }
        return (connection, destination)
    }

    /// A recorded plugin with the configuration that it had, which must be among those that are known.
    private func stage(_ recorded: PathPlugin, configured known: [String]) throws(PathRefusal) -> StageKey {
        let reference = PluginReference(id: recorded.plugin, version: recorded.version)
        guard let version = plugin(reference), version.digest.rawValue == recorded.digest else {
            throw PathRefusal("\(recorded.name) is gone, so what it made of the event cannot be worked out again.")
        }
        guard let config = known.first(where: { PluginLabel.hash(of: $0) == recorded.config }),
            let stage = StageKey(version, config)
        else {
            throw PathRefusal(
                """
                \(recorded.name) is configured otherwise since, so what it made of the event cannot be worked out again.
                """
            )
        }
        return stage
    }

    /// The condition that a transformation had; nil where it had none.
    private static func condition(_ rule: String, of plugin: PathPlugin) throws(PathRefusal) -> Condition? {
        if rule.isEmpty { return nil }
        do throws(ConditionError) {
            return try Condition(parsing: rule)
        } catch {
            throw PathRefusal("The condition of \(plugin.name) cannot be read any more: \(error.description)")
        }
    }

    /// A connector's configuration with a word in the place of each secret, as it has them when it delivers.
    private static func shown(_ config: String) -> String {
        SecretReference.replace(in: config) { _ in SecretToken.specimen.text }
    }
}
