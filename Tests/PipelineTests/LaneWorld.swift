import Conditions
import Delivery
import EventModel
import PluginHost
import TestSupport
import Testing
import WorkerProtocol

@testable import Pipeline

/// A lane with everything around it played by a seed: a log, plugins, a destination, a database and crashes.
struct LaneWorld {
    /// What the database holds.
    struct Committed {
        var position: Int64 = 0
        var beyond: [UInt8] = []
        var counts = Counts()
        var reasons = ReasonCounts()
        var parked: [ParkedKey: ParkedItem] = [:]
        var pasts: [ParkedKey: ParkedPast] = [:]
        var deadLetters: [LaneDeadLetter] = []
        var traces: [EventTrace] = []
    }

    enum Mood {
        /// Plugins let everything through and the destination takes everything but poison.
        case calm
        /// Every kind of verdict and answer.
        case wild
    }

    private enum Task {
        case transform(portion: Int, step: Int, [PluginEvent])
        case build(BuildJob, [PluginEvent], under: Int)
        case reread(portion: Int, [Int64])
        case send(Outgoing)
    }

    static let settings: LaneSettings = {
        var settings = LaneSettings()
        settings.windowEvents = 300
        settings.portionEvents = 40
        settings.releaseEvents = 7
        settings.schedule = RetrySchedule(maximumAttempts: 1_000)
        return settings
    }()

    private(set) var machine: LaneMachine
    private(set) var committed = Committed()
    private var random: SplitMix
    private let events: Int64
    /// How the log is cut, in order.
    private var chunks: [Range<Int64>] = []
    private let users: UInt64
    private let crashes: Bool
    private let mood: Mood
    private var tasks: [Task] = []
    private var parts: [Int: [(offset: Int64, part: Int)]] = [:]
    private var wall: Int64 = 1_000_000
    private var instant = ContinuousClock.now
    private let chain: [PluginLabel]
    /// The first transformation may have a condition, and be the source's.
    private let steps: LaneSteps
    /// Only for later events is it asked.
    private let threshold: Int64
    /// Offsets whose end was seen from outside: every part taken or refused for good.
    private var taken: [Int64: Set<Int>] = [:]
    var poison: Set<Int64> = []
    var refused: Set<Int64> = []
    var batch = 0
    /// How many kinds of events there are; the connector never puts two kinds into one request.
    var kinds: Int64 = 1
    /// Whether the connector asks for a second request with some of the events.
    var repeats = false
    /// Whether the connector has a say in what some answers mean.
    var judges = false
    var neverAnswers = false
    /// Whether events of a user shall wait for each other, and whether somebody changes that again and again.
    var isOrdered = true {
        didSet { machine.setOrder(isOrdered) }
    }
    var changesOrder = false
    /// How often an event was taken before an earlier one of its user, while that was allowed.
    private(set) var overtaken = 0
    /// Users of whom something is parked in an earlier generation; at some time nothing is any more.
    private var held: Set<UInt64>
    /// The share of events whose ways are kept.
    private let sample: Double

    init(
        seed: UInt64,
        events: Int64,
        users: UInt64,
        crashes: Bool,
        mood: Mood = .wild,
        held: Set<UInt64> = [],
        sample: Double = 0
    ) {
        self.sample = sample
        random = SplitMix(seed: seed)
        self.held = held
        self.events = events
        self.users = users
        self.crashes = crashes
        self.mood = mood
        let steps = mood == .calm ? 1 : Int(random.next() % 3)
        chain = (0...steps).map { PluginLabel(id: "stage.\($0)", version: "1") }
        // From a number of its own, so that every seed plays on as it did.
        var own = SplitMix(seed: ~seed)
        let isChoosy = mood == .wild && own.next() % 2 == 0
        threshold = isChoosy ? Int64(own.next() % UInt64(max(1, events))) : -1
        let condition = isChoosy ? try? Condition(parsing: "n > \(threshold)") : nil
        let isShared = mood == .wild && steps > 0 && own.next() % 3 == 0
        self.steps = LaneSteps(conditions: [condition], shared: isShared ? 1 : 0)
        batch = Int(random.next() % 3) * 12
        if mood == .wild {
            kinds = 1 + Int64(random.next() % 3)
            repeats = random.next() % 4 == 0
            judges = random.next() % 2 == 0
        }
        machine = Self.machine(committed)
        machine.hold(held)
        machine.watch(TraceWatch(sample: sample))
        var next: Int64 = 0
        while next < events {
            let size = 1 + Int64(random.next() % UInt64(Self.largestChunk))
            chunks.append(next..<min(events, next + size))
            next += size
        }
    }

    /// - Unit: events.
    static let largestChunk: Int64 = 60

    private static func machine(_ committed: Committed) -> LaneMachine {
        LaneMachine(
            partition: PartitionID(source: SourceID(rawValue: 1), generation: 0, number: 0),
            destination: DestinationID(rawValue: 2),
            settings: settings,
            progress: LaneProgress(
                position: committed.position,
                beyond: committed.beyond,
                counts: committed.counts,
                reasons: committed.reasons
            ),
            parked: committed.parked.values.sorted { $0.offset < $1.offset }
        )
    }

    // MARK: What the plugins do, which follows from the offset alone

    /// Whether there is a transformation that is asked of the event.
    private func isAsked(_ offset: Int64) -> Bool { mood == .wild && chain.count > 1 && offset > threshold }
    private func isDropped(_ offset: Int64) -> Bool { isAsked(offset) && offset % 17 == 3 }
    private func isFailed(_ offset: Int64) -> Bool { isAsked(offset) && offset % 23 == 4 }
    private func partCount(_ offset: Int64) -> Int { isAsked(offset) && offset % 7 == 5 ? 1 + Int(offset % 3) : 1 }
    private func isConnectorDropped(_ offset: Int64, _ part: Int) -> Bool {
        mood == .wild && (offset + Int64(part)) % 29 == 1
    }
    private func isConnectorFailed(_ offset: Int64, _ part: Int) -> Bool {
        mood == .wild && (offset + Int64(part)) % 31 == 2
    }
    private func isRefused(_ offset: Int64, _ part: Int) -> Bool {
        refused.contains(offset) || mood == .wild && (offset + Int64(part)) % 37 == 9
    }
    private func user(_ offset: Int64) -> UInt64 { UInt64(offset) % users }

    /// Whether nothing of the event is ever sent.
    private func isSilent(_ offset: Int64) -> Bool {
        isDropped(offset) || isFailed(offset)
            || (0..<partCount(offset)).allSatisfy { isConnectorDropped(offset, $0) || isConnectorFailed(offset, $0) }
    }

    private func isOver(_ offset: Int64) -> Bool {
        if isSilent(offset) { return true }
        let ended = taken[offset] ?? []
        return (0..<partCount(offset)).allSatisfy {
            ended.contains($0) || isConnectorDropped(offset, $0) || isConnectorFailed(offset, $0)
        }
    }

    // MARK: Running

    private var now: Moment { Moment(instant: instant, wall: wall) }

    mutating func run() {
        for _ in 0..<200_000 {
            if machine.isIdle, machine.nextOffset == events, machine.nextDue == nil, held.isEmpty { break }
            step()
        }
        commit()
    }

    /// Runs until only parked events are left.
    mutating func runUntilStill() {
        for _ in 0..<20_000 where !(machine.isIdle && machine.nextOffset == events) { step(letsTimePass: false) }
    }

    mutating func wake() {
        machine.wake(at: now)
        takeActions()
    }

    mutating func step(letsTimePass: Bool = true) {
        let choice = random.next() % 100
        if choice < 15 {
            read()
        } else if choice < 18 {
            commit()
        } else if choice < 22, letsTimePass {
            wall += Int64(random.next() % 3_000_000)
            machine.wake(at: now)
        } else if crashes, choice == 22, random.next() % 4 == 0 {
            crash()
        } else if mood == .wild, choice == 23, random.next() % 4 == 0 {
            changeConnector()
        } else if changesOrder, choice == 25, random.next() % 4 == 0 {
            isOrdered.toggle()
        } else if choice == 24, let user = held.sorted().randomElement(using: &random) {
            held.remove(user)
            machine.hold(held, at: now)
        } else if let place = tasks.indices.randomElement(using: &random) {
            perform(tasks.remove(at: place))
        } else if letsTimePass, let due = machine.nextDue {
            wall = max(wall, due)
            machine.wake(at: now)
        }
        takeActions()
    }

    /// Chunks come whole, as many as begin within the room; after a crash the first may begin before what is wanted.
    private mutating func read() {
        guard let room = machine.room, machine.nextOffset < events else { return }
        let limit = 1 + Int(random.next() % 5)
        var offsets: [Int64] = []
        for chunk in chunks.drop(while: { $0.upperBound <= machine.nextOffset }).prefix(limit) {
            if offsets.count >= room { break }
            offsets += chunk.clamped(to: machine.nextOffset..<events)
        }
        machine.read(offsets.map { event($0, isNew: true) }, chain: chain, steps: steps, at: now)
    }

    private func event(_ offset: Int64, isNew: Bool) -> LaneEvent {
        let choice: LaneEvent.Choice =
            switch offset {
            case _ where mood == .calm: .wanted
            case _ where offset % 11 == 7: .duplicate
            case _ where offset % 13 == 8: .filtered(Exclusion.allCases[Int(offset % 3)])
            case _ where offset % 43 == 5: .damaged("its bodies have changed")
            default: .wanted
            }
        return LaneEvent(
            offset: offset,
            sliceTime: offset,
            userHash: user(offset),
            receivedAt: offset,
            json: Array("{\"n\":\(offset)}".utf8)[...],
            choice: isNew ? choice : .wanted
        )
    }

    private mutating func crash() {
        machine = Self.machine(committed)
        machine.setOrder(isOrdered)
        machine.hold(held)
        machine.watch(TraceWatch(sample: sample))
        tasks = []
        parts = [:]
    }

    /// Another connector takes over; some of what was submitted has not been sent yet.
    private mutating func changeConnector() {
        machine.connectorPlan += 1
        var withdrawn: [Int] = []
        tasks.removeAll { task in
            guard case .send(let request) = task, random.next() % 2 == 0 else { return false }
            withdrawn.append(request.request)
            return true
        }
        machine.withdrawn(withdrawn, at: now)
    }

    private mutating func takeActions() {
        for action in machine.takeActions() {
            switch action {
            case .transform(let portion, let step, let events):
                tasks.append(.transform(portion: portion, step: step, events))
            case .build(let job, let events): tasks.append(.build(job, events, under: machine.connectorPlan))
            case .reread(let portion, let items): tasks.append(.reread(portion: portion, items.map(\.offset)))
            case .submit(let outgoing):
                for request in outgoing {
                    checkOrder(request)
                    #expect(request.content.url == Self.address(machine.connectorPlan))
                    tasks.append(.send(request))
                }
            }
        }
    }

    private func carried(_ request: Outgoing) -> [(offset: Int64, part: Int)] {
        String(decoding: request.content.body, as: UTF8.self).split(separator: " ").map { word in
            let numbers = word.split(separator: ".")
            return (Int64(numbers[0]) ?? -1, Int(numbers[1]) ?? -1)
        }
    }

    private func checkOrder(_ request: Outgoing) {
        // A machine that was told to change its ways does so only when nothing is under way.
        guard machine.isOrdered else { return }
        let all = carried(request)
        for (index, one) in all.enumerated() {
            if held.contains(user(one.offset)) { Issue.record("event \(one.offset) is sent though its user is held") }
            var earlier = one.offset - Int64(users)
            while earlier >= 0 {
                let isInside = all[..<index].contains { $0.offset == earlier }
                let skipped = event(earlier, isNew: true).choice
                if case .wanted = skipped, !isOver(earlier), !isInside {
                    Issue.record("event \(one.offset) is sent before \(earlier) of its user has ended")
                }
                earlier -= Int64(users)
            }
        }
    }

    private mutating func perform(_ task: Task) {
        switch task {
        case .transform(let portion, let step, let events):
            if step < steps.shared {
                let verdicts = events.map { event in
                    event.offset > threshold ? StageVerdict.judged(verdict(event, step), step: step) : .passed
                }
                machine.transformed(portion, verdicts, at: now)
            } else {
                machine.transformed(portion, events.map { verdict($0, step) }, at: now)
            }
        case .build(let job, let events, let number):
            machine.built(job, plan(events, under: number), under: number, at: now)
        case .reread(let portion, let offsets):
            let again = RereadEvents(offsets.map { event($0, isNew: false) })
            machine.reread(portion, again, chain: chain, steps: steps, at: now)
        case .send(let request):
            if neverAnswers {
                tasks.append(task)
            } else {
                answer(request)
            }
        }
    }

    private mutating func verdict(_ event: PluginEvent, _ step: Int) -> PluginVerdict {
        if step == 0 {
            #expect(event.offset > threshold, "a transformation is asked what its condition does not hold for")
            if isDropped(event.offset) { return .drop(reason: "") }
            if isFailed(event.offset) { return .fail(code: "no", message: "", disposition: .bury) }
            if mood == .wild, event.attempt < 3, event.offset % 19 == 6 {
                return .fail(code: "later", message: "", disposition: .retry(after: .seconds(1)))
            }
            let parts = (0..<partCount(event.offset)).map { _ in event.json }
            return .emit(parts[...])
        }
        return .emit([event.json][...])
    }

    /// Where the connector of a plan sends.
    private static func address(_ lanePlan: Int) -> String { "http://host-\(lanePlan)/" }

    private mutating func plan(_ events: [PluginEvent], under number: Int) -> RequestPlan {
        var plan = RequestPlan()
        var groups: [Int64: [Int]] = [:]
        func flush(_ plan: inout RequestPlan, _ kind: Int64) {
            guard let group = groups.removeValue(forKey: kind) else { return }
            let text = group.map { "\(events[$0].offset).\(events[$0].part)" }.joined(separator: " ")
            plan.requests.append(PluginRequest(url: Self.address(number), body: Array(text.utf8)[...], events: group))
        }
        for (index, event) in events.enumerated() {
            let part = Int(event.part)
            if isConnectorDropped(event.offset, part) {
                plan.fates.append(.drop(reason: ""))
            } else if isConnectorFailed(event.offset, part) {
                plan.fates.append(.fail(code: "bad", message: "", disposition: .bury))
            } else if mood == .wild, random.next() % 50 == 0 {
                plan.fates.append(.fail(code: "busy", message: "", disposition: .retry(after: .seconds(2))))
            } else {
                plan.fates.append(.requested)
                let kind = event.offset / 5 % kinds
                groups[kind, default: []].append(index)
                if groups[kind, default: []].count > batch { flush(&plan, kind) }
                if repeats, event.offset % 6 == 1 { groups[kinds, default: []].append(index) }
            }
        }
        for kind in (0...kinds).shuffled(using: &random) { flush(&plan, kind) }
        return plan
    }

    /// Whether an event is taken before an earlier one of its user.
    private func overtakes(_ offset: Int64) -> Bool {
        stride(from: offset - Int64(users), through: 0, by: -Int(users)).contains { earlier in
            if case .wanted = event(earlier, isNew: true).choice { !isOver(earlier) } else { false }
        }
    }

    private mutating func answer(_ request: Outgoing) {
        let parts = carried(request)
        func attempt(_ status: Int) -> [Attempt] {
            [Attempt(number: request.attempts + 1, at: wall, duration: .zero, result: .status(status))]
        }
        let isPoisoned = parts.contains { poison.contains($0.offset) } || mood == .wild && random.next() % 12 == 0
        let isRefused = parts.contains { self.isRefused($0.offset, $0.part) }
        for one in parts where !machine.isOrdered && !isPoisoned { overtaken += overtakes(one.offset) ? 1 : 0 }
        if judges, random.next() % 3 == 0 { return judge(request, parts, attempt(207)) }
        if isPoisoned || isRefused, parts.count > 1 {
            machine.ended(request.request, .delivery(.divide, attempt(500)), at: now)
        } else if isPoisoned, random.next() % 2 == 0 {
            // It is tried again, and others may pass it meanwhile.
            machine.letOthersPass(request.request, at: now)
            tasks.append(.send(request))
        } else if isPoisoned {
            machine.ended(
                request.request,
                .delivery(.park(after: .seconds(5), counted: request.attempts + 1), attempt(500)),
                at: now
            )
        } else {
            for one in parts { taken[one.offset, default: []].insert(one.part) }
            machine.ended(
                request.request,
                .delivery(isRefused ? .refused : .delivered, attempt(isRefused ? 400 : 200)),
                at: now
            )
        }
    }

    /// The connector tells the events of the request apart: some go again, or are set aside, and some have ended.
    private mutating func judge(_ request: Outgoing, _ parts: [(offset: Int64, part: Int)], _ attempts: [Attempt]) {
        let tries = (request.again?.tries ?? 0) + 1
        let parks = random.next() % 3 == 0
        var fates: [Dispatch.Fate] = []
        for one in parts {
            if poison.contains(one.offset) || random.next() % 3 == 0 {
                let park = Dispatch.Fate.park(after: .seconds(3), counted: request.attempts + 1, code: "", message: "")
                fates.append(parks ? park : .again)
                continue
            }
            taken[one.offset, default: []].insert(one.part)
            fates.append(self.isRefused(one.offset, one.part) ? .refused(code: "no", message: "") : .delivered)
        }
        machine.ended(
            request.request,
            .delivery(.judged(fates, after: .seconds(1), tries: tries), attempts),
            at: now
        )
    }

    // MARK: Committing and checking

    mutating func commit() {
        guard machine.isChanged else { return }
        let checkpoint = machine.takeCheckpoint()
        committed.position = checkpoint.position
        committed.beyond = checkpoint.beyond
        committed.counts = checkpoint.counts
        committed.reasons = checkpoint.reasons
        let letters = checkpoint.deadLetters.map { $0.following(committed.pasts[$0.key]) }
        for letter in letters where letter.stage != .read {
            #expect(letter.before == Array("{\"n\":\(letter.offset)}".utf8), "a dead letter is without its event")
        }
        for key in checkpoint.released { (committed.parked[key], committed.pasts[key]) = (nil, nil) }
        for item in checkpoint.parked { committed.parked[item.key] = item }
        committed.pasts.merge(checkpoint.pasts) { $0.followed(by: $1) }
        committed.deadLetters += letters
        committed.traces += checkpoint.traces
        let counts = committed.counts
        #expect(counts.reconcile)
        let events = committed.reasons.events.values.reduce(0, +) - committed.reasons.droppedParts
        #expect(events == counts.filtered + counts.dropped)
        let beyond = committed.beyond.reduce(0) { $0 + $1.nonzeroBitCount }
        let followers = committed.parked.values.filter { $0.part == nil }.count
        #expect(counts.read == committed.position + Int64(beyond) - Int64(followers))
        #expect(counts.waiting == Int64(committed.parked.count - followers))
        #expect(counts.failed + counts.deadLettered == Int64(committed.deadLetters.count))
    }

    func checkEnd() {
        var expected = Counts()
        var droppedParts: Int64 = 0
        for offset in 0..<events {
            var one = Counts()
            one.read = 1
            let parts = 0..<partCount(offset)
            switch event(offset, isNew: true).choice {
            case .duplicate: one.duplicates = 1
            case .filtered: one.filtered = 1
            case .damaged: one.failed = 1
            case .gone: one = Counts()
            case .wanted where isDropped(offset): one.dropped = 1
            case .wanted where isFailed(offset): one.failed = 1
            case .wanted:
                for part in parts where !isConnectorDropped(offset, part) {
                    one.emitted += 1
                    if isConnectorFailed(offset, part) || isRefused(offset, part) {
                        one.deadLettered += 1
                    } else {
                        one.delivered += 1
                    }
                }
                if one.emitted == 0 {
                    one.dropped = 1
                } else {
                    one.transformed = 1
                    droppedParts += Int64(parts.count) - one.emitted
                }
            }
            expected += one
        }
        #expect(committed.counts == expected)
        #expect(committed.reasons.droppedParts == droppedParts)
        #expect(committed.parked.isEmpty)
        #expect(committed.position == events && committed.beyond.isEmpty)
        #expect(machine.isIdle && machine.inFlightBytes == 0)
    }
}
