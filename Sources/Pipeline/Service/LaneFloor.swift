import Catalog
import Delivery
import EventLog
import EventModel
import PluginHost
import Synchronization

/// Which lanes run, and which should.
///
/// - Owner: the pipeline's loop.
struct LaneFloor {
    private enum Stand {
        /// What was committed of it is being read.
        case loading
        case running(Lane, epoch: Int64)
        /// It was told to stop, or has stopped, and its last progress is not committed yet.
        case leaving
        /// The database refuses what happened in it; it begins again with another lease or another plan.
        case refused(epoch: Int64)

        var isLeaving: Bool { if case .leaving = self { true } else { false } }
    }

    private let pipeline: Pipeline
    private var stands: [LaneID: Stand] = [:]
    private var blueprints: [LaneID: LaneBlueprint] = [:]
    private var shelf: StageShelf
    private var snapshot: CatalogSnapshot?
    private var succession = Succession()
    private var leases: [PartitionID: Int64] = [:]
    private var isClosing = false
    /// Lanes on their way out that are not to begin again at once, and under which epochs.
    private var refusals: [LaneID: Int64] = [:]

    init(_ pipeline: Pipeline) {
        self.pipeline = pipeline
        shelf = StageShelf(
            workshop: pipeline.workshop,
            sender: pipeline.sender,
            schedule: pipeline.settings.lane.schedule,
            maySend: { [log = pipeline.log] in log.maySend },
            logger: pipeline.logger
        )
    }

    /// Whether every lane has ended after a shutdown.
    var isClosed: Bool { isClosing && stands.isEmpty }

    mutating func take(_ notice: Pipeline.Notice, _ group: inout DiscardingTaskGroup) {
        switch notice {
        case .snapshot(let snapshot, let succession):
            self.snapshot = snapshot
            self.succession = succession
            arrange(&group)
            for case (let key, .running(let lane, _)) in stands { tell(lane, key) }
        case .leases(let leases):
            self.leases = leases
            arrange(&group)
        case .lost(let lease):
            if leases[lease.partition] == lease.epoch { leases[lease.partition] = nil }
            pipeline.doubtsLeases.store(true, ordering: .relaxed)
            arrange(&group)
        case .refused(let key):
            if case .running(_, let epoch) = stands[key] { refusals[key] = epoch }
        case .loaded(let key, let start): begin(key, start, &group)
        case .notLoaded(let key):
            stands[key] = nil
            arrange(&group)
        case .ended(let key):
            stands[key] = .leaving
            let checkpointer = pipeline.checkpointer
            let notice = pipeline.notice
            group.addTask {
                await checkpointer.settle(key)
                notice.yield(.settled(key))
            }
        case .settled(let key):
            stands[key] = refusals.removeValue(forKey: key).map { .refused(epoch: $0) }
            arrange(&group)
        case .shutdown:
            isClosing = true
            pipeline.checkpointer.close(by: .now + pipeline.settings.farewell)
            arrange(&group)
        }
        let refused = stands.values.count { if case .refused = $0 { true } else { false } }
        pipeline.refusedLanes.store(refused, ordering: .relaxed)
    }

    /// Ends the sessions once no lane needs them.
    mutating func close() async {
        for session in shelf.retire(except: []) { await session.stop() }
    }

    /// Compares what runs with what should.
    private mutating func arrange(_ group: inout DiscardingTaskGroup) {
        let wanted = isClosing ? [:] : wantedLanes()
        for key in Array(blueprints.keys) where wanted[key] == nil { blueprints[key] = nil }
        // A lane under an old epoch must not commit any more, and cannot; it begins anew under the new one.
        for (key, stand) in stands {
            switch stand {
            case .running(let lane, let epoch) where wanted[key] == nil || leases[key.partition] != epoch:
                stands[key] = .leaving
                lane.post(.stop)
            case .refused(let epoch) where wanted[key] == nil || leases[key.partition] != epoch: stands[key] = nil
            case .loading, .running, .leaving, .refused: break
            }
        }
        for (key, blueprint) in wanted {
            let changed = blueprints[key] != blueprint
            blueprints[key] = blueprint
            // What the database refused may be put right: also a lane that is still on its way out begins again.
            if changed { refusals[key] = nil }
            switch stands[key] {
            case .running(let lane, _) where changed: lane.assign(plan(blueprint, &group))
            case .refused where changed: load(key, &group)
            case .running, .loading, .leaving, .refused: break
            case nil: load(key, &group)
            }
        }
        pipeline.duplicates.forget(allBut: Set(stands.keys.map(\.partition)))
        let needed = Set(blueprints.values.flatMap(\.stages))
        for session in shelf.retire(except: needed) { group.addTask { await session.stop() } }
        // A lane that leaves may still wait for its last answers, whoever its destination was.
        guard !stands.values.contains(where: \.isLeaving) else { return }
        shelf.dismiss(except: Set(blueprints.values.map(\.destination)))
    }

    private func wantedLanes() -> [LaneID: LaneBlueprint] {
        guard let snapshot else { return [:] }
        var wanted: [LaneID: LaneBlueprint] = [:]
        for partition in leases.keys {
            guard let source = snapshot.source(partition.source) else { continue }
            for connection in snapshot.connections(of: source.id) {
                let key = LaneID(partition: partition, consumer: connection.id)
                guard succession.mayRun(key, of: source), let blueprint = LaneBlueprint(connection, in: snapshot) else {
                    continue
                }
                wanted[key] = blueprint
            }
        }
        return wanted
    }

    /// Tells a lane what became of earlier generations and of its own.
    private func tell(_ lane: Lane, _ key: LaneID) {
        lane.hold(held(in: key))
        if let rest = succession.rest(of: key) { lane.post(.gone(upTo: rest)) }
    }

    /// The users whose events wait in a lane because earlier ones are parked in another.
    private func held(in lane: LaneID) -> Set<UInt64> {
        guard let source = snapshot?.source(lane.partition.source) else { return [] }
        return succession.held(in: lane, of: source)
    }

    private mutating func plan(_ blueprint: LaneBlueprint, _ group: inout DiscardingTaskGroup) -> LanePlan {
        let (plan, courier) = shelf.plan(blueprint)
        if let courier { group.addTask { await courier.run() } }
        return plan
    }

    private mutating func load(_ key: LaneID, _ group: inout DiscardingTaskGroup) {
        guard let blueprint = blueprints[key] else { return }
        stands[key] = .loading
        let pipeline = pipeline
        group.addTask { await pipeline.load(key, to: blueprint.destination) }
    }

    private mutating func begin(_ key: LaneID, _ start: LaneStart, _ group: inout DiscardingTaskGroup) {
        guard let blueprint = blueprints[key], let epoch = leases[key.partition], !isClosing else {
            stands[key] = nil
            return
        }
        var start = start
        start.machine.hold(held(in: key))
        let lane = Lane(
            key,
            start: start,
            plan: plan(blueprint, &group),
            feed: PartitionFeed(pipeline.log, key.partition, pipeline.duplicates),
            log: pipeline.log,
            waits: pipeline.waits,
            logger: pipeline.logger
        )
        tell(lane, key)
        stands[key] = .running(lane, epoch: epoch)
        pipeline.checkpointer.enter(lane, Lease(partition: key.partition, epoch: epoch))
        let notice = pipeline.notice
        group.addTask {
            await lane.run()
            notice.yield(.ended(key))
        }
    }
}
