import Conditions
package import Delivery
import EventJSON
package import EventModel

/// Everything that is decided in a lane: one consumer's reading of one partition.
///
/// Events come in by portions, go through the transformations and the connector while later portions follow, and take
/// their places in the order of users one portion after another. What the owner has to do is collected in ``actions``.
/// It knows no clock, no network, no plugin and no database, so every order of completions can be tried.
package struct LaneMachine {
    let partition: PartitionID
    let destination: DestinationID
    /// The replay that it is a lane of.
    let replay: ConsumerID?
    let settings: LaneSettings
    package internal(set) var progress: LaneProgress
    /// The first event that was not read yet.
    package internal(set) var nextOffset: Int64
    /// The connector that parts are given to now, for dead letters to name.
    package var connector = PluginLabel(id: "", version: "")
    /// The number of the plan that first named this connector; what was built under an earlier one is built again
    /// before it is sent.
    package var connectorPlan = 0
    /// When events that a plugin wants to try again are tried again.
    package var schedule: RetrySchedule
    /// Whether events of a user shall wait for each other, where that is not so yet.
    private var nextOrder: Bool?
    /// What the owner has to do; taken by ``takeActions()``.
    var actions: [LaneAction] = []
    var changes = LaneChanges()
    var traces = LaneTraces()
    var chain: LaneChain

    var order = UserOrder()
    var parking: Parking
    /// Requests that may have become ready to send.
    var ready: [Int] = []
    var requests: [Int: OpenRequest] = [:]
    var nextRequest = 0
    var reworks: [Int: Rework] = [:]
    var nextRework = 0
    /// Parts that are to be set aside as soon as the others of their event have come down.
    var deferred: [PartReference: Deferral] = [:]

    /// Portions by number; the finished ones at the front are forgotten.
    var portions: [Portion] = []
    var firstPortion = 0
    /// The portion whose requests take their places next.
    var turn = 0
    var inFlightEvents = 0
    /// What the events in flight hold: their JSON, and that of their parts.
    var inFlightBytes = 0
    /// For conditions of transformations.
    var tape = JSONTape(limits: LaneSteps.limits)
    /// How events end, while somebody watches; else nil.
    var outcomes: [LaneOutcome]?
    /// The tries of the request whose end is taken in.
    var lastAttempts: [Attempt] = []

    /// A lane as it was committed.
    package init(
        partition: PartitionID,
        destination: DestinationID,
        replay: ConsumerID? = nil,
        settings: LaneSettings = LaneSettings(),
        progress: LaneProgress = LaneProgress(),
        parked: [ParkedItem] = [],
        chain: LaneChain = LaneChain()
    ) {
        self.partition = partition
        self.destination = destination
        self.replay = replay
        self.settings = settings
        schedule = settings.schedule
        self.progress = progress
        self.chain = chain
        nextOffset = progress.position
        parking = Parking(parked)
    }

    /// How many events may be read now; nil while the lane is full.
    package var room: Int? {
        let events = min(settings.portionEvents, settings.windowEvents - inFlightEvents)
        // Chunks are read whole: half the reach is left for the one that begins last.
        let isNear = nextOffset - progress.position < LaneProgress.reach / 2
        guard nextOrder == nil, events > 0, inFlightBytes < settings.windowBytes, ahead < settings.portionsAhead,
            isNear, hasRoomToPark
        else { return nil }
        return events
    }

    /// Whether more may be set aside.
    package var hasRoomToPark: Bool {
        parking.count < settings.parkedEvents && parking.bytes < settings.parkedBytes
    }

    /// Whether nothing is on its way.
    package var isIdle: Bool { inFlightEvents == 0 }

    /// Whether nothing waits for a next attempt, or behind what does.
    package var hasNothingParked: Bool { parking.count == 0 }

    /// When something that is parked is due.
    /// - Unit: microseconds since 1970.
    package var nextDue: Int64? {
        nextOrder == nil && ahead < settings.portionsAhead * 4 ? parking.nextDue : nil
    }

    /// Whether events of a user wait for each other now.
    package var isOrdered: Bool { parking.isOrdered }

    /// Lets events of a user wait for each other or not, as soon as nothing is under way; until then nothing is begun.
    package mutating func setOrder(_ isOrdered: Bool) {
        nextOrder = isOrdered == self.isOrdered ? nil : isOrdered
        changeOrder()
    }

    private mutating func changeOrder() {
        guard let order = nextOrder, inFlightEvents == 0 else { return }
        nextOrder = nil
        parking.setOrder(order)
    }

    var ahead: Int { nextPortion - turn }

    /// The number that the next portion gets.
    package var nextPortion: Int { firstPortion + portions.count }

    /// Whether so much has happened that it does not wait to be asked for.
    var hasMuchToCommit: Bool {
        changes.settled >= Self.settledEvents || changes.bytes >= settings.uncommittedBytes
            || changes.deadLetters.count >= settings.deadLetters
    }

    /// Settled events that are much to commit.
    private static let settledEvents = 4_000

    package mutating func takeActions() -> [LaneAction] {
        defer { actions = [] }
        return actions
    }

    /// Takes in what was read from ``nextOffset`` on, in the order of the log.
    package mutating func read(
        _ events: [LaneEvent],
        chain: [PluginLabel],
        steps: LaneSteps = LaneSteps(),
        chosenBy chooser: Chooser? = nil,
        at now: Moment
    ) {
        guard let last = events.last else { return }
        traces.now = now.wall
        // Also of what nobody wants it is written down under which rules that was so.
        if let first = events.first(where: { $0.offset >= nextOffset && !progress.isSettled($0.offset) }) {
            self.chain.begin(chain, from: first.offset)
        }
        var portion = Portion(stage: .placed, chain: chain, steps: steps)
        portion.events.reserveCapacity(events.count)
        for event in events where event.offset >= nextOffset && !progress.isSettled(event.offset) {
            switch event.choice {
            case .wanted:
                portion.events.append(
                    PortionEvent(
                        offset: event.offset,
                        sliceTime: event.sliceTime,
                        userHash: event.userHash,
                        receivedAt: event.receivedAt,
                        json: event.json,
                        origin: .log,
                        message: event.message,
                        parts: event.parts,
                        keep: traces.keep(user: event.userHash, event.message)
                    )
                )
            case .duplicate:
                settleUnwanted(event.offset) { $0.duplicates = 1 }
                traceUnwanted(event, traces.keep(user: event.userHash, event.message), "duplicate")
            case .filtered(let exclusion): filter(event, exclusion, chooser)
            case .damaged(let reason): failUnread(event, reason)
            case .gone: if progress.expire(event.offset..<event.offset + 1) { changes.settled += 1 }
            }
        }
        nextOffset = max(nextOffset, last.offset + 1)
        start(portion)
        finishStep(at: now)
    }

    /// Notes that the log does not hold what lies before `offset` any more; false if that must wait.
    package mutating func expire(upTo offset: Int64) -> Bool {
        guard offset > nextOffset else { return true }
        guard progress.expire(nextOffset..<offset) else { return false }
        nextOffset = offset
        parking.reach(nextOffset)
        changes.settled += 1
        return true
    }

    /// Counts as filtered what lies before `offset`, or between these events; says how many of them could be taken in.
    ///
    /// A gap that is too wide to be noted beside what is on its way must wait, and with it what lies behind.
    mutating func pass(_ offsets: [Int64], upTo end: Int64? = nil) -> Int {
        var next = nextOffset
        for (index, offset) in offsets.enumerated() {
            guard offset <= next || progress.filter(next..<offset) else {
                if index == 0 { return 0 }
                return index
            }
            if index == 0, offset > nextOffset {
                nextOffset = offset
                changes.settled += 1
            }
            next = max(next, offset + 1)
        }
        if offsets.isEmpty, let end, end > nextOffset, progress.filter(nextOffset..<end) {
            nextOffset = end
            changes.settled += 1
        }
        parking.reach(nextOffset)
        return offsets.count
    }

    /// Takes in the events of a portion that were read again; what is in neither list has left the log.
    package mutating func reread(
        _ number: Int,
        _ again: RereadEvents,
        chain: [PluginLabel],
        steps: LaneSteps = LaneSteps(),
        at now: Moment
    ) {
        let index = number - firstPortion
        traces.now = now.wall
        let found = Dictionary(again.events.map { ($0.offset, $0) }) { $1 }
        portions[index].chain = chain
        portions[index].steps = steps
        for place in portions[index].events.indices {
            let old = portions[index].events[place]
            guard let event = found[old.offset] else {
                if let reason = again.damage[old.offset] {
                    failUnread(index, place, reason)
                } else {
                    expire(index, place)
                }
                continue
            }
            portions[index].events[place] = PortionEvent(
                offset: old.offset,
                sliceTime: old.sliceTime,
                userHash: old.userHash,
                receivedAt: event.receivedAt,
                json: event.json,
                origin: old.origin,
                message: event.message,
                parts: event.parts,
                keep: traces.watch.keep(user: old.userHash, event.message, at: now.wall)
            )
        }
        self.chain.handle(portions[index].openOffsets, by: chain, areChosen: false)
        enterStages(index)
        finishStep(at: now)
    }

    /// Sends a portion through its stages again from the beginning, because who stood at them has changed.
    ///
    /// Nothing of it has taken its place yet, so nothing of it was sent.
    package mutating func restart(
        _ number: Int,
        chain: [PluginLabel],
        steps: LaneSteps = LaneSteps(),
        at now: Moment
    ) {
        let index = number - firstPortion
        switch portions[index].stage {
        case .transforming, .building: break
        case .rereading, .built, .placed: return
        }
        traces.now = now.wall
        var chain = chain
        // It is not asked anew whether the connection wants them.
        if let rule = portions[index].chain.last?.rule, !chain.isEmpty { chain[chain.count - 1].rule = rule }
        portions[index].chain = chain
        portions[index].steps = steps
        portions[index].drops = [:]
        portions[index].forgetPassed()
        let isRead = if case .log? = portions[index].events.first?.origin { true } else { false }
        self.chain.handle(portions[index].openOffsets, by: chain, areChosen: isRead)
        for event in portions[index].events.indices {
            portions[index].events[event].open = 0
            if case .again = portions[index].events[event].state { portions[index].events[event].state = .inWork }
        }
        enterStages(index)
        finishStep(at: now)
    }

    /// The users who have something parked in an earlier generation.
    var heldUsers: Set<UInt64> { parking.held }

    /// Lets events of these users wait until it is said that they need not, whatever else is parked of them.
    package mutating func hold(_ users: Set<UInt64>, at now: Moment? = nil) {
        parking.hold(users)
        if let now { finishStep(at: now) }
    }

    /// Takes up what is parked and due.
    package mutating func wake(at now: Moment) { finishStep(at: now) }

    /// Says whether the event was not settled before.
    @discardableResult
    private mutating func settleUnwanted(_ offset: Int64, _ make: (inout Counts) -> Void) -> Bool {
        var counts = Counts()
        counts.read = 1
        make(&counts)
        guard progress.settle(offset, counts) else { return false }
        changes.settled += 1
        return true
    }

    /// Settles an event that the connection does not want.
    private mutating func filter(_ event: LaneEvent, _ exclusion: Exclusion, _ chooser: Chooser?) {
        if settleUnwanted(event.offset, { $0.filtered = 1 }) { progress.note(exclusion) }
        let keep = traces.keep(user: event.userHash, event.message)
        guard keep != .no || outcomes != nil else { return }
        let reason = chooser?.words(exclusion, event.json, &tape)
        tape.reset()
        traceUnwanted(event, keep, "filtered", code: exclusion.rawValue, reason: reason ?? "")
        if outcomes != nil { noteFiltered(event, exclusion, reason) }
    }

    /// Gives a portion its number and sends it on its way.
    private mutating func start(_ portion: Portion) {
        guard !portion.events.isEmpty else { return }
        inFlightEvents += portion.events.count
        for event in portion.events where event.keep != .no { traces.kept += 1 }
        portions.append(portion)
        portions[portions.count - 1].live = portion.events.count
        enterStages(portions.count - 1)
    }

    /// Puts waiting events into a portion of their own, whose turn comes after all that was read so far.
    mutating func startReleased(_ items: [ParkedItem]) {
        guard let first = items.first else { return }
        let number = firstPortion + portions.count
        var portion = Portion(stage: .rereading)
        portion.released = Set(items.map { parking.line(user: $0.userHash, offset: $0.offset) }).sorted()
        portion.live = items.count
        inFlightEvents += items.count
        traces.kept += items.count
        for item in items {
            portion.events.append(
                PortionEvent(
                    offset: item.offset,
                    sliceTime: item.sliceTime,
                    userHash: item.userHash,
                    receivedAt: item.receivedAt,
                    json: (item.payload ?? [])[...],
                    origin: item.part == nil ? .follower(item) : .part(item)
                )
            )
        }
        portions.append(portion)
        if first.part == nil {
            actions.append(.reread(portion: number, items: items))
        } else {
            enterStages(portions.count - 1)
        }
    }

    /// What follows every input: places what has its turn, takes up what is due, submits what is ready.
    mutating func finishStep(at now: Moment) {
        traces.now = now.wall
        if !deferred.isEmpty { parkDeferred() }
        placeTurns(at: now)
        changeOrder()
        while nextOrder == nil, ahead < settings.portionsAhead * 4 {
            let items = parking.take(at: now.wall, read: nextOffset, limit: settings.releaseEvents)
            if items.isEmpty { break }
            startReleased(items)
        }
        submitReady()
        forgetFinished()
    }

    private mutating func forgetFinished() {
        var finished = 0
        while finished < portions.count, portions[finished].isPlaced, portions[finished].live == 0,
            firstPortion + finished < turn
        { finished += 1 }
        guard finished > 0 else { return }
        portions.removeFirst(finished)
        firstPortion += finished
    }
}
