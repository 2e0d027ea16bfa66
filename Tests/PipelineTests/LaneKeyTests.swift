import Delivery
import EventModel
import Pipeline
import PluginHost
import Testing
import WorkerProtocol

@Suite struct LaneKeyTests {
    private let partition = PartitionID(rawValue: 1)
    private let destination = DestinationID(rawValue: 2)
    private let now = Moment(instant: .now, wall: 1_000_000)

    private func machine(parked: [ParkedItem] = []) -> LaneMachine {
        let progress = LaneProgress(position: parked.isEmpty ? 0 : 1)
        return LaneMachine(partition: partition, destination: destination, progress: progress, parked: parked)
    }

    /// Lets a lane send what a connector asks for, and gives the keys by their bodies.
    private func keys(
        of requests: [(body: String, events: [Int])],
        _ machine: inout LaneMachine,
        _ end: (String) -> Dispatch.Ending = { _ in .delivered }
    ) -> [String: IdempotencyKey] {
        let plan = RequestPlan(
            requests: requests.map {
                PluginRequest(url: "http://a/", body: Array($0.body.utf8)[...], events: $0.events)
            },
            fates: Array(repeating: .requested, count: 1 + (requests.flatMap(\.events).max() ?? 0))
        )
        machine.built(.portion(0), plan, under: 0, at: now)
        var keys: [String: IdempotencyKey] = [:]
        for _ in 0..<1_000 {
            var outgoing: [Outgoing] = []
            for case .submit(let requests) in machine.takeActions() { outgoing += requests }
            if outgoing.isEmpty { return keys }
            for one in outgoing {
                let body = String(decoding: one.content.body, as: UTF8.self)
                keys[body] = one.key
                machine.ended(one.request, .delivery(end(body), []), at: now)
            }
        }
        Issue.record("the requests do not come to an end")
        return keys
    }

    private func read(_ count: Int, _ machine: inout LaneMachine) {
        let events = (0..<count).map { offset in
            let json = Array("{}".utf8)[...]
            return LaneEvent(offset: Int64(offset), sliceTime: 0, userHash: 1, receivedAt: 0, json: json)
        }
        machine.read(events, chain: [PluginLabel(id: "c", version: "1")], at: now)
    }

    private func key(_ offset: Int64) -> IdempotencyKey {
        IdempotencyKey(destination: destination, partition: partition, offset: offset, part: 0)
    }

    @Test func `Requests for the same events have keys of their own, and the first has that of the events`() {
        var machine = machine()
        read(3, &machine)
        let keys = keys(
            of: [
                ("identify", [0]), ("track", [0]), ("other", [1]), ("both", [1, 2]), ("again", [1, 2]),
                ("backwards", [2, 1]),
            ],
            &machine
        )
        #expect(keys.count == 6 && Set(keys.values).count == 6)
        #expect(keys["identify"] == key(0) && keys["other"] == key(1))
        #expect(keys["both"] == IdempotencyKey(of: [key(1), key(2)]))
    }

    @Test func `A request keeps its key when its event is tried again later, also after a restart`() {
        var machine = machine()
        read(1, &machine)
        let requests = [("identify", [0]), ("track", [0])]
        let first = keys(of: requests, &machine) { body in
            body == "identify" ? .delivered : .park(after: .zero, counted: 1)
        }
        let parked = machine.takeCheckpoint().parked
        #expect(parked.count == 1)
        var restarted = self.machine(parked: parked)
        restarted.wake(at: now)
        let second = keys(of: requests, &restarted)
        #expect(first.count == 2 && first == second)
    }
}
