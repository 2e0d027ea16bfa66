import Catalog
import Delivery
import EventModel
import TestSupport

@testable import EventLog
@testable import Pipeline

/// A cluster played by a seed: nodes with the product's own state machines, one database, a sender and a destination.
///
/// Everything that takes time is a task, and the seed says which goes on next, so every order of events can come about.
/// First there are faults: nodes crash, stand still, leave, are drained and come back, links are cut in one direction or
/// both, the database crashes, answers come late or never. Then there are none, and everything must come to rest. In
/// between the source gets other partitions.
final class ClusterWorld {
    indirect enum Task {
        /// A statement on its way to the database, or in it.
        case statement(Int)
        case answer(ClusterDatabase.Client, ClusterDatabase.Answer)
        /// A request on its way to a node.
        case request(node: Int, batch: Int, attempt: Int)
        case reply(batch: Int, attempt: Int, isKept: Bool)
        case begin(ClusterNode, Int, ClusterDatabase.Store, Int64)
        case work(ClusterNode, Int, ClusterLane, ClusterLane.Work)
        /// A node is told that leases are free, or who lives.
        case notice(ClusterNode)
        /// A node is told that the catalog has changed.
        case catalog(ClusterNode)
        /// A request on its way to the destination.
        case wire(ClusterNode, Int, ClusterLane, Outgoing, sent: Int64)
    }

    let plan: ClusterPlan
    let flaw: ClusterFlaw?
    let reader: ClusterReader
    let database: ClusterDatabase
    let replies = ClusterReplies()
    private var random: SplitMix
    private var nodes: [ClusterNode]
    private var sender: ClusterSender
    private var tasks: [Task] = []
    private(set) var isStormy = true
    /// The time on all clocks.
    /// - Unit: microseconds.
    private(set) var now: Int64 = 1_000_000
    private(set) var steps = 0
    /// When the source gets other partitions next, in steps, and how often it has.
    private var changeAt: Int?
    private var changes = 0
    private let begin = ContinuousClock.now

    init(seed: UInt64, flaw: ClusterFlaw? = nil) {
        random = SplitMix(seed: seed)
        plan = ClusterPlan(&random)
        self.flaw = flaw
        reader = ClusterReader(plan)
        database = ClusterDatabase(plan, flaw, reader)
        nodes = [Int](0..<plan.nodes).map { [plan] in ClusterNode($0, plan.source(after: 0)) }
        sender = ClusterSender(plan, &random)
        if plan.partitions.count > 1 { changeAt = 200 + roll(1_500) }
    }

    var moment: Moment { Moment(instant: instant(now), wall: now) }

    /// A time on a boot clock.
    func instant(_ time: Int64) -> ContinuousClock.Instant { begin + .microseconds(time) }

    /// A number from 0 to `bound - 1`.
    func roll(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

    func add(_ task: Task) { tasks.append(task) }

    func send(_ statement: ClusterDatabase.Statement, from client: ClusterDatabase.Client?) {
        tasks.append(.statement(database.begin(statement, for: client)))
    }

    // MARK: Running

    /// How many steps there are faults, unless everything is done before.
    private static let storm = 5_000
    /// After so many steps a world that has not come to rest never will.
    private static let most = 60_000

    /// Runs to the end, or to the first contradiction.
    func run() {
        while reader.problems.isEmpty {
            step()
            if isStormy, steps >= Self.storm || (sender.isDone && steps >= Self.storm / 2) { calm() }
            if !isStormy, steps % 64 == 0, isAtRest { break }
            if steps >= Self.most {
                reader.report("the world does not come to rest: \(tasks.count) tasks, sender \(sender.isDone)")
            }
        }
        if reader.problems.isEmpty { reader.checkEnd(database) }
    }

    private var isAtRest: Bool {
        sender.isDone && tasks.isEmpty && database.isIdle && nodes.allSatisfy { $0.isAtRest(self) } && isSettled
    }

    /// Whether the nodes share all partitions evenly, and every lane of the present generation runs.
    private var isSettled: Bool {
        database.table.nodes.count { !$0.isEnded } == nodes.count && database.table.isEven
            && plan.lanes(of: database.source.partitionIDs).allSatisfy { lane in
                nodes.contains { $0.lane(lane) != nil }
            }
    }

    /// Ends the faults: everybody is there and can reach everybody.
    private func calm() {
        isStormy = false
        for node in nodes {
            // What a crash of the database has lost of mere progress is committed with the next, or done again by a
            // lane that begins anew; there are no more events here to bring the next.
            if !node.isUp || database.hasLost { restart(node) }
            node.pausedSince = nil
            (node.isCutOff, node.isDeaf) = (false, false)
        }
        // Whoever is drained stays so, as long as somebody can run the lanes.
        let identities = Set(nodes.map(\.identity))
        database.table.drains.formIntersection(identities)
        if database.table.drains == identities { database.table.drains = [] }
    }

    /// Begins a node anew, on its own data directory or on an empty one.
    func restart(_ node: ClusterNode) { node.restart(isNew: isStormy && roll(4) == 0, database.source) }

    private func step() {
        steps += 1
        now += Int64(roll(300))
        database.now = now
        if steps == changeAt { change() }
        if isStormy, roll(plan.faultsEvery) == 0 { fault() }
        for reply in replies.take() { answer(reply) }
        switch roll(12) {
        case 0: sendRequest()
        case 1...4:
            let node = nodes[roll(nodes.count)]
            if node.isUp, !node.isPaused { node.act(self) } else if !node.isUp, !isStormy { restart(node) }
        default: performAny()
        }
    }

    private func sendRequest() {
        if isStormy, roll(30) == 0 { sender.giveUp(&random) }
        if !isStormy, roll(200) == 0 { sender.giveUp(&random) }
        guard let (batch, attempt) = sender.send(&random) else { return }
        tasks.append(.request(node: roll(nodes.count), batch: batch, attempt: attempt))
    }

    /// A node answers a sender.
    private func answer(_ reply: ClusterReplies.Reply) {
        if reply.isKept { for number in sender.numbers(of: reply.batch) { reader.answered(number) } }
        tasks.append(.reply(batch: reply.batch, attempt: reply.attempt, isKept: reply.isKept))
    }

    private func performAny() {
        guard !tasks.isEmpty else { return }
        let place = roll(tasks.count)
        tasks.swapAt(place, tasks.count - 1)
        let task = tasks.removeLast()
        if !perform(task) { tasks.append(task) }
    }

    /// Takes a task one step further; false if it cannot go on now.
    private func perform(_ task: Task) -> Bool {
        switch task {
        case .statement(let number): return advance(number)
        case .answer(let client, let answer):
            let node = nodes[client.node]
            guard node.run == client.run, node.isUp else { return true }
            guard !node.isPaused else { return false }
            node.take(answer, to: client.ticket, self)
        case .request(let index, let batch, let attempt):
            let node = nodes[index]
            guard node.isUp else {
                tasks.append(.reply(batch: batch, attempt: attempt, isKept: false))
                return true
            }
            guard !node.isPaused else { return false }
            let reply = ClusterReplies.Reply(batch: batch, attempt: attempt, isKept: true)
            node.accept(sender.numbers(of: batch), reply, self)
        case .reply(let batch, let attempt, let isKept):
            // A 200 that is lost, and the sender comes again.
            let isLost = isStormy && roll(15) == 0
            _ = sender.answered(batch, attempt, isKept: isKept && !isLost)
        case .begin(let node, let run, let store, let epoch):
            guard node.run == run, node.isUp else { return true }
            guard !node.isPaused else { return false }
            node.begin(store, epoch, self)
        case .notice(let node):
            guard !node.isPaused else { return false }
            node.tickAt = now
        case .catalog(let node):
            guard !node.isPaused, !node.isCutOff else { return false }
            node.take(database.source, self)
        case .work(let node, let run, let lane, let work):
            guard node.run == run, node.isUp else { return true }
            guard !node.isPaused else { return false }
            return perform(work, of: lane, on: node)
        case .wire(let node, let run, let lane, let request, let sent):
            arrive(request, of: lane, from: node, run, sent)
        }
        return true
    }

    // MARK: The database's side

    private func advance(_ number: Int) -> Bool {
        if let client = database.client(of: number), nodes[client.node].isCutOff, nodes[client.node].run == client.run {
            // Nothing passes; sooner or later the node stops waiting, and the statement may still come through.
            if roll(10) == 0 { abandon(number) }
            return false
        }
        if isStormy, roll(60) == 0 { abandon(number) }
        let generation = database.source.generation
        let (isOver, answer) = database.advance(number)
        if database.hasNews {
            database.hasNews = false
            for node in nodes where node.isUp && !node.isCutOff && (!isStormy || roll(4) > 0) { add(.notice(node)) }
        }
        if database.source.generation != generation { for node in nodes { add(.catalog(node)) } }
        if let (client, answer) = answer {
            let isLost = isStormy && roll(25) == 0 || nodes[client.node].isDeaf
            tasks.append(.answer(client, isLost ? .lost : answer))
        }
        return isOver
    }

    /// Whoever sent a statement takes its connection for lost.
    private func abandon(_ number: Int) {
        if let client = database.abandon(number) { tasks.append(.answer(client, .lost)) }
    }

    // MARK: The destination's side

    private func perform(_ work: ClusterLane.Work, of lane: ClusterLane, on node: ClusterNode) -> Bool {
        switch work {
        case .send(let request):
            guard lane.stand == .running else { return true }
            guard node.maySend(self) || flaw == .sendsWithoutLease else { return false }
            lane.underWay += 1
            tasks.append(.work(node, node.run, lane, .leave(request)))
            let isHeld = node.tenancy.map { database.table.holds($0.node, lane.lease) } ?? false
            reader.handedOut(lane.id, ClusterLane.parts(of: request), isHeld: isHeld)
            return true
        case .leave(let request):
            tasks.append(.wire(node, node.run, lane, request, sent: now))
            return true
        case .transform, .build, .reread, .read, .readNothing, .ended: break
        }
        if case .ended = work {} else if lane.stand != .running { return true }
        if lane.stand != .ended { lane.perform(work, self, at: moment) }
        lane.takeActions(reader) { tasks.append(.work(node, node.run, lane, $0)) }
        return true
    }

    /// A request comes to the destination, or is lost on the way.
    private func arrive(_ request: Outgoing, of lane: ClusterLane, from node: ClusterNode, _ run: Int, _ sent: Int64) {
        let parts = ClusterLane.parts(of: request)
        let numbers = parts.map { (reader.log[lane.id.partition]?[Int($0.offset)].number ?? 0, $0.part) }
        let isRefused = numbers.contains { plan.isRefused($0.0, $0.1, lane.id) }
        let isFailing = isStormy && roll(plan.failuresEvery) == 0
        let ending: RequestEnding
        if now - sent > ClusterPlan.requestTime || isFailing && roll(3) > 0 {
            ending = failure(parts.count)
        } else if isRefused {
            ending = .delivery(parts.count > 1 ? .divide : .refused, [])
        } else {
            reader.arrived(lane.id, parts, life: lane.life)
            if isFailing { reader.answerLost(lane.id, parts) }
            ending = isFailing ? failure(parts.count) : .delivery(.delivered, [])
        }
        tasks.append(.work(node, run, lane, .ended(request, ending)))
    }

    /// How a request ends for now that failed or was not answered in time.
    private func failure(_ parts: Int) -> RequestEnding {
        let attempt = Attempt(number: 1, at: now, duration: .zero, result: .fault(.timeout))
        return .delivery(parts > 1 ? .divide : .park(after: .milliseconds(5 + Int64(roll(20))), counted: 1), [attempt])
    }

    // MARK: Faults

    private func fault() {
        let node = nodes[roll(nodes.count)]
        let kind = roll(17)
        // Only flaws judge by a wall clock, so it may be set as often as anybody likes.
        node.wallShift = Int64(roll(400_000)) - 200_000
        reader.trace?("fault \(kind) at node \(node.index)")
        switch kind {
        case 0, 1: node.isUp = false
        case 2, 3, 4: if node.isPaused { goOn(node) } else { node.pausedSince = now }
        case 5: node.isCutOff.toggle()
        case 6: for client in database.crash(&random) { tasks.append(.answer(client, .lost)) }
        case 7: _ = database.table.drain(node.identity)
        case 8: database.table.drains = []
        case 9: node.passDeadlines()
        case 10: if roll(4) == 0 { database.damagesNext = true }
        case 11: node.isClosing = node.isUp
        case 12, 13: node.isDeaf.toggle()
        default: repair(node)
        }
    }

    private func goOn(_ node: ClusterNode) {
        if let since = node.pausedSince { node.rested += now - since }
        node.pausedSince = nil
    }

    private func repair(_ node: ClusterNode) {
        if !node.isUp { restart(node) }
        goOn(node)
        (node.isCutOff, node.isDeaf) = (false, false)
    }

    // MARK: Generations

    /// Gives the source other partitions, and says when it will get others again.
    private func change() {
        changes += 1
        send(.change, from: nil)
        let pause = roll(2) == 0 ? 1 + roll(120) : 200 + roll(1_000)
        changeAt = changes + 1 < plan.partitions.count ? steps + pause : nil
    }
}
