import Catalog
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
        case join(sent: Int64)
        case tick(sent: Int64, Tenancy.Wishes)
        case leave
        case append(Flush, flusher: Int)
        case checkpoint
        case unfinished(Source)
    }

    let index: Int
    /// Counts the lives of the node.
    private(set) var run = 0
    /// Of its data directory.
    private(set) var identity: String
    var isUp = true
    /// Whether nothing passes between the node and the database.
    var isCutOff = false
    /// Whether what it asks the database comes through, but no answer comes back.
    var isDeaf = false
    /// Whether it stands still; its boot clock goes on.
    var pausedSince: Int64?
    /// How long it has stood still.
    var rested: Int64 = 0
    /// How far somebody has set its wall clock.
    var wallShift: Int64 = 0
    /// Whether it ends in order.
    var isClosing = false

    // Membership
    var tenancy: Tenancy?
    var isAsking = false
    var tickAt: Int64 = 0
    /// Whether it has given its leases back and leaves.
    var isLeaving = false

    // Catalog
    /// The source as this node knows it.
    var source: Source
    /// The source as the lanes know it, and what is left of earlier generations.
    var known: (source: Source, succession: Succession)?
    var isLooking = false
    var lookAt: Int64 = 0

    // Ingestion
    private var gathers: [PartitionID: Gather] = [:]
    private var isFlushing = [false, false]

    // Pipeline
    var lanes: [ClusterLane] = []
    var loading: [LaneID] = []
    /// Whether what runs is to be compared with what should.
    var willArrange = false
    var roll = CheckpointRoll()
    var queue = CheckpointQueue()
    var isCommitting = false
    var hasGathered = false
    var windows: [PartitionID: PartitionWindows] = [:]

    private var questions: [Int: Question] = [:]
    private var lastTicket = 0

    init(_ index: Int, _ source: Source) {
        self.index = index
        identity = "node-\(index)"
        self.source = source
    }

    var isPaused: Bool { pausedSince != nil }

    /// Loses everything and begins anew, maybe with an empty data directory.
    func restart(isNew: Bool, _ source: Source) {
        run += 1
        if isNew { identity = "node-\(index)-\(run)" }
        (isUp, isCutOff, isDeaf, pausedSince, isClosing) = (true, false, false, nil, false)
        (tenancy, isAsking, tickAt, isLeaving) = (nil, false, 0, false)
        (self.source, known, isLooking, lookAt) = (source, nil, false, 0)
        (gathers, isFlushing, questions) = ([:], [false, false], [:])
        (lanes, loading, windows, willArrange) = ([], [], [:], false)
        (roll, queue, isCommitting, hasGathered) = (CheckpointRoll(), CheckpointQueue(), false, false)
    }

    /// Whether nothing is left to do but to wait for events.
    func isAtRest(_ world: ClusterWorld) -> Bool {
        isUp && !isClosing && known?.source == world.database.source && known?.succession.isOver == true
            && queue.batches.isEmpty && !isCommitting && !isFlushing.contains(true) && loading.isEmpty
            && lanes.allSatisfy {
                $0.isIdle && $0.stand == .running && $0.machine.nextOffset == world.database.end(of: $0.id.partition)
            }
    }

    func lane(_ id: LaneID) -> ClusterLane? { lanes.first { $0.id == id } }

    // MARK: Asking the database

    func ask(_ question: Question, _ statement: ClusterDatabase.Statement, _ world: ClusterWorld) {
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
        case .join, .tick, .leave: hear(answer, to: question, world)
        case .append(let flush, let flusher):
            if error == .partitionClosed, case .append = question { return dealAnew(flush, flusher, world) }
            isFlushing[flusher] = false
            flush.settleAll(error == nil ? .committed : .unavailable)
        case .checkpoint: committed(error, world)
        case .unfinished(let source):
            isLooking = false
            lookAt = world.now + ClusterPlan.tickPeriod / 2
            guard case .unfinished(let lanes) = answer else { return }
            look(at: source, Succession(lanes), world)
        }
    }

    // MARK: One turn

    /// Does what is due: everything that a node does on its own and not because something came to its end.
    func act(_ world: ClusterWorld) {
        tick(world)
        follow(world)
        flush(world)
        if willArrange { arrange(world) }
        for lane in lanes { look(lane, world) }
        if world.roll(3) == 0 { commit(world) }
    }

    // MARK: Ingestion

    /// Takes a request in; its end is told to `replies`.
    func accept(_ numbers: Range<Int>, _ reply: ClusterReplies.Reply, _ world: ClusterWorld) {
        let request = PendingRequest()
        for number in numbers {
            let entry = ClusterSender.entry(number, world.plan, at: world.now)
            let partition = source.current.partition(of: entry.userHash)
            let gather =
                gathers[partition]
                ?? Gather(partition: partition, flusher: Int(partition.number) % 2, settings: AppendQueueSettings())
            gathers[partition] = gather
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
        guard !gathers.isEmpty else { return }
        for flusher in 0..<2 where !isFlushing[flusher] {
            let mine = gathers.values.filter { $0.flusher == flusher }.sorted { $0.partition < $1.partition }
            let chunks = mine.flatMap { $0.take() }
            // What was gathered is with the flush now, and a partition may be closed when more comes.
            for gather in mine { gathers[gather.partition] = nil }
            guard !chunks.isEmpty else { continue }
            isFlushing[flusher] = true
            let flush = Flush(chunks)
            ask(.append(flush, flusher: flusher), .append(flush.drafts), world)
        }
    }

    /// Deals events out over the partitions that take them now, and appends them again.
    private func dealAnew(_ flush: Flush, _ flusher: Int, _ world: ClusterWorld) {
        take(world.database.source, world)
        let current = source.current
        let drafts = LogAppender.dealt(flush.drafts, chunkBytes: AppendQueueSettings().chunkBytes) {
            $0.generation < current.number ? current : nil
        }
        ask(.append(flush, flusher: flusher), .append(drafts), world)
    }

    /// Tells senders to come again though the append is still under way.
    func passDeadlines() {
        for (_, question) in questions.sorted(by: { $0.key < $1.key }) {
            if case .append(let flush, _) = question { flush.settleAll(.unavailable) }
        }
    }
}
