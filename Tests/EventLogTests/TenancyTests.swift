import EventModel
import Testing

@testable import EventLog

@Suite struct TenancyTests {
    private let start = ContinuousClock.now
    private let own = NodeID(rawValue: 1)
    private let partitions = (0..<4).map { PartitionID(source: SourceID(rawValue: 1), generation: 0, number: $0) }

    private func second(_ second: Double) -> ContinuousClock.Instant { start + .seconds(second) }

    private func tenancy() -> Tenancy {
        var tenancy = Tenancy(
            node: own,
            identity: "a",
            leaseTime: .seconds(5),
            cancelTime: .seconds(2),
            sent: start
        )
        tenancy.want(Set(partitions))
        return tenancy
    }

    private func answer(held: [Lease] = [], others: [String] = []) -> Tenancy.Answer {
        var answer = Tenancy.Answer()
        answer.held = held
        answer.nodes = (["a"] + others).enumerated().map { place, identity in
            LivingNode(
                node: NodeID(rawValue: Int64(place + 1)),
                identity: identity,
                name: "",
                beats: 0,
                serves: true,
                isDraining: false
            )
        }
        return answer
    }

    private func wishes(_ tenancy: inout Tenancy, at now: ContinuousClock.Instant) -> Tenancy.Wishes? {
        if case .tick(let wishes) = tenancy.next(at: now) { wishes } else { nil }
    }

    @Test func `Leases hold for five seconds from when a confirmed sign of life was sent`() {
        var tenancy = tenancy()
        _ = tenancy.next(at: second(3))
        #expect(tenancy.maySend(at: second(4.9)) && !tenancy.maySend(at: second(5)))
        tenancy.take(answer(), asked: second(3), at: second(6))
        #expect(tenancy.maySend(at: second(7.9)) && !tenancy.maySend(at: second(8)))
        tenancy.replaced()
        #expect(!tenancy.maySend(at: second(6)))
    }

    @Test func `A lease is given back also where the answer that granted it was lost`() throws {
        var tenancy = tenancy()
        tenancy.take(answer(), asked: second(0), at: second(0))
        #expect(wishes(&tenancy, at: second(1))?.claims == Set(partitions))
        // That was granted and the answer lost, and now the partition is not to run here any more.
        tenancy.want(Set(partitions.dropFirst()))
        let asked = wishes(&tenancy, at: second(2))
        #expect(asked?.claims.contains(partitions[0]) == true)
        tenancy.take(answer(held: [Lease(partition: partitions[0], epoch: 1)]), asked: second(2), at: second(2))
        #expect(tenancy.holding.spare(besides: [], isClosing: false) == [partitions[0]])
        tenancy.giveBack(partitions[0])
        #expect(wishes(&tenancy, at: second(3))?.given == [Lease(partition: partitions[0], epoch: 1)])
    }

    @Test func `What was claimed in vain is not claimed for ever`() {
        var tenancy = tenancy()
        tenancy.take(answer(), asked: second(0), at: second(0))
        _ = tenancy.next(at: second(1))
        tenancy.want(Set(partitions.dropFirst()))
        // The lost statement may come through late, but not after the lease time.
        for time in [2.0, 4.0, 6.0] {
            #expect(wishes(&tenancy, at: second(time))?.claims.contains(partitions[0]) == true)
            tenancy.take(answer(), asked: second(time), at: second(time))
        }
        #expect(wishes(&tenancy, at: second(7))?.claims == Set(partitions.dropFirst()))
    }

    @Test func `A life that others ended goes on as another one when its lanes have ended`() {
        var tenancy = tenancy()
        tenancy.take(answer(held: [Lease(partition: partitions[1], epoch: 4)]), asked: second(0), at: second(0))
        #expect(tenancy.holding.tenanted == [partitions[1]])
        #expect(tenancy.end() == 1)
        #expect(!tenancy.maySend(at: second(1)) && tenancy.holding.held.isEmpty)
        #expect(tenancy.next(at: second(1)) == .wait)
        tenancy.vacate()
        #expect(tenancy.next(at: second(1)) == .enter)
    }
}
