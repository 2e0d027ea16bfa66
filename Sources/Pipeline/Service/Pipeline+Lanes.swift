import Catalog
import Delivery
import EventLog
import EventModel
import Logging
import Synchronization

/// Where lanes begin, and which partitions this node wants.
extension Pipeline {
    /// The most lanes that one read of the database takes up.
    static let loadedTogether = 256

    /// Reads what was committed of some lanes; the first of it came with their connections.
    func load(_ lanes: [LaneID: LaneBlueprint]) async {
        do throws(EventLogError) {
            let states = try await log.lanes(Array(lanes.keys))
            let chains = try await log.chains(Array(lanes.keys))
            var starts: [LaneID: LaneStart] = [:]
            for (lane, blueprint) in lanes {
                guard let state = states[lane], let record = state.record else { continue }
                let progress = LaneProgress(
                    position: record.position.offset,
                    beyond: record.beyond,
                    counts: record.counts,
                    reasons: record.reasons,
                    expired: record.expired
                )
                let machine = LaneMachine(
                    partition: lane.partition,
                    destination: blueprint.destination,
                    replay: blueprint.replay?.id,
                    settings: settings.lane,
                    progress: progress,
                    parked: state.parked.map { ParkedItem($0) },
                    chain: LaneChain(chains[lane], progress)
                )
                starts[lane] = LaneStart(machine: machine, record: record)
            }
            notice.yield(.loaded(starts))
            let removed = lanes.keys.filter { starts[$0] == nil }
            if !removed.isEmpty { await tryAgain(removed, .laneRemoved) }
        } catch {
            await tryAgain(Array(lanes.keys), error)
        }
    }

    private func tryAgain(_ lanes: [LaneID], _ error: EventLogError) async {
        logger.warning(
            "Lanes could not be taken up and are tried again.",
            metadata: [
                "lanes": "\(lanes.count)", "lane": "\(lanes.first.map { "\($0.consumer)/\($0.partition)" } ?? "")",
                "error.code": "\(error.code)", "error": "\(error)",
            ]
        )
        try? await Task.sleep(for: settings.retryPeriod, clock: .continuous)
        notice.yield(.notLoaded(lanes))
    }

    /// Gives back what is left, when no lane runs any more.
    func releaseLeases() async {
        log.want(nil)
        for partition in log.holding.held.keys { log.giveBack(partition) }
        try? await log.tick()
    }
}

extension ParkedItem {
    init(_ record: ParkedRecord) {
        self.init(
            offset: record.offset,
            sliceTime: record.sliceTime,
            part: record.part,
            userHash: record.userHash,
            payload: record.payload,
            attempts: record.attempts,
            since: record.since,
            dueAt: record.dueAt ?? 0,
            receivedAt: record.receivedAt,
            code: record.code,
            ownThrottles: record.ownThrottles
        )
    }

    /// The row, with what it is to keep for a dead letter.
    func record(of lane: LaneID, _ past: ParkedPast?) -> ParkedRecord {
        ParkedRecord(
            lane: lane,
            offset: offset,
            part: part,
            userHash: userHash,
            sliceTime: sliceTime,
            receivedAt: receivedAt,
            attempts: attempts,
            since: since,
            dueAt: dueAt == 0 ? nil : dueAt,
            payload: payload,
            code: code,
            ownThrottles: ownThrottles,
            before: past?.before,
            history: past?.tries.flatMap { PathAttempt.list([$0]) }.lines
        )
    }
}
