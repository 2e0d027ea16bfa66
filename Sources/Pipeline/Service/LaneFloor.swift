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
        case loading(epoch: Int64)
        case running(Lane, epoch: Int64)
        /// It was told to stop, or has stopped, and its last progress is not committed yet.
        case leaving
        /// The database refuses what happened in it; it begins again with another lease or another plan.
        case refused(epoch: Int64)

        var isLeaving: Bool { if case .leaving = self { true } else { false } }
        var isRefused: Bool { if case .refused = self { true } else { false } }
    }

    private let pipeline: Pipeline
    private var stands: [LaneID: Stand] = [:]
    private var blueprints: [LaneID: LaneBlueprint] = [:]
    /// What every connection needs, as the snapshot says.
    private var wanted: [SourceID: [ConsumerID: LaneBlueprint]] = [:]
    private var shelf: StageShelf
    private var snapshot: CatalogSnapshot?
    private var succession = Succession()
    private var holding = Holding()
    private var isClosing = false
    /// Whether the loop was asked to arrange and has not done so yet.
    private var willArrange = false
    /// Lanes on their way out that are not to begin again at once, and under which epochs.
    private var refusals: [LaneID: Int64] = [:]

    init(_ pipeline: Pipeline) {
        self.pipeline = pipeline
        shelf = StageShelf(
            workshop: pipeline.workshop,
            sender: pipeline.sender,
            schedule: pipeline.settings.lane.schedule,
            maySend: { [log = pipeline.log] in log.maySend },
            fleet: pipeline.fleet,
            logger: pipeline.logger
        )
    }

    /// Whether every lane has ended after a shutdown.
    var isClosed: Bool { isClosing && stands.isEmpty }

    mutating func take(_ notice: Pipeline.Notice, _ group: inout DiscardingTaskGroup) {
        switch notice {
        case .snapshot(let snapshot, let succession):
            read(snapshot)
            self.succession = succession
            askToArrange()
            for case (let key, .running(let lane, _)) in stands { tell(lane, key) }
        case .leases: askToArrange()
        case .lost(let lease):
            pipeline.log.lose(lease)
            askToArrange()
        case .refused(let key):
            if case .running(_, let epoch) = stands[key] { refusals[key] = epoch }
        case .loaded(let starts):
            for (key, start) in starts { begin(key, start, &group) }
        case .notLoaded(let keys):
            for key in keys { stands[key] = nil }
            askToArrange()
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
            askToArrange()
        case .arrange:
            willArrange = false
            arrange(&group)
        case .shutdown:
            isClosing = true
            pipeline.checkpointer.close(by: .now + pipeline.settings.farewell)
            arrange(&group)
        }
    }

    /// Lets the loop arrange once after all that it has been told until then: thousands of lanes may begin or end together.
    private mutating func askToArrange() {
        guard !willArrange else { return }
        willArrange = true
        pipeline.notice.yield(.arrange)
    }

    /// Ends the sessions once no lane needs them.
    mutating func close() async {
        for session in shelf.retire(except: []) { await session.stop() }
    }

    /// Works out what each connection needs, which takes reading its plugins' manifests.
    private mutating func read(_ snapshot: CatalogSnapshot) {
        self.snapshot = snapshot
        wanted = [:]
        for connection in snapshot.connections {
            guard let blueprint = LaneBlueprint(connection, in: snapshot) else { continue }
            wanted[connection.source, default: [:]][connection.id] = blueprint
        }
    }

    /// Compares what runs with what should.
    private mutating func arrange(_ group: inout DiscardingTaskGroup) {
        holding = pipeline.log.holding
        let wanted = isClosing ? [:] : wantedLanes()
        for key in Array(blueprints.keys) where wanted[key] == nil { blueprints[key] = nil }
        for (key, stand) in stands {
            let held = holding.held[key.partition]
            switch stand {
            case .running(let lane, let epoch) where wanted[key] == nil || held != epoch:
                stands[key] = .leaving
                // A lane under an old epoch must not commit any more, and cannot; it begins anew under the new one.
                lane.post(.stop(within: held == epoch ? Lane.farewell : .zero))
            case .refused(let epoch) where wanted[key] == nil || held != epoch: stands[key] = nil
            case .loading, .running, .leaving, .refused: break
            }
        }
        var loads: [LaneID: DestinationID] = [:]
        for (key, blueprint) in wanted {
            let changed = blueprints[key] != blueprint
            blueprints[key] = blueprint
            // What the database refused may be put right: also a lane that is still on its way out begins again.
            if changed { refusals[key] = nil }
            switch stands[key] {
            case .running(let lane, _) where changed: lane.assign(plan(blueprint, &group))
            case .refused where changed: loads[key] = blueprint.destination
            case .running, .loading, .leaving, .refused: break
            case nil: loads[key] = blueprint.destination
            }
        }
        load(loads, &group)
        pipeline.refusedLanes.store(stands.values.count(where: \.isRefused), ordering: .relaxed)
        dismiss(&group)
    }

    /// Lets go what no lane needs any more: partitions, sessions, couriers.
    private mutating func dismiss(_ group: inout DiscardingTaskGroup) {
        let running = Set(stands.keys.map(\.partition))
        pipeline.duplicates.forget(allBut: running)
        for partition in holding.spare(besides: running, isClosing: isClosing) { pipeline.log.giveBack(partition) }
        if holding.isEnded, stands.isEmpty { pipeline.log.vacate() }
        let needed = Set(blueprints.values.flatMap(\.stages))
        for session in shelf.retire(except: needed) { group.addTask { await session.stop() } }
        // A lane that leaves may still wait for its last answers, whoever its destination was.
        guard !stands.values.contains(where: \.isLeaving) else { return }
        shelf.dismiss(except: Set(blueprints.values.map(\.destination)))
    }

    private func wantedLanes() -> [LaneID: LaneBlueprint] {
        guard let snapshot else { return [:] }
        var lanes: [LaneID: LaneBlueprint] = [:]
        for partition in holding.tenanted {
            guard let source = snapshot.source(partition.source) else { continue }
            for (consumer, blueprint) in wanted[source.id] ?? [:] {
                let key = LaneID(partition: partition, consumer: consumer)
                if succession.mayRun(key, of: source) { lanes[key] = blueprint }
            }
        }
        return lanes
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

    private mutating func load(_ lanes: [LaneID: DestinationID], _ group: inout DiscardingTaskGroup) {
        guard !lanes.isEmpty else { return }
        let pipeline = pipeline
        // Lanes of one partition together, since some of what they need is read by the partition.
        var rest = lanes.sorted { $0.key.partition < $1.key.partition }[...]
        while !rest.isEmpty {
            let part = Dictionary(uniqueKeysWithValues: rest.prefix(Pipeline.loadedTogether).map { ($0.key, $0.value) })
            rest = rest.dropFirst(Pipeline.loadedTogether)
            for key in part.keys { stands[key] = .loading(epoch: holding.held[key.partition] ?? 0) }
            group.addTask { await pipeline.load(part) }
        }
    }

    private mutating func begin(_ key: LaneID, _ start: LaneStart, _ group: inout DiscardingTaskGroup) {
        // What was read is of use only under the lease under which it was read.
        guard let blueprint = blueprints[key], let epoch = holding.held[key.partition], !isClosing,
            case .loading(epoch) = stands[key]
        else {
            stands[key] = nil
            askToArrange()
            return
        }
        var start = start
        start.machine.hold(held(in: key))
        let checkpointer = pipeline.checkpointer
        let lane = Lane(
            key,
            start: start,
            plan: plan(blueprint, &group),
            feed: PartitionFeed(pipeline.log, key.partition, pipeline.duplicates),
            log: pipeline.log,
            waits: pipeline.waits,
            tell: { checkpointer.hear(key, $0) },
            logger: pipeline.logger
        )
        tell(lane, key)
        stands[key] = .running(lane, epoch: epoch)
        checkpointer.enter(lane, Lease(partition: key.partition, epoch: epoch))
        let notice = pipeline.notice
        group.addTask {
            await lane.run()
            notice.yield(.ended(key))
        }
    }
}
