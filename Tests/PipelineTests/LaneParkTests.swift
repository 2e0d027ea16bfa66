import Delivery
import EventModel
import Pipeline
import PluginHost
import Testing
import WorkerProtocol

@Suite struct LaneParkTests {
    @Test func `A part that is to be tried again waits for those of its event that are under way, and then alone`() {
        var machine = LaneMachine(partition: PartitionID(rawValue: 1), destination: DestinationID(rawValue: 1))
        let chain = [PluginLabel(id: "t", version: "1"), PluginLabel(id: "c", version: "1")]
        let now = Moment(instant: .now, wall: 0)
        let part = Array("{}".utf8)[...]
        let users: [UInt64] = [2, 1, 2]
        let events = (0..<3).map { offset in
            LaneEvent(offset: Int64(offset), sliceTime: 0, userHash: users[offset], receivedAt: 0, json: part)
        }
        machine.read(events, chain: chain, at: now)
        machine.transformed(0, [.emit([part]), .emit([part, part, part]), .emit([part])], at: now)
        let requests = [[0], [1, 2], [3, 4]].map { PluginRequest(url: "http://a/", events: $0) }
        let fates = Array(repeating: PluginVerdict.requested, count: 5)
        machine.built(.portion(0), RequestPlan(requests: requests, fates: fates), under: 0, at: now)
        _ = machine.takeActions()
        // The later event of its user leaves the third request, so that is built anew.
        machine.ended(0, .delivery(.park(after: .seconds(5), counted: 1), []), at: now)
        var jobs: [BuildJob] = []
        for case .build(let job, _) in machine.takeActions() { jobs.append(job) }
        #expect(jobs.count == 1)
        let busy = PluginVerdict.fail(code: "busy", message: "", disposition: .retry(after: .seconds(1)))
        for job in jobs { machine.built(job, RequestPlan(fates: [busy]), under: 0, at: now) }
        #expect(!machine.isIdle)
        machine.ended(1, .delivery(.delivered, []), at: now)
        #expect(machine.isIdle)
        let checkpoint = machine.takeCheckpoint()
        let parked = checkpoint.parked.sorted { $0.offset < $1.offset }
        #expect(parked.map(\.key) == [(0, 0), (1, 2), (2, nil)].map { ParkedKey(offset: $0.0, part: $0.1) })
        #expect(checkpoint.counts.delivered == 2 && checkpoint.counts.waiting == 2 && checkpoint.counts.reconcile)
    }

    @Test func `What is parked within a gap wakes when the gap is passed, though nothing comes behind it`() {
        var now = Moment(instant: .now, wall: 0)
        func machine(at position: Int64, beyond: [UInt8] = [], parked: [ParkedItem] = []) -> LaneMachine {
            LaneMachine(
                partition: PartitionID(rawValue: 1),
                destination: DestinationID(rawValue: 1),
                progress: LaneProgress(position: position, beyond: beyond),
                parked: parked
            )
        }
        var before = machine(at: 15)
        let json = Array("{}".utf8)[...]
        let event = LaneEvent(offset: 15, sliceTime: 0, userHash: 1, receivedAt: 0, json: json)
        before.read([event], chain: [PluginLabel(id: "c", version: "1")], at: now)
        let request = PluginRequest(url: "http://a/", events: [0])
        before.built(.portion(0), RequestPlan(requests: [request], fates: [.requested]), under: 0, at: now)
        before.ended(0, .delivery(.park(after: .seconds(5), counted: 1), []), at: now)
        let parked = before.takeCheckpoint().parked
        #expect(parked.map(\.offset) == [15])

        // Events before it were never read, and an earlier one of its user may be among them.
        var again = machine(at: 10, beyond: [1 << 5], parked: parked)
        now.wall += 60_000_000
        again.wake(at: now)
        #expect(again.takeActions().isEmpty && again.nextDue == nil)
        let isPassed = again.expire(upTo: 20)
        #expect(isPassed && again.nextDue != nil)
        again.wake(at: now)
        #expect(!again.isIdle)
    }

    @Test func `What counts against a parked event, and how long it has waited, outlives parking and a restart`() {
        let hour: Int64 = 3_600_000_000
        var parked: [ParkedItem] = []
        var now = Moment(instant: .now, wall: hour)
        func machine() -> LaneMachine {
            let progress = LaneProgress(position: parked.isEmpty ? 0 : 1)
            return LaneMachine(
                partition: PartitionID(rawValue: 1),
                destination: DestinationID(rawValue: 1),
                progress: progress,
                parked: parked
            )
        }
        for round in 1...3 {
            var machine = machine()
            if parked.isEmpty {
                let json = Array("{}".utf8)[...]
                let event = LaneEvent(offset: 0, sliceTime: 0, userHash: 1, receivedAt: 0, json: json)
                machine.read([event], chain: [PluginLabel(id: "c", version: "1")], at: now)
            } else {
                machine.wake(at: now)
            }
            let request = PluginRequest(url: "http://a/", events: [0])
            machine.built(.portion(0), RequestPlan(requests: [request], fates: [.requested]), under: 0, at: now)
            var outgoing: [Outgoing] = []
            for case .submit(let requests) in machine.takeActions() { outgoing += requests }
            #expect(outgoing.map(\.attempts) == [round - 1])
            #expect(outgoing.map(\.waited) == [.seconds(60) * (round - 1)])
            // The destination is down for an hour, in which it is tried often.
            now.wall += hour
            let attempt = Attempt(number: 100, at: now.wall, duration: .zero, result: .status(503))
            machine.ended(0, .delivery(.park(after: .seconds(60), counted: round), [attempt]), at: now)
            parked = machine.takeCheckpoint().parked
            #expect(parked.map(\.attempts) == [round])
            // The server is stopped for another.
            now.wall += hour
        }
    }
}
