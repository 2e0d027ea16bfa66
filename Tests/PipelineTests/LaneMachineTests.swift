import Delivery
import EventModel
import PluginHost
import TestSupport
import Testing
import WorkerProtocol

@testable import Pipeline

@Suite struct LaneMachineTests {
    @Test(arguments: 0..<40)
    func `Whatever completes when, users stay in order and counts reconcile`(seed: Int) {
        var world = LaneWorld(seed: UInt64(seed), events: 600, users: 12, crashes: false)
        world.run()
        world.checkEnd()
    }

    @Test(arguments: 1000..<1080)
    func `Whatever crashes when, nothing is skipped, nothing counts twice and users stay in order`(seed: Int) {
        var world = LaneWorld(seed: UInt64(seed), events: 600, users: 12, crashes: true)
        world.run()
        world.checkEnd()
    }

    @Test(arguments: 2000..<2060)
    func `Users who wait for another lane are held, whatever completes or crashes, and then go on in order`(seed: Int) {
        let held: Set<UInt64> = [1, 4, 7, 8, 11]
        var world = LaneWorld(seed: UInt64(seed), events: 600, users: 12, crashes: seed % 2 == 0, held: held)
        world.run()
        world.checkEnd()
    }

    @Test func `Where events of a user need not wait for each other nothing is lost, and some overtake`() {
        var overtaken = 0
        for seed in 3000..<3040 {
            var world = LaneWorld(seed: UInt64(seed), events: 600, users: 12, crashes: seed % 2 == 0)
            world.isOrdered = false
            world.run()
            world.checkEnd()
            overtaken += world.overtaken
        }
        #expect(overtaken > 1_000)
    }

    @Test(arguments: 4000..<4080)
    func `Order may be switched on and off at any time, and holds whenever it is on`(seed: Int) {
        let held: Set<UInt64> = seed % 3 == 0 ? [1, 4, 7] : []
        var world = LaneWorld(seed: UInt64(seed), events: 900, users: 12, crashes: seed % 2 == 0, held: held)
        world.changesOrder = true
        world.run()
        world.checkEnd()
    }

    @Test func `Without order one event is parked alone, and what waited behind one goes on when order ends`() {
        var world = LaneWorld(seed: 3, events: 200, users: 4, crashes: false, mood: .calm)
        world.poison = [8]
        world.isOrdered = false
        world.runUntilStill()
        world.commit()
        #expect(world.committed.parked.values.map(\.offset) == [8] && world.committed.counts.delivered == 199)
        #expect(world.committed.parked.values.map(\.userHash) == [0], "the user is still known")

        var other = LaneWorld(seed: 3, events: 200, users: 4, crashes: false, mood: .calm)
        other.poison = [8]
        other.runUntilStill()
        other.commit()
        #expect(other.committed.parked.count == 48)
        other.isOrdered = false
        #expect(other.machine.nextDue != nil)
        other.wake()
        other.runUntilStill()
        other.commit()
        #expect(other.committed.parked.values.map(\.offset) == [8] && other.committed.counts.delivered == 199)
        other.poison = []
        other.run()
        other.checkEnd()
    }

    @Test(arguments: 3000..<3040)
    func `Whatever is kept of the ways of events, they go as they went, and nothing of it stays behind`(seed: Int) {
        var world = LaneWorld(seed: UInt64(seed), events: 600, users: 12, crashes: seed % 2 == 0, sample: 1)
        world.run()
        world.checkEnd()
        #expect(world.machine.traces.kept == 0)
        #expect(!world.committed.traces.isEmpty)
        let outcomes: Set = [
            "delivered", "dropped", "failed", "dead_lettered", "parked", "duplicate", "filtered",
        ]
        for trace in world.committed.traces {
            let pass = trace.pass
            #expect(outcomes.contains(pass.outcome), "\(pass.outcome)")
            let times = trace.times.compactMap { $0 }
            #expect(times.allSatisfy { $0.startedAt <= $0.endedAt })
            #expect(zip(times, times.dropFirst()).allSatisfy { $0.endedAt <= $1.startedAt })
            // Of what ended at a stage that stage is the last.
            if let step = trace.end.step { #expect(pass.stages.count == step + 1) }
            guard pass.outcome == "delivered", pass.cause == "sampled" else { continue }
            #expect(pass.event != nil && pass.stages.count == trace.chain.count)
            #expect(!pass.sends.isEmpty && pass.sends.allSatisfy { !$0.attempts.isEmpty || $0.ending == "delivered" })
        }
    }

    @Test func `A lane that is full reads nothing more`() {
        var world = LaneWorld(seed: 1, events: 100_000, users: 1000, crashes: false, mood: .calm)
        world.neverAnswers = true
        for _ in 0..<2_000 { world.step() }
        #expect(world.machine.room == nil)
        let most = Int64(LaneWorld.settings.windowEvents) + LaneWorld.largestChunk
        #expect(world.machine.nextOffset <= most)
        #expect(!world.machine.isChanged, "a destination that does not answer costs no write")
    }

    @Test func `What a transformation makes of events counts against the lane's bound until they are settled`() {
        var settings = LaneSettings()
        settings.windowBytes = 100
        var machine = LaneMachine(
            partition: PartitionID(rawValue: 1),
            destination: DestinationID(rawValue: 1),
            settings: settings
        )
        let chain = [PluginLabel(id: "t", version: "1"), PluginLabel(id: "c", version: "1")]
        let now = Moment(instant: .now, wall: 0)
        let events = (0..<2 as Range<Int64>).map { offset in
            LaneEvent(offset: offset, sliceTime: 0, userHash: 0, receivedAt: 0, json: Array("{}".utf8)[...])
        }
        machine.read(events, chain: chain, at: now)
        #expect(machine.room != nil)
        let part = ArraySlice(repeating: UInt8(ascii: " "), count: 40)
        machine.transformed(0, [.emit([part, part]), .emit([part])], at: now)
        #expect(machine.room == nil)
        let plan = RequestPlan(fates: Array(repeating: .drop(reason: ""), count: 3))
        machine.built(.portion(0), plan, under: 0, at: now)
        #expect(machine.isIdle && machine.room != nil)
    }

    @Test func `A connector that asks for a user's later event first is not followed`() {
        var machine = LaneMachine(partition: PartitionID(rawValue: 1), destination: DestinationID(rawValue: 1))
        let now = Moment(instant: .now, wall: 0)
        let users: [UInt64] = [1, 2, 1, 1]
        let events = (0..<4).map { offset in
            let json = Array("{}".utf8)[...]
            return LaneEvent(offset: Int64(offset), sliceTime: 0, userHash: users[offset], receivedAt: 0, json: json)
        }
        machine.read(events, chain: [PluginLabel(id: "c", version: "1")], at: now)
        _ = machine.takeActions()
        let fates = Array(repeating: PluginVerdict.requested, count: 4)
        let requests = [[1, 3], [0], [2]].map { PluginRequest(url: "", events: $0) }
        machine.built(.portion(0), RequestPlan(requests: requests, fates: fates), under: 0, at: now)
        for expected in [[0], [2], [1, 3]] {
            guard case .submit(let outgoing) = machine.takeActions().first else {
                Issue.record("\(expected) is not sent")
                return
            }
            #expect(outgoing.map(\.content.events) == [expected])
            machine.ended(outgoing[0].request, .delivery(.delivered, []), at: now)
        }
    }

    @Test func `One poisoned event is parked, the later ones of its user wait as offsets, and others go on`() {
        var world = LaneWorld(seed: 3, events: 200, users: 4, crashes: false, mood: .calm)
        world.poison = [8]
        world.runUntilStill()
        world.commit()
        let parked = world.committed.parked.values.sorted { ($0.offset, $0.part ?? -1) < ($1.offset, $1.part ?? -1) }
        #expect(parked.first?.offset == 8 && parked.first?.payload != nil)
        #expect(parked.dropFirst().allSatisfy { $0.userHash == 0 && $0.payload == nil && $0.offset > 8 })
        #expect(parked.count == 48)
        #expect(world.committed.counts.waiting == 1 && world.committed.counts.delivered == 152)
        #expect(world.committed.position == 200)
        world.poison = []
        world.run()
        world.checkEnd()
    }

    @Test func `A request of many events that is refused for one of them delivers the others`() {
        var world = LaneWorld(seed: 4, events: 300, users: 7, crashes: false, mood: .calm)
        world.batch = 100
        world.refused = [150]
        world.run()
        #expect(world.committed.counts.delivered == 299)
        #expect(world.committed.deadLetters.map(\.offset) == [150])
        #expect(world.committed.deadLetters.map(\.code) == ["http_400"])
        world.checkEnd()
    }

    @Test func `What is parked or buried does not hold the batch that it came in`() {
        var machine = LaneMachine(partition: PartitionID(rawValue: 1), destination: DestinationID(rawValue: 1))
        let chain = [PluginLabel(id: "t", version: "1"), PluginLabel(id: "c", version: "1")]
        let now = Moment(instant: .now, wall: 0)
        var bodies = Array(repeating: UInt8(ascii: " "), count: 100_000)
        var output = bodies
        output[0] = UInt8(ascii: "{")
        /// Whether nobody else holds the array: only then is it changed where it is.
        func isAlone(_ array: inout [UInt8]) -> Bool {
            let before = unsafe array.withUnsafeBytes { $0.baseAddress }
            array[1] &+= 1
            return unsafe before == array.withUnsafeBytes { $0.baseAddress }
        }
        machine.read(
            (0..<4).map { number in
                let json = bodies[number * 10..<number * 10 + 10]
                return LaneEvent(
                    offset: Int64(number),
                    sliceTime: 0,
                    userHash: UInt64(number),
                    receivedAt: 0,
                    json: json
                )
            },
            chain: chain,
            at: now
        )
        machine.transformed(
            0,
            (0..<3).map { .emit([output[$0 * 20..<$0 * 20 + 20]]) } + [
                .fail(code: "no", message: "", disposition: .bury)
            ],
            at: now
        )
        let requests = (0..<2).map { PluginRequest(url: "http://a/", body: [], events: [$0]) }
        let fates: [PluginVerdict] = [.requested, .requested, .fail(code: "no", message: "", disposition: .bury)]
        machine.built(.portion(0), RequestPlan(requests: requests, fates: fates), under: 0, at: now)
        machine.ended(0, .delivery(.park(after: .seconds(5), counted: 1), []), at: now)
        machine.ended(1, .delivery(.refused, []), at: now)
        _ = machine.takeActions()
        #expect(isAlone(&bodies) && isAlone(&output))
        let checkpoint = machine.takeCheckpoint()
        #expect(checkpoint.parked.map { $0.payload?.count } == [20])
        #expect(checkpoint.deadLetters.map(\.before.count) == [10, 10, 10])
        #expect(checkpoint.deadLetters.compactMap(\.after?.count) == [20, 20])
        #expect(machine.isIdle)
    }
}
