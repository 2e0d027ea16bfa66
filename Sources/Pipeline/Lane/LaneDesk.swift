import Catalog
import Conditions
import Delivery
import EventLog
import EventModel
import PluginHost
import WorkerProtocol

/// Where a lane begins: what was committed of it, or where it was made.
struct LaneStart: Sendable {
    var machine: LaneMachine
    var record: LaneRecord
}

/// What a lane's loop has before it while it runs.
struct LaneDesk {
    var machine: LaneMachine
    /// Whom the next portion meets.
    private(set) var current: Stage
    /// Whom each portion meets that is on its way to its requests.
    private var stages: [Int: Stage] = [:]
    /// The first portion that may be among them.
    private var firstStage = 0
    var trail: ChunkTrail
    /// Where to read on.
    var readPosition: LogPosition
    var isReading = false
    /// Where the position was when a gap was too wide to be passed.
    private var blocked: Int64?
    /// What lies below is not in the log any more.
    var gone: Int64 = 0
    /// The log had nothing more when it was looked at last.
    private var isDry = false
    /// The log may have grown since the read began that is under way.
    private var isCalled = false
    /// Nothing more comes before the bound of its plan.
    private var hasReadAll = false
    private(set) var receipts: [Int: (courier: Courier, receipt: Courier.Receipt)] = [:]
    /// How many parts of events each of them carries.
    private var carried: [Int: Int] = [:]
    /// The parts whose requests have come to an end since the lane began.
    private(set) var ended = 0
    /// Requests on their way that a former connector built.
    var stale: Set<Int> = []
    /// - Unit: microseconds since 1970.
    var alarm: Int64?
    /// The time that a last look is set for.
    var lastLook: Int64?
    /// Events that were read and wait for more, so that requests are filled; to the machine they are not read.
    private(set) var gathered: [LaneEvent] = []
    /// By whom it was judged which of them are wanted.
    private var gatheredBy: Chooser?
    /// Until when they wait; nil while there are none.
    /// - Unit: microseconds since 1970.
    private(set) var lingersUntil: Int64?

    private var standing = LaneStanding()

    /// What waits, where that is something else than when it was asked last.
    var standingChange: LaneStanding? {
        mutating get {
            let now = LaneStanding(
                lingering: gathered.count,
                lingersUntil: lingersUntil,
                parked: machine.parking.count,
                nextDue: machine.parking.nextDue,
                full: machine.hasRoomToPark ? 0 : 1
            )
            guard now != standing else { return nil }
            standing = now
            return now
        }
    }

    init(_ start: LaneStart, _ plan: LanePlan) {
        machine = start.machine
        current = (plan, 0)
        trail = ChunkTrail(before: start.record.position.sliceTime)
        readPosition = start.record.position
        machine.connector = Self.connector(plan)
        machine.traces.watch.set(sample: plan.sample)
        machine.schedule = plan.schedule
        machine.setOrder(plan.limits.ordered)
    }

    private static func connector(_ plan: LanePlan) -> PluginLabel {
        plan.labels.last ?? PluginLabel(plan.connector.plugin)
    }

    /// Sessions and courier, and the number of the plan that they are of.
    typealias Stage = (plan: LanePlan, number: Int)

    var plan: LanePlan { current.plan }

    /// Begins with another plan, and says whether it names another connector.
    mutating func assign(_ stage: Stage) -> Bool {
        let isOther = stage.plan.connector !== plan.connector || stage.plan.isTighter(than: plan)
        if stage.plan.bound != plan.bound {
            hasReadAll = false
            look()
        }
        current = stage
        machine.connector = Self.connector(plan)
        machine.traces.watch.set(sample: plan.sample)
        machine.schedule = plan.schedule
        machine.setOrder(plan.limits.ordered)
        if isOther { machine.connectorPlan = stage.number }
        return isOther
    }

    /// Lets a portion that starts now meet whom the newest plan names.
    mutating func enlist(_ portion: Int) { stages[portion] = current }

    func stage(of portion: Int) -> Stage { stages[portion] ?? current }

    func stage(of job: BuildJob) -> Stage {
        switch job {
        case .portion(let number): stage(of: number)
        case .rework: current
        }
    }

    /// What there is to do; whom portions met that have taken their places is forgotten, for they meet nobody any more.
    mutating func takeActions() -> [LaneAction] {
        while firstStage < machine.turn {
            stages[firstStage] = nil
            firstStage += 1
        }
        return machine.takeActions()
    }

    /// Notes that the log may have grown.
    mutating func look() {
        isDry = false
        isCalled = isReading
    }

    /// Where to read from now, and how many events, if it is time to.
    mutating func beginReading() -> (position: LogPosition, room: Int)? {
        guard !isReading, !isDry, !hasReadAll, let room = machine.room.map({ $0 - gathered.count }), room > 0 else {
            return nil
        }
        isReading = true
        isCalled = false
        return (readPosition, room)
    }

    /// Whether the lane has read everything before its bound, and all of that has come to its end.
    var isAtBound: Bool {
        hasReadAll && !isReading && gathered.isEmpty && machine.isIdle && machine.hasNothingParked
            && machine.progress.position == machine.nextOffset
    }

    /// When to read again though nobody calls, to learn that nothing more comes before the bound.
    /// - Unit: microseconds since 1970, by PostgreSQL's clock.
    var nextLastLook: Int64? { hasReadAll || !isDry || isReading ? nil : plan.bound.settledAt }

    /// Counts what has left the log as expired, unless that must wait for what is on its way.
    mutating func passGone(at now: Moment) {
        guard plan.replay?.readsLetters != true else { return }
        let gone = plan.bound.end.map { min($0, self.gone) } ?? self.gone
        if gone > machine.nextOffset, !isReading { endLinger(at: now) }
        guard gone > machine.nextOffset, !isReading, machine.expire(upTo: gone) else { return }
        readPosition = LogPosition(offset: max(readPosition.offset, gone), sliceTime: readPosition.sliceTime)
        isDry = false
    }

    /// Notes a request that delivery has taken over.
    mutating func hand(_ request: Int, parts: Int, to courier: Courier, _ receipt: Courier.Receipt) {
        receipts[request] = (courier, receipt)
        carried[request] = parts
    }

    /// Notes that a request has come to an end, or was taken back.
    mutating func close(_ request: Int) {
        receipts[request] = nil
        ended += carried.removeValue(forKey: request) ?? 0
    }

    /// How many portions whom they meet is remembered of.
    var enlisted: Int { stages.count }

    mutating func take(_ read: DecidedChunks, at now: Moment) {
        isReading = false
        // What was read up to another bound is read again.
        guard read.bound == plan.bound else { return isDry = false }
        hasReadAll = read.isAll
        if read.isSparse { return takeSparse(read, at: now) }
        guard let first = read.chunks.first, let last = read.chunks.last else {
            isDry = !isCalled
            return
        }
        // What was read before a gap comes before it.
        if first.first > readPosition.offset { endLinger(at: now) }
        guard !gathered.isEmpty || machine.expire(upTo: first.first) else {
            // The gap is too wide to be noted beside what is on its way; it is passed when less is.
            gone = max(gone, first.first)
            isDry = true
            return
        }
        if gatheredBy?.selection != read.chooser?.selection { endLinger(at: now) }
        gatheredBy = read.chooser
        for chunk in read.chunks { trail.append(first: chunk.first, time: chunk.time) }
        readPosition = last.end
        gathered += read.events
        linger(at: now)
    }

    /// Lets what was read go on, unless it is to wait for more.
    mutating func linger(at now: Moment) {
        guard !gathered.isEmpty else { return }
        guard let bound = plan.limits.linger else { return endLinger(at: now) }
        let until = lingersUntil ?? now.wall + bound.microseconds
        let wanted = gathered.count { if case .wanted = $0.choice { true } else { false } }
        let isFull = wanted >= plan.limits.batchEvents ?? machine.settings.portionEvents
        guard wanted > 0, !isFull, now.wall < until, until <= now.wall + bound.microseconds else {
            return endLinger(at: now)
        }
        lingersUntil = until
    }

    private mutating func endLinger(at now: Moment) {
        guard !gathered.isEmpty else { return }
        lingersUntil = nil
        let number = machine.nextPortion
        enlist(number)
        var labels = plan.labels
        // They may have been read under an earlier plan.
        if labels.last?.rule != nil { labels[labels.count - 1].rule = gatheredBy?.rule ?? "" }
        machine.read(gathered, chain: labels, steps: plan.steps, chosenBy: gatheredBy, at: now)
        gathered = []
        // All of it was settled at once.
        if machine.nextPortion == number { stages[number] = nil }
    }

    /// When there is something to do though nothing happens.
    /// - Unit: microseconds since 1970.
    var nextDue: Int64? {
        guard let until = lingersUntil else { return machine.nextDue }
        return min(until, machine.nextDue ?? until)
    }
}

/// Events with others between them that nobody wants.
extension LaneDesk {
    private mutating func takeSparse(_ read: DecidedChunks, at now: Moment) {
        let taken = machine.pass(read.events.map(\.offset), upTo: plan.bound.end)
        // A gap that must wait is tried again when something has come to its end.
        isDry = taken < read.events.count || read.events.isEmpty && machine.nextOffset < plan.bound.end ?? .max
        blocked = isDry ? machine.progress.position : nil
        guard taken > 0 else {
            readPosition.offset = max(readPosition.offset, machine.nextOffset)
            return
        }
        let events = Array(read.events.prefix(taken))
        for event in events { trail.append(first: event.offset, time: event.sliceTime) }
        let number = machine.nextPortion
        enlist(number)
        machine.read(events, chain: plan.labels, steps: plan.steps, at: now)
        readPosition = LogPosition(offset: machine.nextOffset, sliceTime: events[taken - 1].sliceTime)
        if machine.nextPortion == number { stages[number] = nil }
    }

    /// Reads on behind a gap if something has come to its end since it was too wide.
    mutating func passBlocked() {
        guard let place = blocked, machine.progress.position > place || machine.isIdle else { return }
        blocked = nil
        isDry = false
    }
}

extension LanePlan {
    /// A connector's request as it will be sent, with everything checked.
    func request(for outgoing: Outgoing) throws(DeliveryError) -> OutboundRequest {
        let content = outgoing.content
        var headers = content.headers.map { OutboundRequest.Header(name: $0.name, value: $0.value) }
        if !content.contentType.isEmpty {
            headers.append(OutboundRequest.Header(name: "Content-Type", value: content.contentType))
        }
        let asked = Duration.milliseconds(content.timeoutMilliseconds)
        return try OutboundRequest(
            method: content.method.isEmpty ? "POST" : content.method,
            url: content.url,
            headers: headers,
            body: content.body,
            secret: content.authReference,
            idempotencyKey: content.idempotencyKey.isEmpty ? outgoing.key.description : content.idempotencyKey,
            timeout: asked > .zero ? min(asked, limits.timeout) : limits.timeout,
            policy: policy,
            trace: outgoing.key,
            replay: replay?.id.rawValue,
            book: secrets
        )
    }
}
