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
    /// What lies below is not in the log any more.
    var gone: Int64 = 0
    /// The log had nothing more when it was looked at last.
    private var isDry = false
    /// The log may have grown since the read began that is under way.
    private var isCalled = false
    private(set) var receipts: [Int: (courier: Courier, receipt: Courier.Receipt)] = [:]
    /// How many parts of events each of them carries.
    private var carried: [Int: Int] = [:]
    /// The parts whose requests have come to an end since the lane began.
    private(set) var ended = 0
    /// Requests on their way that a former connector built.
    var stale: Set<Int> = []
    /// - Unit: microseconds since 1970.
    var alarm: Int64?

    init(_ start: LaneStart, _ plan: LanePlan) {
        machine = start.machine
        current = (plan, 0)
        trail = ChunkTrail(before: start.record.position.sliceTime)
        readPosition = start.record.position
        machine.connector = PluginLabel(plan.connector.plugin)
    }

    /// Sessions and courier, and the number of the plan that they are of.
    typealias Stage = (plan: LanePlan, number: Int)

    var plan: LanePlan { current.plan }

    /// Begins with another plan, and says whether it names another connector.
    mutating func assign(_ stage: Stage) -> Bool {
        let isOther = stage.plan.connector !== plan.connector
        current = stage
        machine.connector = PluginLabel(plan.connector.plugin)
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
        guard !isReading, !isDry, let room = machine.room else { return nil }
        isReading = true
        isCalled = false
        return (readPosition, room)
    }

    /// Counts what has left the log as expired, unless that must wait for what is on its way.
    mutating func passGone() {
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
        guard let first = read.chunks.first, let last = read.chunks.last else {
            isDry = !isCalled
            return
        }
        guard machine.expire(upTo: first.first) else {
            // The gap is too wide to be noted beside what is on its way; it is passed when less is.
            gone = max(gone, first.first)
            isDry = true
            return
        }
        for chunk in read.chunks { trail.append(first: chunk.first, time: chunk.time) }
        readPosition = last.end
        let number = machine.nextPortion
        enlist(number)
        machine.read(read.events, chain: plan.labels, at: now)
        // All of it was settled at once.
        if machine.nextPortion == number { stages[number] = nil }
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
            timeout: asked > .zero ? min(asked, timeout) : timeout,
            policy: policy
        )
    }
}
