import Delivery
import EventLog
import EventModel
import Logging
import PluginHost
import Synchronization
import WorkerProtocol

/// Runs one lane: does what its machine decides, and tells the machine what came of it.
///
/// - Owner: the pipeline. The machine belongs to ``run()`` alone; everybody else leaves messages.
final class Lane: Sendable {
    /// What others have to tell a lane.
    enum Message: Sendable {
        /// The log may have grown, or a bound may have lifted.
        case look
        /// It is, or was by another reading of the clock, the time to learn that nothing more comes before the bound.
        case lastLook
        /// It is, or was by another reading of the clock, the time that an alarm was set for.
        case alarm(Int64)
        case read(DecidedChunks)
        /// Reading failed and may be tried again.
        case readFailed
        case transformed(portion: Int, [PluginVerdict])
        /// By the transformations of the source.
        case sourced(portion: Int, SourceAnswer)
        case built(BuildJob, RequestPlan, under: Int)
        case reread(portion: Int, RereadEvents)
        /// A portion met a stage that is gone.
        case restart(portion: Int)
        case ended(request: Int, RequestEnding)
        /// Its one event fails and nobody else is served.
        case alone(request: Int)
        /// Leave what happened for the checkpointer.
        case checkpoint
        /// What lies below has left the log, in a partition that never grows any more.
        case gone(upTo: Int64)
        /// Only these users still have something parked in an earlier generation.
        case hold(Set<UInt64>)
        case plan(LanePlan, number: Int)
        /// Follow these users and messages.
        case watch(TraceWatch)
        /// Come to an end; requests under way have so long.
        case stop(within: Duration)
    }

    let key: LaneID
    let ledger: LaneLedger
    let start: LaneStart
    let feed: PartitionFeed
    let log: EventLog
    let destination: DestinationID
    /// Where people watch what passes.
    let tail: TailHub
    /// Where it is seen that a portion waits for a plugin.
    let waits: PluginWaits
    /// Where it is counted what lanes keep of events' ways.
    private let traces: TraceCounts
    let logger: Logger
    private let initialPlan: LanePlan
    private let inbox = Mutex<[Message]>([])
    private let arrivals: AsyncStream<Void>
    private let arrival: AsyncStream<Void>.Continuation
    /// What waits here, for people to see.
    let standing = Mutex(LaneStanding())
    /// The users that the lane was told of last.
    private let held: Mutex<Set<UInt64>>
    private let standsAtBound = Atomic<Bool>(false)
    /// The newest plan, for what waits for a plugin to come back.
    let plan: Mutex<(number: Int, plan: LanePlan)>

    init(
        _ key: LaneID,
        start: LaneStart,
        plan: LanePlan,
        feed: PartitionFeed,
        log: EventLog,
        waits: PluginWaits,
        traces: TraceCounts = TraceCounts(),
        tail: TailHub = TailHub(),
        tell: @escaping @Sendable (LaneLedger.News) -> Void = { _ in },
        logger: Logger
    ) {
        self.key = key
        self.start = start
        ledger = LaneLedger(start.machine.settings, tell: tell)
        self.feed = feed
        self.log = log
        self.waits = waits
        self.traces = traces
        self.tail = tail
        destination = start.machine.destination
        self.logger = logger
        initialPlan = plan
        held = Mutex(start.machine.heldUsers)
        self.plan = Mutex((0, plan))
        (arrivals, arrival) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Whether it has read everything before its bound, and nothing of that is under way, parked or unsettled.
    ///
    /// What it did last may still have to be committed.
    var isAtBound: Bool { standsAtBound.load(ordering: .relaxed) }

    func post(_ message: Message) {
        inbox.withLock { $0.append(message) }
        arrival.yield()
    }

    /// Works with other plugins or another destination from the next portion on.
    func assign(_ plan: LanePlan) {
        let number = self.plan.withLock { newest in
            newest = (newest.number + 1, plan)
            return newest.number
        }
        post(.plan(plan, number: number))
    }

    /// Lets the events of users go on who are not among these any more.
    func hold(_ users: Set<UInt64>) {
        let isNews = held.withLock { held in
            defer { held = users }
            return held != users
        }
        if isNews { post(.hold(users)) }
    }

    /// How long requests that are under way may take when the lane is stopped.
    static let farewell = Duration.seconds(5)

    /// Runs until it is told to stop, or its task is cancelled; what happened is then in the ledger.
    func run() async {
        var desk = LaneDesk(start, initialPlan)
        var farewell: Duration?
        let watch = log.signals.watch(key.partition) { [weak self] in self?.post(.look) }
        defer { log.signals.unwatch(key.partition, watch) }
        await withDiscardingTaskGroup { group in
            post(.look)
            for await _ in arrivals {
                let messages = inbox.withLock { inbox in
                    defer { inbox = [] }
                    return inbox
                }
                watchOutcomes(&desk.machine)
                for (place, message) in messages.enumerated() {
                    guard let bound = take(message, &desk) else { continue }
                    farewell = bound
                    // What came in behind the word to stop is heard while the lane withdraws.
                    inbox.withLock { $0.insert(contentsOf: messages[(place + 1)...], at: 0) }
                    break
                }
                if farewell != nil { break }
                perform(&desk, &group)
                showOutcomes(&desk)
            }
            await withdraw(&desk, within: farewell ?? .zero)
            showOutcomes(&desk)
            group.cancelAll()
        }
        // What was still under way when the bound was reached is delivered again by whoever goes on.
        publish(&desk)
    }

    /// Tells the machine; when the lane is to stop, how long that may take.
    private func take(_ message: Message, _ desk: inout LaneDesk) -> Duration? {
        let now = Moment.now
        switch message {
        case .look: desk.look()
        case .lastLook:
            desk.lastLook = nil
            desk.look()
        case .alarm(let due): if desk.alarm == due { desk.alarm = nil }
        case .read(let chunks): desk.take(chunks, at: now)
        case .readFailed: desk.isReading = false
        case .transformed(let portion, let verdicts):
            desk.machine.transformed(portion, verdicts, at: now)
        case .sourced(let portion, let answer): desk.machine.transformed(portion, answer, at: now)
        case .built(let job, let plan, let number): desk.machine.built(job, plan, under: number, at: now)
        case .reread(let portion, let again):
            desk.enlist(portion)
            desk.machine.reread(portion, again, chain: desk.plan.labels, steps: desk.plan.steps, at: now)
        case .restart(let portion):
            desk.enlist(portion)
            desk.machine.restart(portion, chain: desk.plan.labels, steps: desk.plan.steps, at: now)
        case .ended(let request, let ending):
            desk.close(request)
            desk.machine.ended(request, ending, at: now)
        case .alone(let request): desk.machine.letOthersPass(request, at: now)
        case .checkpoint: publish(&desk)
        case .gone(let offset): desk.gone = max(desk.gone, offset)
        case .hold(let users): desk.machine.hold(users, at: now)
        case .plan(let plan, let number):
            if desk.assign((plan, number)) { desk.stale = Set(desk.receipts.keys) }
        case .watch(var watch):
            watch.set(sample: desk.plan.sample)
            desk.machine.watch(watch)
        case .stop(let bound): return bound
        }
        return nil
    }

    /// Does what the machine wants, reads on if there is room, and sets the next alarm.
    private func perform(_ desk: inout LaneDesk, _ group: inout DiscardingTaskGroup) {
        let now = Moment.now
        if let due = desk.machine.nextDue, due <= now.wall { desk.machine.wake(at: now) }
        if desk.lingersUntil != nil { desk.linger(at: now) }
        for action in desk.takeActions() {
            switch action {
            case .transform(let portion, let step, let events):
                let stage = desk.stage(of: portion)
                let followed = desk.machine.followed(portion, at: step)
                group.addTask { await self.transform(portion, step, events, stage, followed) }
            case .build(let job, let events):
                let stage = desk.stage(of: job)
                group.addTask { await self.build(job, events, stage) }
            case .submit(let outgoing): submit(outgoing, &desk)
            case .reread(let portion, let items): group.addTask { await self.reread(portion, items) }
            }
        }
        desk.passGone(at: now)
        desk.passBlocked()
        if desk.machine.hasMuchToCommit { publish(&desk) }
        if !ledger.isFull, let (position, room) = desk.beginReading() {
            let plan = desk.plan
            group.addTask { await self.read(from: position, room: room, plan) }
        }
        if !desk.plan.bound.isNone || isAtBound { keepToBound(&desk, &group) }
        if desk.machine.isChanged { ledger.note() }
        if !desk.stale.isEmpty { renewStale(&desk) }
        setAlarm(&desk, &group)
        if let change = desk.standingChange { standing.withLock { $0 = change } }
    }

    /// Says whether it stands at its bound, and looks once more when that can be known.
    private func keepToBound(_ desk: inout LaneDesk, _ group: inout DiscardingTaskGroup) {
        standsAtBound.store(desk.isAtBound, ordering: .relaxed)
        guard let look = desk.nextLastLook, desk.lastLook != look else { return }
        desk.lastLook = look
        let pause = Duration.microseconds(max(0, look - log.databaseTime))
        group.addTask {
            try? await Task.sleep(for: pause, clock: .continuous)
            self.post(.lastLook)
        }
    }

    private func setAlarm(_ desk: inout LaneDesk, _ group: inout DiscardingTaskGroup) {
        guard let due = desk.nextDue, desk.alarm.map({ due < $0 }) ?? true else { return }
        desk.alarm = due
        let pause = Duration.microseconds(max(0, due - Moment.now.wall))
        group.addTask {
            try? await Task.sleep(for: pause, clock: .continuous)
            self.post(.alarm(due))
        }
    }

    private func submit(_ outgoing: [Outgoing], _ desk: inout LaneDesk) {
        var parcels: [Courier.Parcel] = []
        var handed: [Outgoing] = []
        for one in outgoing {
            let request: OutboundRequest
            do throws(DeliveryError) {
                request = try desk.plan.request(for: one)
            } catch {
                post(.ended(request: one.request, .unsendable(code: error.code, reason: error.description)))
                continue
            }
            handed.append(one)
            parcels.append(
                Courier.Parcel(
                    request: request,
                    events: one.parts,
                    users: one.users,
                    attempts: one.attempts,
                    waited: one.waited,
                    throttles: one.throttles,
                    tries: one.again?.tries ?? 0,
                    delay: one.again?.delay ?? .zero,
                    isReplay: desk.plan.replay != nil,
                    judge: desk.plan.judge(of: one),
                    isKept: one.isKept,
                    edition: desk.plan.edition,
                    alone: { [weak self] in self?.post(.alone(request: one.request)) },
                    outdated: { [weak self] in self?.post(.look) }
                ) { [weak self] ending, attempts in
                    self?.post(.ended(request: one.request, .delivery(ending, attempts)))
                }
            )
        }
        let courier = desk.plan.courier
        ledger.hand(handed.reduce(0) { $0 + $1.parts })
        for (one, receipt) in zip(handed, courier.submit(parcels)) {
            desk.hand(one.request, parts: one.parts, to: courier, receipt)
        }
    }

    private func publish(_ desk: inout LaneDesk) {
        ledger.clear()
        guard desk.machine.isChanged else { return }
        var checkpoint = desk.machine.takeCheckpoint()
        traces.add(written: checkpoint.traces.count, leftOut: desk.machine.takeLeftOut())
        feed.excluded.add(droppedParts: checkpoint.droppedParts)
        checkpoint.sliceTime = desk.trail.time(of: checkpoint.position)
        checkpoint.ended = desk.ended
        ledger.publish(checkpoint)
    }

    /// Takes back requests that a former connector built and that are not under way now.
    private func renewStale(_ desk: inout LaneDesk) {
        var withdrawn: [Int] = []
        for request in desk.stale {
            guard let (courier, receipt) = desk.receipts[request] else {
                desk.stale.remove(request)
                continue
            }
            guard courier.withdrawWaiting([receipt]).isEmpty else { continue }
            desk.stale.remove(request)
            desk.close(request)
            withdrawn.append(request)
        }
        if !withdrawn.isEmpty {
            desk.machine.withdrawn(withdrawn, at: Moment.now)
            post(.look)
        }
    }

    /// Takes back what was not sent, and waits a little for what was; the rest is called off, since whoever goes on sends
    /// it again.
    private func withdraw(_ desk: inout LaneDesk, within bound: Duration) async {
        var deadline = ContinuousClock.now + bound
        while true {
            var left = 0
            for courier in Set(desk.receipts.values.map { ObjectIdentifier($0.courier) }) {
                let mine = desk.receipts.values.filter { ObjectIdentifier($0.courier) == courier }
                left += mine.first?.courier.withdrawWaiting(mine.map(\.receipt)).count ?? 0
            }
            for message in inbox.withLock({ inbox in
                defer { inbox = [] }
                return inbox
            }) {
                switch message {
                case .ended(let request, let ending):
                    desk.close(request)
                    desk.machine.ended(request, ending, at: Moment.now)
                    _ = desk.machine.takeActions()
                case .stop(let bound): deadline = min(deadline, .now + bound)
                default: break
                }
            }
            if left == 0 || ContinuousClock.now >= deadline || Task.isCancelled { break }
            try? await Task.sleep(for: .milliseconds(20), clock: .continuous)
        }
        for (courier, receipt) in desk.receipts.values { courier.callOff([receipt]) }
    }
}
