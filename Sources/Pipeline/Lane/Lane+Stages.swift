import Catalog
import EventLog
import EventModel
import Logging
import PluginHost
import Synchronization
import WorkerProtocol

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// The work of a lane that takes time: each in a task of its own that ends with a message.
extension Lane {
    /// `followed` are the offsets of events of which the source's transformations are to keep every step.
    func transform(
        _ portion: Int,
        _ step: Int,
        _ events: [PluginEvent],
        _ stage: LaneDesk.Stage,
        _ followed: Set<Int64>
    ) async {
        if let source = stage.plan.source, step < source.steps.count {
            await transform(portion, events, source, stage.number, followed)
            return
        }
        let session = stage.plan.transformations[step - (stage.plan.source?.steps.count ?? 0)]
        var cause: PluginWaits.Cause?
        defer { waits.change(&cause, to: nil, in: key) }
        while !Task.isCancelled {
            do throws(PluginError) {
                let verdicts = try await session.transform(events)
                post(.transformed(portion: portion, verdicts))
                return
            } catch {
                guard await pauses(after: error, of: session, stage.number, &cause) else {
                    post(.restart(portion: portion))
                    return
                }
            }
        }
    }

    /// The transformations of the source, together.
    private func transform(
        _ portion: Int,
        _ events: [PluginEvent],
        _ source: SourceStage,
        _ number: Int,
        _ followed: Set<Int64>
    ) async {
        var cause: PluginWaits.Cause?
        defer { waits.change(&cause, to: nil, in: key) }
        while !Task.isCancelled {
            do throws(SourceStage.Failure) {
                post(.sourced(portion: portion, try await source.transform(events, following: followed)))
                return
            } catch {
                guard await pauses(after: error.error, of: error.session, number, &cause) else {
                    post(.restart(portion: portion))
                    return
                }
            }
        }
    }

    func build(_ job: BuildJob, _ events: [PluginEvent], _ stage: LaneDesk.Stage) async {
        var stage = stage
        var cause: PluginWaits.Cause?
        defer { waits.change(&cause, to: nil, in: key) }
        while !Task.isCancelled {
            do throws(PluginError) {
                let built = try await requests(for: events, stage.plan)
                if case .portion = job { showTransformed(events, stage) }
                post(.built(job, built, under: stage.number))
                return
            } catch {
                if await pauses(after: error, of: stage.plan.connector, stage.number, &cause) { continue }
                if case .portion(let portion) = job {
                    post(.restart(portion: portion))
                    return
                }
                // Parts that were built before are transformed already: whoever is the connector now takes them.
                let newest = plan.withLock { $0 }
                stage = (newest.plan, newest.number)
            }
        }
    }

    /// Lets a plan's connector make requests, of so many events at a time as one request may hold.
    private func requests(for events: [PluginEvent], _ plan: LanePlan) async throws(PluginError) -> RequestPlan {
        guard let most = plan.limits.batchEvents, most < events.count else {
            return try await plan.connector.build(events)
        }
        var whole = RequestPlan()
        for start in stride(from: 0, to: events.count, by: most) {
            let part = try await plan.connector.build(Array(events[start..<min(start + most, events.count)]))
            whole.fates += part.fates
            for var request in part.requests {
                request.events = request.events.map { $0 + start }
                whole.requests.append(request)
            }
        }
        return whole
    }

    /// Waits as long as a plugin that cannot run asks for; false when other plugins have been assigned meanwhile.
    private func pauses(
        after error: PluginError,
        of session: PluginSession,
        _ number: Int,
        _ cause: inout PluginWaits.Cause?
    ) async -> Bool {
        if error != .stopped {
            let new = PluginWaits.Cause(plugin: PluginLabel(session.plugin), code: error.code)
            waits.change(&cause, to: new, in: key)
        }
        var left: Duration
        switch error.disposition {
        case .retry(let delay): left = max(delay, .milliseconds(50))
        case .bury, .quarantine, .stop: left = Self.quarantinePause
        }
        log(error)
        while !Task.isCancelled, left > .zero {
            if plan.withLock({ $0.number }) != number { return false }
            let pause = min(left, Self.planCheck)
            try? await Task.sleep(for: pause, clock: .continuous)
            left -= pause
        }
        return plan.withLock { $0.number } == number
    }

    /// How often a plugin is tried that no retry can help, until another is assigned.
    private static let quarantinePause = Duration.seconds(30)
    /// How often a waiting stage looks whether other plugins were assigned.
    private static let planCheck = Duration.milliseconds(200)

    private func log(_ error: PluginError) {
        guard error != .stopped else { return }
        logger.warning(
            "A plugin cannot run, so a lane waits.",
            metadata: ["lane": "\(key.consumer)/\(key.partition)", "error.code": "\(error.code)", "error": "\(error)"]
        )
    }

    func read(from position: LogPosition, room: Int, _ plan: LanePlan) async {
        guard let replay = plan.replay else {
            await take { () async throws(EventLogError) in
                try await self.feed.read(after: position, room: room, plan.bound, choosing: plan.chooser)
            }
            return
        }
        let room = min(room, replay.pace.portion)
        guard await replay.pace.take(room) else { return }
        let sent = await take { () async throws(EventLogError) in
            replay.readsLetters
                ? try await self.feed.requeued(by: replay.id, after: position, room: room, plan.bound)
                : try await self.feed.read(
                    after: position,
                    room: room,
                    plan.bound,
                    choosing: plan.chooser,
                    replay.sieve
                )
        }
        replay.pace.settle(taken: room, sent: sent)
    }

    /// Reads, and says how many of the events are to be sent.
    @discardableResult
    private func take(_ read: () async throws(EventLogError) -> DecidedChunks) async -> Int {
        do throws(EventLogError) {
            let read = try await read()
            let sent = read.events.count { if case .wanted = $0.choice { true } else { false } }
            post(.read(read))
            return sent
        } catch {
            // Of a damaged chunk the log has spoken once.
            if case .corruptChunk = error {} else { logFailedRead(error) }
            let pause: Duration = if case .retry(let delay) = error.disposition { delay } else { .seconds(5) }
            try? await Task.sleep(for: pause, clock: .continuous)
            post(.readFailed)
            return 0
        }
    }

    private func logFailedRead(_ error: EventLogError) {
        logger.warning(
            "A lane could not read the log and tries again.",
            metadata: [
                "lane": "\(key.consumer)/\(key.partition)", "error.code": "\(error.code)", "error": "\(error)",
            ]
        )
    }

    /// Reads single events again, each from its chunk.
    func reread(_ portion: Int, _ items: [ParkedItem]) async {
        let replay = plan.withLock { $0.plan.replay }
        if let replay, replay.readsLetters { return await reread(portion, items, ofRequeue: replay.id) }
        var again = RereadEvents()
        var chunk: Chunk?
        var index = 0
        while index < items.count, !Task.isCancelled {
            let item = items[index]
            do throws(EventLogError) {
                if let chunk, chunk.firstOffset <= item.offset, item.offset < chunk.endOffset {
                    let place = Int(item.offset - chunk.firstOffset)
                    again.events.append(LaneEvent(chunk, place, try chunk.bodies()[place]))
                    index += 1
                    continue
                }
                let position = LogPosition(offset: item.offset, sliceTime: item.sliceTime)
                let one = ReadLimit(chunks: 1)
                let found = try await log.read(key.partition, after: position, limit: one, afresh: true)
                chunk = found.first { $0.firstOffset <= item.offset && item.offset < $0.endOffset }
                // What is no longer in the log is left out, and the machine counts it as gone.
                if chunk == nil { index += 1 }
            } catch .corruptChunk(_, let first, let fault) {
                let error = EventLogError.corruptChunk(partition: key.partition, firstOffset: first, fault: fault)
                // A chunk behind the event's place is damaged, so the event's own is no longer there.
                if first <= item.offset { again.damage[item.offset] = error.description }
                log.note(error)
                index += 1
            } catch {
                logFailedRead(error)
                try? await Task.sleep(for: .milliseconds(500), clock: .continuous)
            }
        }
        if !Task.isCancelled { post(.reread(portion: portion, again)) }
    }
}

extension Lane {
    /// The same where the events come from dead letters.
    private func reread(_ portion: Int, _ items: [ParkedItem], ofRequeue replay: ConsumerID) async {
        var again = RereadEvents()
        var index = 0
        while index < items.count, !Task.isCancelled {
            do throws(EventLogError) {
                let found = try await log.requeued(key.partition, by: replay, from: items[index].offset, room: 1)
                if let event = found.first, event.offset == items[index].offset, event.body != nil {
                    again.events.append(LaneEvent(event))
                }
                index += 1
            } catch {
                logFailedRead(error)
                try? await Task.sleep(for: .milliseconds(500), clock: .continuous)
            }
        }
        if !Task.isCancelled { post(.reread(portion: portion, again)) }
    }
}

extension LaneEvent {
    init(_ chunk: Chunk, _ place: Int, _ json: ArraySlice<UInt8>, choice: Choice = .wanted) {
        let entry = chunk.entries[place]
        self.init(
            offset: chunk.firstOffset + Int64(place),
            sliceTime: chunk.sliceTime,
            userHash: entry.userHash,
            message: entry.messageHash,
            receivedAt: entry.receivedAt,
            json: json,
            choice: choice
        )
    }
}

extension Moment {
    static var now: Moment {
        Moment(instant: .now, wall: Int64(Date().timeIntervalSince1970 * 1_000_000))
    }
}
