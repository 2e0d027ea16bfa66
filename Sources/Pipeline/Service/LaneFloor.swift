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
    /// How far the lanes of replays read.
    private var ends: [LaneID: Int64] = [:]
    private var shelf: StageShelf
    private var snapshot: CatalogSnapshot?
    private var succession = Succession()
    private var holding = Holding()
    private var isClosing = false
    /// Whom every lane follows.
    private var watch = TraceWatch()
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
            tell: { [relay = pipeline.relay] destination, news in relay.tell(destination, news) },
            paces: pipeline.paces,
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
            follow(snapshot)
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
            pipeline.roster.leave(key)
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

    /// Tells every lane whose events somebody follows, when that is news.
    private mutating func follow(_ snapshot: CatalogSnapshot) {
        let watch = TraceWatch(snapshot.tracings)
        guard watch != self.watch else { return }
        self.watch = watch
        for case .running(let lane, _) in stands.values { lane.post(.watch(watch)) }
    }

    /// Works out what each connection needs, which takes reading its plugins' manifests.
    private mutating func read(_ snapshot: CatalogSnapshot) {
        self.snapshot = snapshot
        wanted = [:]
        for connection in snapshot.connections {
            guard let blueprint = LaneBlueprint(connection, in: snapshot, pipeline.catalog.vault) else { continue }
            wanted[connection.source, default: [:]][connection.id] = blueprint
        }
        ends = [:]
        for replay in snapshot.replays {
            for range in replay.ranges { ends[LaneID(partition: range.partition, consumer: replay.id)] = range.end }
            guard let blueprint = LaneBlueprint(replay, in: snapshot, pipeline.catalog.vault) else { continue }
            wanted[replay.source, default: [:]][replay.id] = blueprint
        }
    }

    /// Compares what runs with what should.
    private mutating func arrange(_ group: inout DiscardingTaskGroup) {
        holding = pipeline.log.holding
        if let snapshot { shelf.set(snapshot.shares(of: Set(holding.held.keys))) }
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
        var loads: [LaneID: LaneBlueprint] = [:]
        for (key, blueprint) in wanted {
            let changed = blueprints[key] != blueprint
            let ordered = blueprints[key]?.limits.ordered
            blueprints[key] = blueprint
            // What the database refused may be put right: also a lane that is still on its way out begins again.
            if changed { refusals[key] = nil }
            switch stands[key] {
            case .running(let lane, _) where changed && ordered != blueprint.limits.ordered:
                // Another order holds for a lane that begins anew: what fails now must not put it off.
                stands[key] = .leaving
                lane.post(.stop(within: Lane.farewell))
            case .running(let lane, _) where changed: lane.assign(plan(blueprint, key, &group))
            case .refused where changed: loads[key] = blueprint
            case .running, .loading, .leaving, .refused: break
            case nil: loads[key] = blueprint
            }
        }
        load(loads, &group)
        let refused = stands.filter(\.value.isRefused).keys
        if let snapshot { pipeline.arranged.store(snapshot.revision, ordering: .relaxed) }
        pipeline.refusedLanes.store(refused.count, ordering: .relaxed)
        let places = refused.compactMap { blueprints[$0]?.destination }
        pipeline.roster.refuse(places.reduce(into: [:]) { $0[$1, default: 0] += 1 })
        dismiss(&group)
    }

    /// Lets go what no lane needs any more: partitions, sessions, couriers.
    private mutating func dismiss(_ group: inout DiscardingTaskGroup) {
        let running = Set(stands.keys.map(\.partition))
        pipeline.duplicates.forget(allBut: running)
        for partition in holding.spare(besides: running, isClosing: isClosing) { pipeline.log.giveBack(partition) }
        if holding.isEnded, stands.isEmpty { pipeline.log.vacate() }
        expectLanes()
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
                guard succession.mayRun(key, of: source) else { continue }
                var blueprint = blueprint
                if blueprint.replay != nil {
                    // It has no lanes on partitions that were opened after it was made.
                    guard let end = ends[key] else { continue }
                    blueprint.end = end
                }
                lanes[key] = blueprint
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

    private mutating func plan(
        _ blueprint: LaneBlueprint,
        _ lane: LaneID,
        _ group: inout DiscardingTaskGroup
    ) -> LanePlan {
        let (plan, courier) = shelf.plan(blueprint, at: lane.partition)
        if let courier { group.addTask { await courier.run() } }
        return plan
    }

    /// Tells the source's transformations of each partition how many lanes go through them.
    private mutating func expectLanes() {
        var lanes: [StageShelf.SourceKey: Int] = [:]
        for (key, blueprint) in blueprints where !blueprint.source.isEmpty {
            lanes[StageShelf.SourceKey(partition: key.partition, steps: blueprint.source), default: 0] += 1
        }
        shelf.expect(lanes)
    }

    private mutating func load(_ lanes: [LaneID: LaneBlueprint], _ group: inout DiscardingTaskGroup) {
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
            plan: plan(blueprint, key, &group),
            feed: PartitionFeed(pipeline.log, key.partition, pipeline.duplicates, pipeline.excluded),
            log: pipeline.log,
            waits: pipeline.waits,
            traces: pipeline.traces,
            tail: pipeline.tail,
            tell: { checkpointer.hear(key, $0) },
            logger: pipeline.logger
        )
        tell(lane, key)
        pipeline.roster.enter(lane, of: blueprint.destination)
        lane.post(.watch(watch))
        stands[key] = .running(lane, epoch: epoch)
        checkpointer.enter(lane, Lease(partition: key.partition, epoch: epoch))
        let notice = pipeline.notice
        group.addTask {
            await lane.run()
            notice.yield(.ended(key))
        }
    }
}
