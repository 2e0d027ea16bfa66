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
        machine.ended(0, .delivery(.park(after: .seconds(5)), []), at: now)
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
}
