import EventModel
import PostgreSQL

@testable import EventLog
@testable import Ingestion
@testable import Pipeline

/// A node of the cluster: what it has in memory, and the owners' part of the work.
///
/// All of it is gone after a crash.
final class ClusterNode {
    /// What an answer of the database is waited for.
    enum Question {
        case join
        case tick(sent: Int64, given: [Lease])
        case append(Flush, flusher: Int)
        case checkpoint
    }

    let index: Int
    /// Counts the lives of the node.
    private(set) var run = 0
    var isUp = true
    var isPaused = false
    /// Whether nothing passes between the node and the database.
    var isCutOff = false
    /// Partitions that it gives back and does not want for now.
    var unwanted: Set<PartitionID> = []

    // Membership
    var node: Int64?
    var isJoining = false
    private(set) var lastBeat: Int64?
    private var isTicking = false
    private var tickAt: Int64 = 0
    private(set) var leases: [PartitionID: Int64] = [:]
    /// What it gives back, until that is confirmed.
    private var giving: [Lease] = []

    // Ingestion
    private var gathers: [PartitionID: Gather] = [:]
    private var isFlushing: Set<Int> = []

    // Pipeline
    var lanes: [LaneID: ClusterLane] = [:]
    private var loading: Set<LaneID> = []
    private var roll = CheckpointRoll()
    private var queue = CheckpointQueue()
    private var isCommitting = false
    private var hasGathered = false
    private var windows: [PartitionID: [MessageWindow]] = [:]

    private var questions: [Int: Question] = [:]
    private var lastTicket = 0

    init(_ index: Int) { self.index = index }

    /// Loses everything and begins anew.
    func restart() {
        run += 1
        (isUp, isPaused, isCutOff, unwanted) = (true, false, false, [])
        (node, isJoining, lastBeat, isTicking) = (nil, false, nil, false)
        (leases, giving, gathers, isFlushing, lanes, loading, windows) = ([:], [], [:], [], [:], [], [:])
        (roll, queue, isCommitting, questions) = (CheckpointRoll(), CheckpointQueue(), false, [:])
    }

    /// Whether nothing is left to do but to wait for events.
    func isAtRest(_ world: ClusterWorld) -> Bool {
        queue.batches.isEmpty && !isCommitting && isFlushing.isEmpty && loading.isEmpty
            && lanes.values.allSatisfy {
                $0.isIdle && $0.stand == .running && $0.machine.nextOffset == world.database.end(of: $0.id.partition)
            }
    }

    /// Whether no other node can have taken a lease of ours yet, by our own clock.
    private func maySend(at now: Int64) -> Bool { lastBeat.map { now - $0 < ClusterPlan.leaseTime } ?? false }

    /// Whether a lane may send now; asked before each send.
    func maySend(_ lane: ClusterLane, at now: Int64) -> Bool {
        maySend(at: now) && leases[lane.id.partition] == lane.lease.epoch
    }

    // MARK: Asking the database

    private func ask(_ question: Question, _ statement: ClusterDatabase.Statement, _ world: ClusterWorld) {
        lastTicket += 1
        questions[lastTicket] = question
        world.send(statement, from: ClusterDatabase.Client(node: index, run: run, ticket: lastTicket))
    }

    /// An answer has come, or the news that none will.
    func take(_ answer: ClusterDatabase.Answer, to ticket: Int, _ world: ClusterWorld) {
        guard let question = questions.removeValue(forKey: ticket) else { return }
        var error: EventLogError?
        if case .failed(let failure) = answer { error = failure }
        switch question {
        case .join:
            isJoining = false
            if case .joined(let number) = answer { node = number }
        case .tick(let sent, let given):
            isTicking = false
            // Others held it for silent, or another run has its place: it begins anew.
            if error == .nodeReplaced { return restart() }
            guard case .leases(let held) = answer else { return }
            lastBeat = sent
            giving.removeAll { given.contains($0) && !held.contains($0) }
            leases = Dictionary(uniqueKeysWithValues: held.map { ($0.partition, $0.epoch) })
            for lease in giving { leases[lease.partition] = nil }
        case .append(let flush, let flusher):
            isFlushing.remove(flusher)
            flush.settleAll(error == nil ? .committed : .unavailable)
        case .checkpoint: committed(error, world)
        }
    }

    // MARK: One turn

    /// Does what is due: everything that a node does on its own and not because something came to its end.
    func act(_ world: ClusterWorld) {
        guard let node else {
            if !isJoining {
                isJoining = true
                ask(.join, .join(identity: index), world)
            }
            return
        }
        tick(node, world)
        arrange(world)
        flush(world)
        for id in world.plan.lanes { if let lane = lanes[id] { look(lane, world) } }
        if world.roll(3) == 0 { commit(world) }
    }

    private func tick(_ node: Int64, _ world: ClusterWorld) {
        for partition in unwanted where !isBusy(partition) {
            if let epoch = leases.removeValue(forKey: partition) {
                giving.append(Lease(partition: partition, epoch: epoch))
            }
        }
        guard !isTicking, world.now >= tickAt else { return }
        (isTicking, tickAt) = (true, world.now + ClusterPlan.tickPeriod)
        // Until it is known that they are gone nothing is taken, or what was given back might be taken at once.
        let takes = unwanted.isEmpty && giving.isEmpty
        ask(.tick(sent: world.now, given: giving), .tick(node, given: giving, takes: takes), world)
    }

    /// Whether lanes of a partition run or begin here.
    private func isBusy(_ partition: PartitionID) -> Bool {
        lanes.keys.contains { $0.partition == partition } || loading.contains { $0.partition == partition }
    }

    // MARK: Ingestion

    /// Takes a request in; its end is told to `replies`.
    func accept(_ numbers: Range<Int>, _ reply: ClusterReplies.Reply, _ world: ClusterWorld) {
        let request = PendingRequest()
        for number in numbers {
            let partition = world.plan.partition(number)
            let gather =
                gathers[partition]
                ?? Gather(partition: partition, flusher: Int(partition.number) % 2, settings: AppendQueueSettings())
            gathers[partition] = gather
            let entry = ClusterSender.entry(number, world.plan, at: world.now)
            _ = gather.add(entry, ClusterSender.body(number), for: request)
        }
        let replies = world.replies
        if world.flaw == .answersEarly { replies.note(reply) }
        request.whenEnded { outcome in
            replies.note(
                ClusterReplies.Reply(batch: reply.batch, attempt: reply.attempt, isKept: outcome == .committed)
            )
        }
    }

    private func flush(_ world: ClusterWorld) {
        for flusher in 0..<2 where !isFlushing.contains(flusher) {
            let mine = gathers.values.filter { $0.flusher == flusher }.sorted { $0.partition < $1.partition }
            let chunks = mine.flatMap { $0.take() }
            guard !chunks.isEmpty else { continue }
            isFlushing.insert(flusher)
            let flush = Flush(chunks)
            ask(.append(flush, flusher: flusher), .append(flush.drafts), world)
        }
    }

    /// Tells senders to come again though the append is still under way.
    func passDeadlines() {
        for case .append(let flush, _) in questions.values { flush.settleAll(.unavailable) }
    }

    // MARK: Lanes

    /// Compares what runs with what should.
    private func arrange(_ world: ClusterWorld) {
        for id in world.plan.lanes {
            let epoch = unwanted.contains(id.partition) ? nil : leases[id.partition]
            if let lane = lanes[id] {
                if lane.stand == .running, lane.lease.epoch != epoch { lane.stand = .leaving }
                if lane.stand == .ended { settle(lane) }
            } else if let epoch, !loading.contains(id), let store = world.database.stores[id] {
                loading.insert(id)
                world.add(.begin(self, run, store, epoch))
            }
        }
        for partition in windows.keys where !lanes.keys.contains(where: { $0.partition == partition }) {
            windows[partition] = nil
        }
    }

    /// Begins a lane from what was read of it while this epoch was known to be ours.
    func begin(_ store: ClusterDatabase.Store, _ epoch: Int64, _ world: ClusterWorld) {
        let id = store.record.lane
        loading.remove(id)
        guard leases[id.partition] == epoch, !unwanted.contains(id.partition) else { return }
        let lease = Lease(partition: id.partition, epoch: epoch)
        let lane = ClusterLane(store, lease, turn: world.reader.turn(of: id.partition), world.plan)
        world.reader.began(id, from: store)
        lanes[id] = lane
        roll.enter(id, lane.ledger, lease, after: store.record)
    }

    private func look(_ lane: ClusterLane, _ world: ClusterWorld) {
        switch lane.stand {
        case .running:
            let now = world.moment
            if let due = lane.machine.nextDue, due <= now.wall { lane.machine.wake(at: now) }
            if world.roll(3) == 0 { lane.publish() }
            read(lane, world)
        case .leaving:
            guard lane.underWay == 0 || world.roll(20) == 0 else { return }
            lane.publish()
            lane.stand = .ended
        case .ended: break
        }
        lane.takeActions(world.reader) { world.add(.work(self, run, lane, $0)) }
    }

    /// Forgets a lane whose last progress is committed, or never will be.
    private func settle(_ lane: ClusterLane) {
        guard let entry = roll[lane.id] else { return }
        guard entry.isOver || lane.ledger.isEmpty && !queue.holds(lane.id) else { return }
        roll.forget(lane.id)
        lanes[lane.id] = nil
    }

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
            var repeated = duplicates(in: chunk, world)[...]
            let isDamaged = world.database.damaged[chunk.partition]?.contains(chunk.firstOffset) == true
            for place in chunk.entries.indices {
                let isRepeated = repeated.first == place
                if isRepeated { repeated.removeFirst() }
                let offset = chunk.firstOffset + Int64(place)
                guard offset >= lane.position.offset, let body = try? chunk.bodies()[place] else { continue }
                let number = ClusterSender.number(in: body)
                let choice: LaneEvent.Choice =
                    isRepeated
                    ? .duplicate
                    : isDamaged ? .damaged("") : world.plan.isFiltered(number, lane.id) ? .filtered : .wanted
                events.append(LaneEvent(chunk, place, body, choice: choice))
            }
            chunks.append((chunk.firstOffset, chunk.sliceTime))
            end = chunk.end
        }
        world.add(.work(self, run, lane, .read(events, chunks, end: end)))
    }

    /// The events of a chunk that repeat an earlier message id, from windows as a node keeps them.
    private func duplicates(in chunk: Chunk, _ world: ClusterWorld) -> [Int] {
        if world.flaw == .forgetsDuplicates { return [] }
        var all = windows.removeValue(forKey: chunk.partition) ?? []
        defer { windows[chunk.partition] = all }
        if let known = all.first(where: { $0.knows(firstOffset: chunk.firstOffset, count: chunk.count) }) {
            return known.answers(firstOffset: chunk.firstOffset, count: chunk.count)
        }
        let index = all.firstIndex { $0.from <= chunk.firstOffset && $0.next <= chunk.firstOffset }
        var window =
            index.map { all.remove(at: $0) } ?? MessageWindow(length: world.plan.window, from: chunk.firstOffset)
        let earlier = (world.database.chunks[chunk.partition] ?? []).filter {
            $0.firstOffset >= max(window.next, 0) && $0.firstOffset < chunk.firstOffset
                && $0.sliceTime >= chunk.sliceTime - world.plan.window
        }
        let known = window.from
        for one in earlier { window.take(firstOffset: one.firstOffset, time: one.sliceTime, one.entries, limit: .max) }
        if window.from > known { window.forgetAnswers(before: chunk.firstOffset) }
        window.take(firstOffset: chunk.firstOffset, time: chunk.sliceTime, chunk.entries, limit: .max)
        all.insert(window, at: 0)
        if all.count > 2 { all.removeLast() }
        return window.answers(firstOffset: chunk.firstOffset, count: chunk.count)
    }

    // MARK: Checkpoints

    private func commit(_ world: ClusterWorld) {
        guard !isCommitting else { return }
        (isCommitting, hasGathered) = (true, false)
        queue.begin()
        commitNext(world)
    }

    private func commitNext(_ world: ClusterWorld) {
        if queue.next == nil, !hasGathered {
            hasGathered = true
            for lane in lanes.keys { roll.fill(lane) }
            queue.append(roll.gather(except: queue.lanes))
            queue.begin()
        }
        guard let batch = queue.next, let node else {
            isCommitting = false
            return
        }
        ask(.checkpoint, .checkpoint(batch.checkpoint, batch.leases, node: node), world)
    }

    private func committed(_ error: EventLogError?, _ world: ClusterWorld) {
        var error = error
        if world.flaw == .forgetsUnanswered, case .database(.connectionLost) = error { error = nil }
        switch queue.answer(error) {
        case .goOn: commitNext(world)
        case .pause: isCommitting = false
        case .pass: world.reader.report("node \(index) met \(error?.code ?? "nothing")")
        case .fenced(let batch):
            for page in batch.pages {
                roll.end(page.lane)
                lanes[page.lane]?.stand = .leaving
                if leases[page.lease.partition] == page.lease.epoch { leases[page.lease.partition] = nil }
            }
            tickAt = 0
            commitNext(world)
        case .refused(let batch): world.reader.report("the database refuses \(batch.pages.map(\.lane))")
        }
    }
}
