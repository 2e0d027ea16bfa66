import Catalog
import Conditions
import EventLog
import EventModel
import Foundation
import PostgreSQL
import Synchronization
import TestSupport
import Testing

@testable import Pipeline

/// A part of the log that is sent once more, on a whole line.
@Suite(.timeLimit(.minutes(2))) struct ReplayTests {
    @Test func `A replay sends a part of the log again, in order for each user, marked and counted by itself`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 2)) { line in
                try await line.running {
                    try await line.append(Line.events(60, users: 5), size: 10)
                    try await line.wait { $0.delivered == 60 }
                    let replay = try await line.replay()
                    #expect(replay.events == 60)
                    let ended = try await line.ended(replay)
                    #expect(ended.state == .done && ended.reason.isEmpty)
                    #expect(ended.counts?.read == 60 && ended.counts?.delivered == 60)
                    #expect(ended.counts?.reconcile == true && ended.expired == 0)
                    // What the connection counted is as it was, and the replay's lanes are gone.
                    #expect(try await line.counts().read == 60)
                    #expect(try await line.count("checkpoint WHERE consumer_id = \(replay.id.rawValue)") == 0)
                }
                let marked = server.requests.filter { $0.header("Leat-Replay") != nil }
                let live = server.requests.filter { $0.header("Leat-Replay") == nil }
                #expect(marked.count == 60 && live.count == 60)
                #expect(Set(marked.compactMap { $0.header("Leat-Replay") }).count == 1)
                // A loop, for the optimizer takes a second closure of this form for the first and asks for its header.
                var keys: Set<String> = []
                for request in server.requests {
                    if let key = request.header("Idempotency-Key") { keys.insert(key) }
                }
                #expect(keys.count == 120, "a destination would take a replayed event for a repeated one")
                var order: [String: [Int]] = [:]
                for event in marked.compactMap(\.event) { order[event.user, default: []].append(event.n) }
                #expect(order.count == 5 && order.values.allSatisfy { $0 == $0.sorted() && $0.count == 12 })
                try await line.expectSound()
            }
        }
    }

    @Test func `A filter is asked of each event, and everything else counts as filtered`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 2)) { line in
                try await line.running {
                    try await line.append(Line.events(50, users: 5), size: 7)
                    try await line.wait { $0.delivered == 50 }
                    let user = try await line.ended(try await line.replay(ReplayFilter(user: "u2")))
                    #expect(user.counts?.read == 50 && user.counts?.filtered == 40 && user.counts?.delivered == 10)
                    let filter = ReplayFilter(types: [.track], condition: try Condition(parsing: "n >= 45"))
                    let condition = try await line.ended(try await line.replay(filter))
                    #expect(condition.counts?.filtered == 45 && condition.counts?.delivered == 5)
                    #expect(condition.filter == filter)
                    let none = try await line.ended(try await line.replay(ReplayFilter(types: [.page])))
                    #expect(none.counts?.filtered == 50 && none.counts?.emitted == 0 && none.state == .done)
                }
                let marked = server.requests.filter { $0.header("Leat-Replay") != nil }.compactMap(\.event)
                #expect(marked.prefix(10).allSatisfy { $0.user == "u2" })
                #expect(Set(marked.dropFirst(10).map(\.n)) == Set(45..<50))
            }
        }
    }

    @Test func `An event that repeats one from before the range is a duplicate in the replay as it was live`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(10, users: 2), size: 10)
                    let from = try await line.lastTime() + 1
                    try await line.append(Line.events(15, users: 2), size: 15)
                    try await line.wait { $0.delivered == 15 && $0.duplicates == 10 }
                    let replay = try await line.replay(from: from)
                    #expect(replay.events == 15)
                    let ended = try await line.ended(replay)
                    #expect(ended.counts?.duplicates == 10 && ended.counts?.delivered == 5)
                }
            }
        }
    }

    @Test func `A replay reads what lay in the log when it was made and nothing that came later`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(20, users: 2), size: 5)
                    let until = try await line.lastTime()
                    try await line.append(Array(Line.events(30, users: 2).dropFirst(20)), size: 5)
                    try await line.wait { $0.delivered == 30 }
                    let early = try await line.replay(until: until)
                    #expect(early.events == 20 && early.until == until)
                    #expect(try await line.ended(early).counts?.delivered == 20)
                    let all = try await line.replay(until: until + 3_600_000_000)
                    #expect(all.events == 30 && all.until < until + 3_600_000_000)
                    try await line.append(Array(Line.events(40, users: 2).dropFirst(30)), size: 5)
                    #expect(try await line.ended(all).counts?.read == 30)
                }
                #expect(server.requests.count == 40 + 20 + 30)
            }
        }
    }

    @Test func `A replay keeps to its rate, which can be changed while it runs`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 3)) { line in
                try await line.running {
                    let total = 3_000
                    try await line.append(Line.events(total, users: 60), size: 5)
                    try await line.wait { $0.delivered == total }
                    let begin = ContinuousClock.now
                    let replay = try await line.replay(rate: 50)
                    #expect(await server.wait(atMost: .seconds(60)) { $0.count >= total + 150 })
                    // What may have been saved up is a tenth of a second's, and a portion of each lane.
                    let time = begin.duration(to: server.requests[total + 149].at)
                    #expect(time > .seconds(150 / 55.0), "150 events came in \(time)")
                    _ = try await line.catalog.set(rate: 100_000, of: replay.id, by: "test")
                    let change = ContinuousClock.now
                    #expect(try await line.ended(replay).counts?.delivered == Int64(total))
                    let rest = change.duration(to: .now)
                    #expect(rest < .seconds((total - 150) / 50 - 10), "at the old rate it takes 57 s")
                }
            }
        }
    }

    @Test func `A replay that is paused goes on where it stood, and one that is stopped keeps its counts`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 2)) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(2_000, users: 20), size: 10)
                    try await line.wait { $0.delivered == 2_000 }
                    let replay = try await line.replay(rate: 100)
                    #expect(await server.wait(atMost: .seconds(20)) { $0.count >= 2_050 })
                    _ = try await line.catalog.set(.paused, of: replay.id, by: "test")
                    try await line.expectStanding(replay, of: 2_000, server, pipeline)
                    _ = try await line.catalog.set(.running, of: replay.id, by: "test")
                    _ = try await line.catalog.set(rate: 100_000, of: replay.id, by: "test")
                    #expect(try await line.ended(replay).counts?.delivered == 2_000)
                    #expect(server.requests.count == 4_000, "something was sent twice over the pause")

                    let other = try await line.replay(rate: 100)
                    #expect(await server.wait(atMost: .seconds(20)) { $0.count >= 4_050 })
                    _ = try await line.catalog.set(.stopped, of: other.id, by: "test")
                    let stopped = try await line.ended(other)
                    #expect(stopped.state == .stopped && stopped.counts?.reconcile == true)
                    #expect(Int(stopped.counts?.delivered ?? 0) == server.requests.count - 4_000)
                    await #expect(throws: CatalogError.self) {
                        _ = try await line.catalog.set(.running, of: other.id, by: "test")
                    }
                }
                try await line.expectSound()
            }
        }
    }

    @Test func `A replay stands still while its destination drains, and goes on when that is resumed`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 2)) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(2_000, users: 20), size: 10)
                    try await line.wait { $0.delivered == 2_000 }
                    let replay = try await line.replay(rate: 100)
                    #expect(await server.wait(atMost: .seconds(20)) { $0.count >= 2_050 })
                    let destination = line.catalog.current.destinations[0].id
                    _ = try await line.catalog.drainDestination(destination, reason: "", by: "test")
                    try await line.expectStanding(replay, of: 2_000, server, pipeline)
                    _ = try await line.catalog.set(rate: 100_000, of: replay.id, by: "test")
                    _ = try await line.catalog.resumeDestination(destination, by: "test")
                    #expect(try await line.ended(replay).counts?.delivered == 2_000)
                    #expect(server.requests.count == 4_000)
                }
                try await line.expectSound()
            }
        }
    }

    @Test func `A replay through a corrected plugin version delivers what the former one could not`() async throws {
        let broken = Mutex(true)
        try await RecordingServer.with({ request in
            request.event.map { $0.n % 10 == 3 } == true && broken.withLock { $0 } ? .answer(400) : .answer(200)
        }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(50, users: 5), size: 10)
                    try await line.wait { $0.delivered == 45 && $0.deadLettered == 5 }
                    let first = try await line.ended(try await line.replay())
                    #expect(first.counts?.deadLettered == 5)
                    let place = "consumer_id = \(first.id.rawValue)"
                    #expect(try await line.count("dead_letter WHERE \(place)") == 5)
                    broken.withLock { $0 = false }
                    try await Line.upload("transform", "test.events", "events", version: "2.0.0", to: line.catalog)
                    let second = try await line.ended(try await line.replay())
                    #expect(second.counts?.delivered == 50)
                }
                try await line.expectSound()
            }
        }
    }

    @Test func `What has left the log before a replay read it counts as expired, and the replay ends`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(remembersChunks: false)) { line in
                try await line.running {
                    try await line.append(Line.events(40, users: 4))
                    try await line.wait { $0.delivered == 40 }
                }
                let replay = try await line.replay()
                try await line.dropEverything()
                try await line.running {
                    let ended = try await line.ended(replay)
                    #expect(ended.state == .done && ended.expired == 40 && ended.counts?.read == 0)
                }
            }
        }
    }

    @Test func `A replay ends with a reason when its connection is removed`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(100, users: 4), size: 5)
                    try await line.wait { $0.delivered == 100 }
                    let replay = try await line.replay(rate: 1)
                    _ = try await line.catalog.change(by: "test") { snapshot throws(CatalogError) in
                        [.removeConnection(line.consumer, name: snapshot.name(of: snapshot.connections[0]))]
                    }
                    let ended = try await line.ended(replay)
                    #expect(ended.state == .failed && ended.reason == "its connection was removed")
                }
            }
        }
    }

    @Test func `A replay over a change of partitions sends each user's events in their order`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 3)) { line in
                try await line.running {
                    try await line.appendAnywhere(Line.events(60, users: 7))
                    try await line.change(to: 2)
                    try await line.appendAnywhere(Array(Line.events(120, users: 7).dropFirst(60)))
                    try await line.wait { $0.delivered == 120 }
                    let ended = try await line.ended(try await line.replay())
                    #expect(ended.counts?.delivered == 120 && ended.ranges.count == 5)
                }
                var order: [String: [Int]] = [:]
                for request in server.requests where request.header("Leat-Replay") != nil {
                    if let event = request.event { order[event.user, default: []].append(event.n) }
                }
                #expect(order.count == 7 && order.values.allSatisfy { $0 == $0.sorted() })
            }
        }
    }

    @Test func `A plan counts what would be sent and shows what today's transformations make of it`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 2)) { line in
                let orders = [3: "drop", 13: "fail"]
                try await line.append(Line.events(40, users: 4, orders: orders), size: 9)
                try await line.runningPipeline { pipeline in
                    try await line.wait { $0.read == 40 }
                    let sent = server.requests.count
                    var wish = ReplayWish(connection: line.consumer, from: 0, until: line.log.databaseTime)
                    let all = try await pipeline.plan(wish)
                    #expect(all.events == 40 && all.wanted == 40 && all.isExact)
                    #expect(all.samples.count == 10 && all.samples.contains { $0.outcome == "dropped" })
                    // What was dropped or failed has no parts, and everything else is as it was.
                    #expect(all.samples.allSatisfy { $0.parts == ($0.event.contains("do") ? [] : [$0.event]) })
                    wish.filter = ReplayFilter(user: "u3", condition: try Condition(parsing: "exists(do)"))
                    let few = try await pipeline.plan(wish)
                    #expect(few.events == 40 && few.wanted == 1 && few.samples.map(\.outcome) == ["dropped"])
                    #expect(server.requests.count == sent, "a plan delivers nothing")
                }
            }
        }
    }
}

extension Line {
    /// Begins a replay of everything between two times.
    func replay(
        _ filter: ReplayFilter = ReplayFilter(),
        from: Int64 = 0,
        until: Int64? = nil,
        rate: Int = 100_000
    ) async throws -> Replay {
        let wish = ReplayWish(
            connection: consumer,
            from: from,
            until: until ?? log.databaseTime + 60_000_000,
            filter: filter,
            rate: rate
        )
        return try await catalog.add(wish, by: "test")
    }

    /// Waits for the end of a replay's lanes.
    func ended(_ replay: Replay) async throws -> Replay {
        let deadline = ContinuousClock.now + .seconds(60)
        while ContinuousClock.now < deadline {
            let now = try await catalog.replay(replay.id)
            if now.endedAt != nil { return now }
            try await Task.sleep(for: .milliseconds(20))
        }
        Issue.record("replay \(replay.id) did not end: \(try await log.replayLanes([replay.id]))")
        return try await catalog.replay(replay.id)
    }

    /// Waits until all lanes of a replay have left, and expects that it was in the middle and that nothing more is sent.
    func expectStanding(
        _ replay: Replay,
        of total: Int64,
        _ server: RecordingServer,
        _ pipeline: Pipeline
    ) async throws {
        try await letLanesLearn(pipeline)
        try await wait(for: "the replay's lanes to leave") {
            pipeline.roster.standings.values.allSatisfy { !$0.lanes.contains { $0.consumer == replay.id } }
        }
        let sent = server.requests.count { $0.header("Leat-Replay") == "\(replay.id)" }
        var counts = Counts()
        try await wait(for: "the counts of \(sent) events that were sent") {
            counts = try await log.replayLanes([replay.id]).reduce(into: Counts()) { $0 += $1.counts }
            return counts.delivered == sent
        }
        #expect(counts.read < total && counts.read > 0)
        let all = server.requests.count
        #expect(await !server.wait(for: all + 1, atMost: .seconds(1)))
    }

    /// The time of the newest chunk.
    func lastTime() async throws -> Int64 {
        let statement = Statement("test.last_time", "SELECT max(slice_time) FROM leat.chunk WHERE event_count > 0")
        return try await pool.query(statement)[0].timestamp(0)
    }

    /// Everything that is kept adds up.
    func expectSound() async throws {
        let report = try await log.audit(nil, isDeep: true, within: .seconds(30))
        #expect(report.isComplete && report.faults.isEmpty, "\(report.faults)")
    }
}
