package import Catalog
import Conditions
import EventJSON
package import EventLog
package import EventModel
import PluginHost
import Synchronization
import WorkerProtocol

/// What a replay would do, without doing it.
extension Pipeline {
    /// How long a plan may count.
    private static let countingTime = Duration.seconds(10)
    /// How long it may find out what was sent before until nothing new is begun.
    private static let lookingTime = Duration.seconds(20)
    /// Events that are run through the transformations.
    private static let samples = 10

    /// One of the events that a replay would send.
    fileprivate struct Sampled {
        let found: FoundEvent
        let body: ArraySlice<UInt8>
    }

    /// Counts what a replay would read, runs a sample of it through today's transformations, and holds that against what
    /// was sent before; delivers nothing.
    package func plan(_ wish: ReplayWish) async throws(EventLogError) -> ReplayPlan {
        let snapshot = catalog.current
        guard let connection = snapshot.connection(wish.connection) else {
            return ReplayPlan(events: 0, looked: 0, wanted: 0, ranges: [], remark: "the connection is gone")
        }
        let stretches = try await log.replayRange(of: connection.source, from: wish.from, until: wish.until)
        let sieve = ReplaySieve(wish.filter)
        let chooser = Chooser(connection.selection, of: connection.id)
        let unwanted = Mutex(0)
        let count = try await log.count(
            stretches,
            until: .now + Self.countingTime,
            samples: Self.samples,
            withBodies: sieve.needsBodies || chooser?.needsBodies == true
        ) { entries, bodies in
            let choices = sieve.choices(entries, bodies)
            let rejected = chooser?.count(rejectedOf: choices, entries, bodies) ?? 0
            unwanted.withLock { $0 += rejected }
            return choices
        }
        var plan = ReplayPlan(
            events: count.events,
            looked: count.looked,
            wanted: count.estimate(of: count.wanted - Int64(unwanted.withLock { $0 })),
            ranges: stretches.map { ($0.partition, $0.start.offset, $0.end) }
        )
        let events = try await sample(count.first)
        guard let blueprint = LaneBlueprint(connection, in: snapshot, catalog.vault) else {
            plan.remark = "the connection or its destination is switched off, so nothing was run as a sample"
            return plan
        }
        if events.isEmpty { plan.remark = "no event was found that it would send" }
        plan.plugins = blueprint.labels.map(\.path)
        plan.samples = await preview(events, through: blueprint)
        let deadline = ContinuousClock.now + Self.lookingTime
        for (place, event) in events.enumerated() {
            let isUnwanted = plan.samples[place].outcome == "filtered"
            plan.samples[place].earlier = await earlier(event, connection.id, isUnwanted, deadline)
            plan.samples[place].earlier.compare(with: plan.samples[place].parts.map { PathPayload($0.utf8) })
        }
        return plan
    }

    private func sample(
        _ places: [(partition: PartitionID, position: LogPosition)]
    ) async throws(EventLogError) -> [Sampled] {
        var events: [Sampled] = []
        for (partition, position) in places {
            let chunk = try await log.readAside(partition, after: position, limit: ReadLimit(chunks: 1)).first
            guard let chunk, chunk.firstOffset <= position.offset, position.offset < chunk.endOffset,
                let bodies = try? chunk.bodies()
            else { continue }
            let place = Int(position.offset - chunk.firstOffset)
            events.append(Sampled(found: FoundEvent(chunk: chunk, place: place), body: bodies[place]))
        }
        return events
    }

    /// Runs events through the transformations in workers of their own, with nothing sent.
    private func preview(_ events: [Sampled], through blueprint: LaneBlueprint) async -> [ReplayPlan.Sample] {
        let chooser = Chooser(blueprint.selection, of: blueprint.consumer)
        var tape = JSONTape()
        var samples = events.map { event in
            var sample = ReplayPlan.Sample(
                partition: event.found.chunk.partition,
                offset: event.found.offset,
                event: String(decoding: event.body, as: UTF8.self)
            )
            if let exclusion = chooser?.exclusion(of: event.found.entry, event.body, &tape) {
                (sample.outcome, sample.reason) = ("filtered", "the connection does not want it: \(exclusion.rawValue)")
            }
            return sample
        }
        let wanted = samples.indices.filter { samples[$0].outcome != "filtered" }
        let stages = (blueprint.source + blueprint.transformations).map { step in
            RehearsalStage(
                plugin: step.stage.plugin,
                kind: step.stage.kind,
                config: step.stage.config,
                when: step.when
            )
        }
        do throws(RehearsalError) {
            let results = try await rehearsal.run(wanted.map { events[$0].input }, through: stages).events
            for (place, result) in zip(wanted, results) { samples[place].take(result) }
        } catch {
            for place in wanted { (samples[place].outcome, samples[place].reason) = ("failed", error.description) }
        }
        return samples
    }

    /// What the connection was sent of an event before.
    private func earlier(
        _ event: Sampled,
        _ connection: ConsumerID,
        _ isUnwanted: Bool,
        _ deadline: ContinuousClock.Instant
    ) async -> ReplayEarlier {
        guard ContinuousClock.now < deadline else {
            return ReplayEarlier(basis: .unknown, reason: "there was no time left to find out")
        }
        do {
            let told = try await paths.consumer(connection, of: event.found, event.body)
            // A note says by which rule it was judged.
            if isUnwanted, told.outcome == "delivered", told.outcomeBasis != .recorded, told.note == nil {
                let reason = "the connection does not want it now, and whether it did then was not written down"
                return ReplayEarlier(basis: .unknown, reason: reason)
            }
            let letters = told.deadLetters.map { letter in
                DeadLetterID(
                    partition: event.found.chunk.partition,
                    consumer: connection,
                    at: letter.diedAt,
                    offset: event.found.offset,
                    part: letter.part
                )
            }
            let records = letters.isEmpty ? [] : try await log.letterRecords(letters)
            return ReplayEarlier(told, PathPayload(event.body), records)
        } catch {
            return ReplayEarlier(basis: .unknown, reason: "\(error)")
        }
    }
}

extension Pipeline.Sampled {
    fileprivate var input: PluginEvent {
        PluginEvent(
            json: body,
            partition: found.chunk.partition,
            offset: found.offset,
            part: 0,
            userHash: found.entry.userHash,
            receivedAt: found.entry.receivedAt,
            flags: .replay
        )
    }
}

extension ReplayPlan.Sample {
    /// What today's transformations made of it.
    fileprivate mutating func take(_ result: RehearsedEvent) {
        switch result.end {
        case .passed:
            parts = result.outputs.last?.map { String(decoding: $0, as: UTF8.self) } ?? [event]
            if let problem = result.outputs.last?.lazy.compactMap(Self.problem).first {
                (outcome, reason, parts) = ("failed", "invalid_event: \(problem)", [])
            }
        case .dropped(_, let reason): (outcome, self.reason) = ("dropped", reason)
        case .failed(_, let code, let message, _): (outcome, reason) = ("failed", "\(code): \(message)")
        }
    }

    /// Why the connector would not be given a part; its worker looks at what was written for it.
    private static func problem(with part: ArraySlice<UInt8>) -> String? {
        var tape = JSONTape(limits: JSONLimits(bytes: BatchHead.defaultPartBytes, depth: BatchHead.partDepth))
        do throws(JSONError) {
            try tape.parse(part)
            return tape.kind(tape.root) == .object ? nil : "a transformation emitted JSON that is not an object"
        } catch {
            return "a transformation emitted invalid JSON: \(error.description)"
        }
    }
}
