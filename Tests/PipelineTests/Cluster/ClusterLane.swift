import Delivery
import EventModel
import PluginHost
import TestSupport
import WorkerProtocol

@testable import EventLog
@testable import Pipeline

/// One lane on a node: the machine, and what its owner does for it.
final class ClusterLane {
    /// Something that takes time.
    enum Work {
        case transform(portion: Int, step: Int, [PluginEvent])
        case build(BuildJob, [PluginEvent])
        case reread(portion: Int, [ParkedItem])
        case read([LaneEvent], [(first: Int64, time: Int64)], end: LogPosition)
        case readNothing
        /// A request waits for its turn to be sent.
        case send(Outgoing)
        /// The lease was looked at, and the request goes out next.
        case leave(Outgoing)
        case ended(Outgoing, RequestEnding)
    }

    enum Stand {
        case running
        /// It sends nothing new and waits for what is under way.
        case leaving
        /// What it did waits to be committed.
        case ended
    }

    let id: LaneID
    let lease: Lease
    let start: ClusterDatabase.Store
    let ledger: LaneLedger
    /// Which life of the lane this is, as the reader counts them.
    var life = 0
    var machine: LaneMachine
    var stand = Stand.running
    private let chain: [PluginLabel]
    private let plan: ClusterPlan
    private var trail: ChunkTrail
    private(set) var position: LogPosition
    var isReading = false
    /// Requests that left and were not answered.
    var underWay = 0
    private var acknowledged: Set<ClusterReader.PartID> = []

    static let settings: LaneSettings = {
        var settings = LaneSettings()
        settings.windowEvents = 40
        settings.portionEvents = 12
        settings.releaseEvents = 4
        settings.divisor = 3
        settings.schedule = RetrySchedule(
            first: .milliseconds(8),
            cap: .milliseconds(30),
            maximumAttempts: 100_000,
            maximumAge: .seconds(1_000_000)
        )
        return settings
    }()

    init(_ start: ClusterDatabase.Store, _ lease: Lease, _ plan: ClusterPlan) {
        let record = start.record
        id = record.lane
        self.lease = lease
        self.start = start
        self.plan = plan
        chain = (0...plan.steps).map { PluginLabel(id: "stage.\($0)", version: "1") }
        ledger = LaneLedger(Self.settings)
        position = record.position
        trail = ChunkTrail(before: record.position.sliceTime)
        machine = LaneMachine(
            partition: id.partition,
            destination: DestinationID(rawValue: id.consumer.rawValue),
            settings: Self.settings,
            progress: LaneProgress(
                position: record.position.offset,
                beyond: record.beyond,
                counts: record.counts,
                expired: record.expired
            ),
            parked: start.parked.values.sorted { ($0.offset, $0.part ?? -1) < ($1.offset, $1.part ?? -1) }.map {
                ParkedItem($0)
            }
        )
    }

    /// Whether everything that was read has come to its end, and nothing waits.
    var isIdle: Bool { machine.isIdle && machine.nextDue == nil && !machine.isChanged && ledger.isEmpty }

    func publish() {
        guard machine.isChanged else { return }
        var checkpoint = machine.takeCheckpoint()
        checkpoint.sliceTime = trail.time(of: checkpoint.position)
        ledger.publish(checkpoint)
    }

    /// The parts that a request carries.
    static func parts(of request: Outgoing) -> [ClusterReader.PartID] {
        let body = request.content.body
        return stride(from: body.startIndex, to: body.endIndex, by: 3).map {
            ClusterReader.PartID(offset: Int64(body[$0]) | Int64(body[$0 + 1]) << 8, part: Int(body[$0 + 2]))
        }
    }

    // MARK: What the machine wants

    func takeActions(_ reader: ClusterReader, _ work: (Work) -> Void) {
        for action in machine.takeActions() where stand == .running {
            switch action {
            case .transform(let portion, let step, let events):
                work(.transform(portion: portion, step: step, events))
            case .build(let job, let events): work(.build(job, events))
            case .reread(let portion, let items): work(.reread(portion: portion, items))
            case .submit(let outgoing):
                for request in outgoing {
                    check(request, reader)
                    work(.send(request))
                }
            }
        }
    }

    /// Nothing is sent that the lane itself knows to be over.
    private func check(_ request: Outgoing, _ reader: ClusterReader) {
        reader.trace?("\(id) submits \(Self.parts(of: request))")
        for part in Self.parts(of: request) {
            if acknowledged.contains(part) { reader.report("\(id) sends \(part), which was acknowledged") }
            if reader.isSettled(part, in: start) { reader.report("\(id) sends \(part), which was settled before") }
        }
    }

    // MARK: What the machine is told

    func perform(_ work: Work, _ world: ClusterWorld, at now: Moment) {
        switch work {
        case .transform(let portion, let step, let events):
            machine.transformed(portion, events.map { verdict($0, step, world) }, at: now)
        case .build(let job, let events): machine.built(job, requests(events, world), under: 0, at: now)
        case .reread(let portion, let items):
            machine.reread(portion, reread(items, world.database), chain: chain, at: now)
        case .read(let events, let chunks, let end):
            isReading = false
            for chunk in chunks { trail.append(first: chunk.first, time: chunk.time) }
            position = end
            machine.read(events, chain: chain, at: now)
        case .readNothing: isReading = false
        case .ended(let request, let ending):
            underWay -= 1
            world.reader.trace?("\(id) hears of \(Self.parts(of: request)): \(ending)")
            if case .delivery(.delivered, _) = ending { acknowledged.formUnion(Self.parts(of: request)) }
            machine.ended(request.request, ending, at: now)
        case .send, .leave: break
        }
    }

    private func number(_ offset: Int64, _ world: ClusterWorld) -> Int {
        world.reader.log[id.partition]?[Int(offset)].number ?? 0
    }

    private func verdict(_ event: PluginEvent, _ step: Int, _ world: ClusterWorld) -> PluginVerdict {
        guard step == 0 else { return .emit([event.json][...]) }
        let number = number(event.offset, world)
        if plan.isDropped(number, id) { return .drop(reason: "") }
        if plan.isFailed(number, id) { return .fail(code: "no", message: "", disposition: .bury) }
        if plan.isTriedAgain(number, id), event.attempt < 3 {
            return .fail(code: "later", message: "", disposition: .retry(after: .milliseconds(10)))
        }
        return .emit(Array(repeating: event.json, count: plan.parts(number, id))[...])
    }

    private func requests(_ events: [PluginEvent], _ world: ClusterWorld) -> RequestPlan {
        var made = RequestPlan()
        var group: [Int] = []
        func flush() {
            guard !group.isEmpty else { return }
            let body = group.flatMap { index in
                let offset = events[index].offset
                return [UInt8(offset & 255), UInt8(offset >> 8), UInt8(events[index].part)]
            }
            made.requests.append(PluginRequest(url: "http://sink/", body: body[...], events: group))
            group = []
        }
        for (index, event) in events.enumerated() {
            let (number, part) = (number(event.offset, world), Int(event.part))
            if plan.isConnectorDropped(number, part, id) {
                made.fates.append(.drop(reason: ""))
            } else if plan.isConnectorFailed(number, part, id) {
                made.fates.append(.fail(code: "bad", message: "", disposition: .bury))
            } else if world.isStormy, world.roll(20) == 0 {
                made.fates.append(.fail(code: "busy", message: "", disposition: .retry(after: .milliseconds(10))))
            } else {
                made.fates.append(.requested)
                group.append(index)
                if group.count == plan.batch { flush() }
            }
        }
        flush()
        return made
    }

    private func reread(_ items: [ParkedItem], _ database: ClusterDatabase) -> RereadEvents {
        var again = RereadEvents()
        let chunks = database.chunks[id.partition] ?? []
        for item in items {
            let found = chunks.last { $0.firstOffset <= item.offset }
            guard let chunk = found else { continue }
            let place = Int(item.offset - chunk.firstOffset)
            if database.damaged[id.partition]?.contains(chunk.firstOffset) == true {
                again.damage[item.offset] = "its bodies have changed"
            } else if let bodies = try? chunk.bodies() {
                again.events.append(LaneEvent(chunk, place, bodies[place]))
            }
        }
        return again
    }
}
