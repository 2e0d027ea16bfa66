import Conditions
import EventModel
import PostgreSQL

@testable import EventLog
@testable import Pipeline

/// Which lanes run on a node, and what they read and commit.
extension ClusterNode {
    // MARK: Which run

    /// Compares what runs with what should.
    func arrange(_ world: ClusterWorld) {
        willArrange = false
        guard let holding = tenancy?.holding else { return }
        let wanted = isClosing ? [] : wantedLanes(holding, world)
        lanes.removeAll { $0.stand == .ended && isSettled($0) }
        for lane in lanes where lane.stand == .running {
            let isHeld = holding.held[lane.id.partition] == lane.lease.epoch
            if !isHeld || !wanted.contains(lane.id) { lane.stand = .leaving }
        }
        for id in wanted where lane(id) == nil && !loading.contains(id) {
            guard let epoch = holding.held[id.partition], let store = world.database.stores[id] else { continue }
            loading.append(id)
            world.add(.begin(self, run, store, epoch))
        }
        dismiss(holding, world)
    }

    private func wantedLanes(_ holding: Holding, _ world: ClusterWorld) -> [LaneID] {
        guard let known else { return [] }
        return world.plan.lanes(of: holding.tenanted.sorted()).filter {
            known.succession.mayRun($0, of: known.source) || world.flaw == .beginsBeforeSettled
        }
    }

    /// Lets go what no lane needs any more.
    private func dismiss(_ holding: Holding, _ world: ClusterWorld) {
        var running = Set(loading.map(\.partition))
        for lane in lanes { running.insert(lane.id.partition) }
        for partition in windows.keys where !running.contains(partition) { windows[partition] = nil }
        if world.flaw == .givesWhileRunning { running = [] }
        for partition in holding.spare(besides: running, isClosing: isClosing) {
            tenancy?.giveBack(partition)
            tickAt = world.now
        }
        guard lanes.isEmpty, loading.isEmpty else { return }
        if holding.isEnded {
            tenancy?.vacate()
            tickAt = world.now
        }
        if isClosing, !isLeaving {
            tenancy?.want(nil)
            (isLeaving, tickAt) = (true, world.now)
        }
    }

    /// Begins a lane from what was read of it while this epoch was known to be ours.
    func begin(_ store: ClusterDatabase.Store, _ epoch: Int64, _ world: ClusterWorld) {
        let id = store.record.lane
        loading.removeAll { $0 == id }
        willArrange = true
        guard tenancy?.held[id.partition] == epoch, !isClosing else { return }
        let lane = ClusterLane(store, Lease(partition: id.partition, epoch: epoch), world.plan)
        lane.machine.hold(held(in: id, world))
        lane.life = world.reader.began(id, from: store)
        lanes.append(lane)
        roll.enter(id, lane.ledger, lane.lease, after: store.record)
    }

    func look(_ lane: ClusterLane, _ world: ClusterWorld) {
        switch lane.stand {
        case .running:
            if let due = lane.machine.nextDue, due <= world.now { lane.machine.wake(at: world.moment) }
            if world.roll(3) == 0 { lane.publish() }
            read(lane, world)
        case .leaving:
            guard lane.underWay == 0 || world.roll(20) == 0 else { return }
            if lane.underWay > 0 { world.reader.calledOff(lane.id) }
            lane.publish()
            lane.stand = .ended
        case .ended: if isSettled(lane) { willArrange = true }
        }
        lane.takeActions(world.reader) { world.add(.work(self, run, lane, $0)) }
    }

    /// Whether what a lane did is committed, or never will be.
    private func isSettled(_ lane: ClusterLane) -> Bool {
        guard let entry = roll[lane.id] else { return true }
        guard entry.isOver || lane.ledger.isEmpty && !queue.holds(lane.id) else { return false }
        roll.forget(lane.id)
        return true
    }

    // MARK: Reading

    private func read(_ lane: ClusterLane, _ world: ClusterWorld) {
        guard !lane.isReading, !lane.ledger.isFull, let room = lane.machine.room else { return }
        let known = world.database.chunks[lane.id.partition] ?? []
        guard (known.last?.endOffset ?? 0) > lane.position.offset else { return }
        lane.isReading = true
        let from = known.lastIndex { $0.firstOffset <= lane.position.offset } ?? 0
        var events: [LaneEvent] = []
        var chunks: [(first: Int64, time: Int64)] = []
        var end = lane.position
        for chunk in known[from...].prefix(1 + world.roll(4)) {
            if events.count >= room { break }
            guard let repeats = duplicates(in: chunk, world), let bodies = try? chunk.bodies() else { break }
            world.reader.told(chunk, repeats)
            var repeated = repeats[...]
            let isDamaged = world.database.damaged[chunk.partition]?.contains(chunk.firstOffset) == true
            for place in chunk.entries.indices {
                let isRepeated = repeated.first == place
                if isRepeated { repeated.removeFirst() }
                let offset = chunk.firstOffset + Int64(place)
                guard offset >= lane.position.offset else { continue }
                let body = bodies[place]
                let number = ClusterSender.number(in: body)
                let choice: LaneEvent.Choice =
                    isRepeated
                    ? .duplicate
                    : isDamaged ? .damaged("") : world.plan.isFiltered(number, lane.id) ? .filtered(.filter) : .wanted
                events.append(LaneEvent(chunk, place, body, choice: choice))
            }
            chunks.append((chunk.firstOffset, chunk.sliceTime))
            end = chunk.end
        }
        world.add(.work(self, run, lane, chunks.isEmpty ? .readNothing : .read(events, chunks, end: end)))
    }

    /// The events of a chunk that repeat an earlier message id; nil if the log could not be read for that.
    private func duplicates(in chunk: Chunk, _ world: ClusterWorld) -> [Int]? {
        if world.flaw == .forgetsDuplicates { return [] }
        let partition = chunk.partition
        var all = windows.removeValue(forKey: partition) ?? PartitionWindows(length: world.plan.window)
        defer { windows[partition] = all }
        var step = all.begin(chunk, limit: .max)
        while true {
            switch step {
            case .answer(let repeats): return repeats
            case .inheritance(let since):
                if world.isStormy, world.roll(20) == 0 {
                    all.abandon()
                    return nil
                }
                step = all.inherit(world.database.inherited(by: partition, since: since), limit: .max)
            case .directories(let from, let time):
                if world.isStormy, world.roll(8) == 0 {
                    if world.flaw == .keepsHalfWindow {
                        step = all.take([], isAll: true, limit: .max)
                        continue
                    }
                    all.abandon()
                    return nil
                }
                let earlier = (world.database.chunks[partition] ?? []).filter {
                    $0.firstOffset >= from && $0.firstOffset < chunk.firstOffset && $0.sliceTime >= time
                }
                let found = earlier.prefix(4).map {
                    ChunkDirectory(
                        firstOffset: $0.firstOffset,
                        sliceTime: $0.sliceTime,
                        count: $0.count,
                        entries: $0.entries
                    )
                }
                step = all.take(found, isAll: found.count < 4, limit: .max)
            }
        }
    }

    // MARK: Checkpoints

    func commit(_ world: ClusterWorld) {
        guard !isCommitting else { return }
        (isCommitting, hasGathered) = (true, false)
        queue.begin()
        commitNext(world)
    }

    private func commitNext(_ world: ClusterWorld) {
        if queue.next == nil, !hasGathered {
            hasGathered = true
            for lane in lanes { roll.fill(lane.id) }
            queue.append(roll.gather(except: queue.lanes))
            queue.begin()
        }
        guard let batch = queue.next, let node = tenancy?.node else {
            isCommitting = false
            return
        }
        ask(.checkpoint, .checkpoint(batch.checkpoint, batch.leases, node: node), world)
    }

    func committed(_ error: EventLogError?, _ world: ClusterWorld) {
        var error = error
        if world.flaw == .forgetsUnanswered, case .database(.connectionLost) = error { error = nil }
        switch queue.answer(error) {
        case .goOn: commitNext(world)
        case .pause: isCommitting = false
        case .pass: world.reader.report("node \(index) met \(error?.code ?? "nothing")")
        case .fenced(let batch):
            for page in batch.pages {
                roll.end(page.lane)
                lane(page.lane)?.stand = .leaving
                if tenancy?.lose(page.lease) == true { tickAt = world.now }
            }
            willArrange = true
            commitNext(world)
        case .refused(let batch): world.reader.report("the database refuses \(batch.pages.map(\.lane))")
        }
    }
}
