import Catalog
import EventModel

@testable import EventLog
@testable import Pipeline

/// A node among the others: signs of life, leases, and what it learns of the catalog.
extension ClusterNode {
    /// A time on the node's boot clock.
    private func instant(_ time: Int64, _ world: ClusterWorld) -> ContinuousClock.Instant {
        switch world.flaw {
        case .restsWithMachine: world.instant(time - rested)
        case .measuresByWallClock: world.instant(time + wallShift)
        default: world.instant(time)
        }
    }

    /// Asked before each send.
    func maySend(_ world: ClusterWorld) -> Bool { tenancy?.maySend(at: instant(world.now, world)) ?? false }

    // MARK: Ticks

    func tick(_ world: ClusterWorld) {
        guard !isAsking, world.now >= tickAt else { return }
        guard tenancy != nil else {
            isAsking = true
            return ask(.join(sent: world.now), .join(identity: identity, earlier: nil), world)
        }
        tickAt = world.now + ClusterPlan.tickPeriod
        if isLeaving, let tenancy, tenancy.holding.held.isEmpty {
            isAsking = true
            return ask(.leave, .leave(tenancy.node), world)
        }
        var copy = tenancy
        let step = copy?.next(at: instant(world.now, world))
        if world.flaw != .forgetsClaims { tenancy = copy }
        guard let step, let node = copy?.node else { return }
        switch step {
        case .wait: break
        case .enter:
            isAsking = true
            ask(.join(sent: world.now), .join(identity: identity, earlier: node), world)
        case .tick(let wishes):
            isAsking = true
            ask(.tick(sent: world.now, wishes), .tick(node, wishes), world)
        }
    }

    /// What became of a tick, or of entering or leaving.
    func hear(_ answer: ClusterDatabase.Answer, to question: Question, _ world: ClusterWorld) {
        isAsking = false
        switch (question, answer) {
        case (.join(let sent), .joined(let node)):
            guard let node else { return world.restart(self) }
            let before = tenancy
            tenancy = Tenancy(
                node: node,
                identity: identity,
                leaseTime: .microseconds(ClusterPlan.leaseTime),
                cancelTime: .microseconds(ClusterPlan.requestTime),
                sent: instant(sent, world)
            )
            tenancy?.want(before == nil ? Set(source.allPartitionIDs) : before?.partitions)
            (tickAt, willArrange) = (world.now, true)
        case (.tick(let sent, let wishes), .tick(let standing, let answer)):
            take(standing, answer, sent, wishes, world)
        case (.leave, _):
            // Whatever became of it: the process ends.
            isUp = false
        default: break
        }
    }

    private func take(
        _ standing: TickAnswer.Standing,
        _ answer: Tenancy.Answer,
        _ sent: Int64,
        _ wishes: Tenancy.Wishes,
        _ world: ClusterWorld
    ) {
        switch standing {
        case .replaced: return world.restart(self)
        case .silent: _ = tenancy?.end()
        case .alive:
            let asked = world.flaw == .confirmsAtAnswer ? world.now : sent
            let answer = seen(answer, world.flaw)
            tenancy?.take(answer, asked: instant(asked, world), at: instant(world.now, world))
            if tenancy?.hasNews(since: wishes) == true { tickAt = world.now }
        }
        willArrange = true
    }

    /// What the node makes of an answer.
    private func seen(_ answer: Tenancy.Answer, _ flaw: ClusterFlaw?) -> Tenancy.Answer {
        guard flaw == .allotsDifferently || flaw == .ignoresDrain else { return answer }
        var answer = answer
        answer.nodes = answer.nodes.map { node in
            LivingNode(
                node: node.node,
                identity: flaw == .ignoresDrain || node.node == tenancy?.node
                    ? node.identity : "\(node.identity) seen by \(index)",
                name: "",
                beats: node.beats,
                serves: node.serves,
                isDraining: flaw == .ignoresDrain ? false : node.isDraining
            )
        }
        return answer
    }

    // MARK: The catalog

    /// Learns that the source has other partitions.
    func take(_ source: Source, _ world: ClusterWorld) {
        guard source.generation > self.source.generation else { return }
        self.source = source
        if !isClosing { tenancy?.want(Set(source.allPartitionIDs)) }
        (lookAt, tickAt, willArrange) = (world.now, world.now, true)
    }

    /// Looks what is left of earlier generations, as long as that is not over.
    func follow(_ world: ClusterWorld) {
        guard !isLooking, world.now >= lookAt else { return }
        if let known, known.source == source, known.succession.isOver { return }
        let closed = world.plan.lanes(of: source.closed.flatMap(\.partitionIDs))
        if closed.isEmpty { return look(at: source, Succession(), world) }
        isLooking = true
        ask(.unfinished(source), .unfinished(closed), world)
    }

    func look(at source: Source, _ succession: Succession, _ world: ClusterWorld) {
        if let known, known.source == source, known.succession == succession { return }
        known = (source, succession)
        willArrange = true
        for lane in lanes where lane.stand == .running {
            let users = held(in: lane.id, world)
            if users != lane.machine.heldUsers { lane.machine.hold(users, at: world.moment) }
        }
    }

    /// The users whose events wait in a lane because earlier ones are parked in another.
    func held(in lane: LaneID, _ world: ClusterWorld) -> Set<UInt64> {
        guard let known, world.flaw != .ignoresHeldUsers else { return [] }
        return known.succession.held(in: lane, of: known.source)
    }
}
