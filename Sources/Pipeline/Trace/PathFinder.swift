import Catalog
import Conditions
import EventLog
package import EventModel
import Logging
import PluginHost
import WorkerProtocol

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Follows one event through everything: where it was accepted, and what became of it at each consumer of its source.
///
/// What was written down is told as it was; of the rest, the place and the versions are known, and what plugins made of
/// it is worked out anew with these versions, apart from the lanes and with nothing sent.
package struct PathFinder: Sendable {
    let log: EventLog
    let catalog: Catalog
    let rehearsal: Rehearsal

    /// The most partitions that one question looks at.
    private static let mostPartitions = 256
    /// How far back it looks when neither a user nor a time is given.
    /// - Unit: microseconds.
    private static let usualReach: Int64 = 3600 * 1_000_000
    /// How long one question may take until nothing new is begun.
    private static let patience = Duration.seconds(30)
    /// The most copies of an event that are told.
    private static let mostCopies = 8

    /// Finds an event by its message id.
    ///
    /// - Throws: `PathRefusal` when it would take too much; what the log throws.
    package func path(_ question: PathQuestion) async throws -> EventPath {
        let deadline = ContinuousClock.now + Self.patience
        let partitions = try partitions(question)
        var path = EventPath(messageId: question.messageId)
        path.partitions = partitions.count
        path.sinceAt = question.since ?? (question.user == nil ? Moment.now.wall - Self.usualReach : nil)
        let message = EventHash.message(question.messageId)
        var places: [(partition: PartitionID, offset: Int64, found: FoundEvent?)] = []
        for partition in partitions {
            guard ContinuousClock.now < deadline else { throw Self.tooLong }
            places += try await self.places(message, partition, since: path.sinceAt ?? 0)
        }
        places.sort { ($0.found?.chunk.sliceTime ?? 0, $0.offset) < ($1.found?.chunk.sliceTime ?? 0, $1.offset) }
        for (number, place) in places.prefix(Self.mostCopies).enumerated() {
            guard ContinuousClock.now < deadline else { throw Self.tooLong }
            let earlier = places[..<number].last { original in
                guard let first = original.found?.chunk.sliceTime, let second = place.found?.chunk.sliceTime else {
                    return false
                }
                return original.partition.source == place.partition.source
                    && second - first <= log.settings.duplicateWindow.microseconds
            }
            path.copies.append(try await copy(place.partition, place.offset, place.found, earlier?.offset))
        }
        return path
    }

    private static let tooLong = PathRefusal(
        """
        Looking for the event took longer than \(patience.components.seconds) s: name its user, or a time that is less \
        long ago, or its source.
        """
    )

    private func partitions(_ question: PathQuestion) throws -> [PartitionID] {
        let snapshot = catalog.current
        let sources = snapshot.sources.filter { question.source == nil || $0.id == question.source }
        let partitions = sources.flatMap { source -> [PartitionID] in
            guard let user = question.user else { return source.allPartitionIDs }
            let hash = EventHash.key(user)
            return (source.closed + [source.current]).map { $0.partition(of: hash) }
        }
        guard partitions.count <= Self.mostPartitions else {
            throw PathRefusal(
                """
                The event may be in any of \(partitions.count) partitions, and at most \(Self.mostPartitions) are looked at: \
                name its user or its source.
                """
            )
        }
        return partitions
    }

    /// Where the event stands in a partition, with the earlier copies that it may repeat.
    private func places(
        _ message: MessageHash,
        _ partition: PartitionID,
        since: Int64
    ) async throws -> [(partition: PartitionID, offset: Int64, found: FoundEvent?)] {
        var found = try await find(message, partition, since: since)
        if let first = found.first, since > 0 {
            let reach = first.chunk.sliceTime - log.settings.duplicateWindow.microseconds
            if reach < since { found = try await find(message, partition, since: reach) }
        }
        let known = Set(found.map(\.offset))
        let gone = try await log.traced(message, in: partition).filter { !known.contains($0) }
        return found.map { (partition, $0.offset, $0) } + gone.map { (partition, $0, nil) }
    }

    private func find(_ message: MessageHash, _ partition: PartitionID, since: Int64) async throws -> [FoundEvent] {
        do throws(EventLogError) {
            return try await log.find(message, in: partition, since: since)
        } catch {
            guard error.code == "database_timeout" else { throw error }
            throw PathRefusal(
                """
                Partition \(partition) has too much to be looked through in time: name the event's user, or a time that is \
                less long ago.
                """
            )
        }
    }

    // MARK: One copy

    private func copy(
        _ partition: PartitionID,
        _ offset: Int64,
        _ found: FoundEvent?,
        _ original: Int64?
    ) async throws -> EventCopy {
        let snapshot = catalog.current
        let source = snapshot.source(partition.source)?.name ?? "removed-\(partition.source)"
        var copy = EventCopy(source: source, partition: partition.description, offset: offset)
        copy.duplicateOf = original
        var body: ArraySlice<UInt8>?
        if let found {
            copy.acceptedAt = found.chunk.sliceTime
            copy.receivedAt = found.entry.receivedAt
            copy.type = found.entry.eventType?.name
            copy.chunkEvents = found.chunk.count
            body = try? found.chunk.bodies()[found.place]
            copy.event = body.map { PathPayload($0) }
        }
        copy.isInLog = found != nil
        let traces = try await log.traces(of: partition, offset)
        var consumers = Set(try await log.consumers(of: partition)).union(traces.map(\.lane.consumer))
        let past = try await pastReplays(of: partition, offset, isInLog: found != nil)
        consumers.formUnion(past.filter(\.value.isTold).keys)
        consumers.formUnion(try await log.letters(of: partition, offset, past.keys.sorted()).keys)
        for var known in try await knowledge(of: consumers.sorted(), partition, offset, traces) {
            known.isDuplicate = original != nil
            known.past = past[known.lane.consumer]?.replay
            var told = try await tell(known, found, body, snapshot)
            if let replay = known.past { tell(replay, found, body, &told, snapshot) }
            await complete(&told, known, found, body, snapshot)
            for index in told.passes.indices { told.passes[index].compareStages(body) }
            copy.consumers.append(told)
        }
        return copy
    }

    /// What is written down of one event at each of these.
    private func knowledge(
        of consumers: [ConsumerID],
        _ partition: PartitionID,
        _ offset: Int64,
        _ traces: [TraceRecord]
    ) async throws -> [ConsumerKnowledge] {
        let names = try await log.names(of: Set(traces.compactMap(\.node)))
        let letters = try await log.letters(of: partition, offset, consumers)
        let parked = try await log.parked(of: partition, offset, consumers)
        let lanes = consumers.map { LaneID(partition: partition, consumer: $0) }
        let records = Dictionary(try await log.records(lanes).map { ($0.lane, $0) }) { $1 }
        return lanes.map { lane in
            var known = ConsumerKnowledge(lane: lane, offset: offset, record: records[lane])
            known.passes = traces.filter { $0.lane == lane }.compactMap { row in
                guard var pass = try? JSONDecoder().decode(EventPass.self, from: Data(row.record.utf8)) else {
                    return nil
                }
                pass.writtenAt = row.writtenAt
                pass.node = row.node.map { names[$0] ?? "node \($0)" }
                return pass
            }
            known.letters = letters[lane.consumer] ?? []
            known.parked = parked[lane.consumer] ?? []
            return known
        }
    }

    /// What became of one event of the log at one consumer, with a pass through all transformations wherever one is
    /// written down or can be worked out again.
    func consumer(_ id: ConsumerID, of found: FoundEvent, _ body: ArraySlice<UInt8>) async throws -> EventConsumer {
        let partition = found.chunk.partition
        let traces = try await log.traces(of: partition, found.offset).filter { $0.lane.consumer == id }
        guard var known = try await knowledge(of: [id], partition, found.offset, traces).first else {
            throw PathRefusal("There is no such consumer.")
        }
        if known.wantsRecomputing {
            let reach = found.chunk.sliceTime - log.settings.duplicateWindow.microseconds
            let copies = try await find(found.entry.messageHash, partition, since: reach)
            known.isDuplicate = copies.contains { $0.offset < found.offset }
        }
        let snapshot = catalog.current
        var told = try await tell(known, found, body, snapshot)
        if told.given == nil, told.wasGiven { await retransform(&told, known, found, body, snapshot) }
        return told
    }

    /// Works out what the transformations made of an event, without the connector, whose configuration may be another by
    /// now.
    private func retransform(
        _ told: inout EventConsumer,
        _ known: ConsumerKnowledge,
        _ found: FoundEvent,
        _ body: ArraySlice<UInt8>,
        _ snapshot: CatalogSnapshot
    ) async {
        guard !told.plugins.isEmpty else { return }
        do {
            let stages = try snapshot.transformations(told.plugins.dropLast(), of: known.lane.consumer)
            let pass = try await RecomputedPass(rehearsal, snapshot).pass(told.plugins, stages, found, body, known.lane)
            told.passes.append(pass)
            told.note = nil
            if told.outcomeBasis == .unknown { (told.outcome, told.outcomeBasis) = (pass.outcome, .recomputed) }
        } catch {
            told.note = "\(error)"
        }
    }

    private func tell(
        _ known: ConsumerKnowledge,
        _ found: FoundEvent?,
        _ body: ArraySlice<UInt8>?,
        _ snapshot: CatalogSnapshot
    ) async throws -> EventConsumer {
        var told = known.consumer(named: snapshot.name(ofConsumer: known.lane.consumer))
        if told.state == "read" || !known.passes.isEmpty || !known.parked.isEmpty {
            let chain = try await log.chain(of: known.lane, at: known.offset)?.plugins
            told.plugins = chain ?? []
            told.pluginsBasis = chain == nil ? .unknown : .recorded
        }
        if told.note == nil { told.note = known.hindrance(in: snapshot) }
        if known.wantsRecomputing, try await !refuse(&told, known, found, body, snapshot) {
            await recompute(&told, known, found, body, snapshot)
        }
        return told
    }

    /// Tells by which rule the consumer did not take an event of which nothing is written down; false if it took it.
    private func refuse(
        _ told: inout EventConsumer,
        _ known: ConsumerKnowledge,
        _ found: FoundEvent?,
        _ body: ArraySlice<UInt8>?,
        _ snapshot: CatalogSnapshot
    ) async throws -> Bool {
        guard told.outcomeBasis == .unknown, let found, let body else { return false }
        let lane = known.lane
        var refusal: EventPass?
        if snapshot.replays.contains(where: { $0.id == lane.consumer && $0.kind == .letters }) {
            let sent = try await log.requeued(lane.partition, by: lane.consumer, from: found.offset, room: 1)
            if sent.first?.offset == found.offset { return false }
            refusal = .replayRefusal("it is none of the events whose dead letters are taken up")
        } else {
            let rules = PathRules(told.plugins.last?.rule, of: lane.consumer, in: snapshot)
            told.note = rules.note
            refusal = rules.refusal(of: found, body)
        }
        guard let refusal else { return false }
        told.passes = [refusal]
        told.outcome = refusal.outcome
        told.outcomeBasis = .recomputed
        return true
    }

    private func recompute(
        _ told: inout EventConsumer,
        _ known: ConsumerKnowledge,
        _ found: FoundEvent?,
        _ body: ArraySlice<UInt8>?,
        _ snapshot: CatalogSnapshot
    ) async {
        guard let found, let body else {
            told.note = "The event has left the log, so what plugins made of it cannot be worked out again."
            return
        }
        guard !told.plugins.isEmpty else {
            told.note = "Which plugin versions handled the event was not written down."
            return
        }
        let stages: [RehearsalStage]
        do throws(PathRefusal) {
            stages = try snapshot.stages(told.plugins, of: known.lane.consumer)
        } catch {
            told.note = error.description
            return
        }
        do throws(RehearsalError) {
            var pass = try await RecomputedPass(rehearsal, snapshot).pass(told.plugins, stages, found, body, known.lane)
            // Whether the destination took it follows from nothing being written of it.
            if told.outcomeBasis == .unknown {
                told.outcome = pass.outcome
                told.outcomeBasis = .recomputed
            } else if pass.outcome == "delivered" {
                pass.outcome = told.outcome
            }
            told.passes.append(pass)
        } catch {
            told.note = "What plugins made of the event could not be worked out again: \(error.description)."
        }
    }
}
