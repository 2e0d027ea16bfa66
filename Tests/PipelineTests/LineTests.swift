import Catalog
import EventLog
import EventModel
import Foundation
import Pipeline
import PostgreSQL
import Synchronization
import TestSupport
import Testing

@Suite struct LineTests {
    /// The numbers that each user's events were first received in.
    private func firsts(_ requests: [RecordingServer.Request], taken: (RecordingServer.Request) -> Bool) -> [String:
        [Int]]
    {
        var seen: Set<Int> = []
        var order: [String: [Int]] = [:]
        for request in requests where taken(request) {
            guard let event = request.event, seen.insert(event.n).inserted else { continue }
            order[event.user, default: []].append(event.n)
        }
        return order
    }

    @Test(.timeLimit(.minutes(2))) func `Every event arrives once, in order for each user, and is counted`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 3)) { line in
                try await line.running {
                    try await line.append(Line.events(600, users: 17))
                    #expect(await server.wait(for: 600))
                    try await line.wait { $0.delivered == 600 }
                }
            }
            #expect(server.requests.count == 600)
            #expect(firsts(server.requests) { _ in true }.values.allSatisfy { $0 == $0.sorted() })
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A destination that is down costs no write, and gets everything when it is back`() async throws {
        let isDown = Mutex(true)
        try await RecordingServer.with({ _ in isDown.withLock { $0 } ? .answer(503) : .answer(200) }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(300, users: 20))
                    #expect(await server.wait(for: 6))
                    #expect(try await line.count("checkpoint WHERE read > 0") == 0)
                    #expect(try await line.count("parked") == 0)
                    #expect(try await line.count("dead_letter") == 0)
                    isDown.withLock { $0 = false }
                    try await line.wait { $0.delivered == 300 }
                }
            }
            let order = firsts(server.requests) { _ in true }
            #expect(order.values.allSatisfy { $0 == $0.sorted() })
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `One event that fails while others succeed is parked and holds back its user alone`() async throws {
        let poisoned = Mutex(true)
        let taken = Mutex<[Int]>([])
        try await RecordingServer.with({ request in
            guard let event = request.event else { return .answer(400) }
            if event.n == 25, poisoned.withLock({ $0 }) { return .answer(500, body: "not this one") }
            taken.withLock { $0.append(event.n) }
            return .answer(200)
        }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(200, users: 10))
                    // User 5 has the events 5, 15, 25, …: two of them arrive, eighteen wait.
                    try await line.wait { $0.delivered == 182 && $0.waiting == 1 }
                    #expect(try await line.count("parked WHERE payload IS NOT NULL") == 1)
                    #expect(try await line.count("parked") == 18)
                    #expect(taken.withLock { $0.filter { $0 % 10 == 5 } } == [5, 15])
                    poisoned.withLock { $0 = false }
                    try await line.wait { $0.delivered == 200 && $0.waiting == 0 }
                    #expect(try await line.count("parked") == 0)
                }
            }
            #expect(taken.withLock { $0.filter { $0 % 10 == 5 } } == (0..<20).map { $0 * 10 + 5 })
        }
    }

    @Test(.timeLimit(.minutes(2))) func `What waits survives a restart`() async throws {
        let poisoned = Mutex(true)
        try await RecordingServer.with({ request in
            request.event?.n == 0 && poisoned.withLock { $0 } ? .answer(500) : .answer(200)
        }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(100, users: 5))
                    try await line.wait { $0.delivered == 80 && $0.waiting == 1 }
                }
                poisoned.withLock { $0 = false }
                try await line.running { try await line.wait { $0.delivered == 100 } }
                #expect(try await line.count("parked") == 0)
            }
            let order = firsts(server.requests) { _ in true }
            #expect(order["u0"] == (0..<20).map { $0 * 5 })
        }
    }

    @Test(.timeLimit(.minutes(2))) func `A final answer makes a dead letter that says why`() async throws {
        try await RecordingServer.with({ $0.event?.n == 7 ? .answer(400, body: "no such field") : .answer(200) }) {
            server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(50, users: 5))
                    try await line.wait { $0.delivered == 49 && $0.deadLettered == 1 }
                }
                let letters = Statement("test.dead", "SELECT stage, code, history, plugin FROM leat.dead_letter")
                let row = try #require(try await line.pool.query(letters).first)
                #expect(try row.text(0) == "deliver")
                #expect(try row.text(1) == "http_400")
                #expect(try row.text(2).contains("no such field"))
                #expect(try row.text(3) == "test.connector@1.0.0")
            }
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A request that needs a secret ends as a dead letter, and is not sent without it`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(transforms: false)) { line in
                try await line.running {
                    try await line.append(Line.events(20, users: 3, orders: [7: "secret"]))
                    try await line.wait { $0.delivered == 19 && $0.deadLettered == 1 }
                }
                let letters = Statement("test.secret", "SELECT event_offset, stage, code, reason FROM leat.dead_letter")
                let row = try #require(try await line.pool.query(letters).first)
                #expect(try row.int8(0) == 7)
                #expect(try row.text(1) == "connect" && row.text(2) == "request_secret")
                #expect(try row.text(3).contains("its manifest does not name it under permissions.secrets"))
            }
            #expect(server.requests.allSatisfy { $0.event?.n != 7 })
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `One event in a hundred that crashes its plugin is set aside and the others go on`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                let orders = Dictionary(uniqueKeysWithValues: (0..<5).map { ($0 * 100 + 42, "crash") })
                try await line.running {
                    try await line.append(Line.events(500, users: 9, orders: orders))
                    try await line.wait { $0.delivered == 495 && $0.failed == 5 }
                }
                #expect(try await line.count("dead_letter WHERE stage = 'transform' AND code = 'signal_segv'") == 5)
            }
            #expect(firsts(server.requests) { _ in true }.values.allSatisfy { $0 == $0.sorted() })
        }
    }

    @Test(.timeLimit(.minutes(2))) func `Dropped, failed and split events are counted as what they are`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                let orders = [3: "drop", 4: "drop", 5: "fail", 6: "split"]
                try await line.running {
                    try await line.append(Line.events(20, users: 3, orders: orders))
                    try await line.wait { $0.read == 20 }
                }
                let counts = try await line.counts()
                #expect(counts.dropped == 2 && counts.failed == 1 && counts.transformed == 17)
                #expect(counts.emitted == 18 && counts.delivered == 18 && counts.reconcile)
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func `What a transformation wrote is not given on unless it is JSON`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(20, users: 3, orders: [5: "not-json"]))
                    try await line.wait { $0.delivered == 19 && $0.deadLettered == 1 }
                }
                #expect(try await line.count("dead_letter WHERE stage = 'connect' AND code = 'invalid_event'") == 1)
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func `A repeated message id is delivered once`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    let events = Line.events(60, users: 6)
                    try await line.append(events)
                    try await line.append(events)
                    try await line.wait { $0.delivered == 60 && $0.duplicates == 60 }
                }
            }
            #expect(server.requests.count == 60)
        }
    }

    @Test(.timeLimit(.minutes(2))) func `A new plugin version acts on the next event without a restart`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(50, users: 5))
                    try await line.wait { $0.delivered == 50 }
                    try await Line.upload("transform", "test.events", "events", version: "2.0.0", to: line.catalog)
                    try await line.letLanesLearn(pipeline)
                    try await line.append(Array(Line.events(100, users: 5, orders: [50: "crash"]).suffix(50)))
                    try await line.wait { $0.delivered == 99 && $0.failed == 1 }
                }
                #expect(try await line.count("dead_letter WHERE plugin = 'test.events@2.0.0'") == 1)
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func `A destination whose address is corrected gets what waited for it`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: "http://127.0.0.1:9/") { line in
                try await line.running {
                    try await line.append(Line.events(100, users: 10))
                    #expect(try await line.count("checkpoint WHERE read > 0") == 0)
                    _ = try await line.catalog.apply(try Line.declaration(destination: server.url), by: "test")
                    try await line.wait { $0.delivered == 100 }
                }
            }
            #expect(firsts(server.requests) { _ in true }.values.allSatisfy { $0 == $0.sorted() })
        }
    }

    @Test(.timeLimit(.minutes(2)))
    func `A lane whose lease was taken commits nothing more and begins anew under its own`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(40, users: 5))
                    try await line.wait { $0.delivered == 40 }
                    // As if another node had taken the lease over and given it back.
                    let rob = Statement("test.rob", "UPDATE leat.lease SET epoch = epoch + 1, node_id = NULL")
                    _ = try await line.pool.query(rob)
                    try await line.append(Array(Line.events(80, users: 5).suffix(40)))
                    try await line.wait { $0.delivered == 80 }
                }
                let epochs = Statement(
                    "test.epochs",
                    "SELECT count(DISTINCT epoch) FROM leat.checkpoint WHERE read > 0"
                )
                #expect(try await line.pool.query(epochs)[0].int8(0) == 2)
            }
            #expect(Set(server.requests.compactMap { $0.event?.n }) == Set(0..<80))
        }
    }

    @Test(.timeLimit(.minutes(2))) func `A connection that is switched off stands still and loses nothing`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(40, users: 5))
                    try await line.wait { $0.delivered == 40 }
                    let off =
                        "connections: [{source: shop, destination: hook, transformations: [{plugin: test.events}], enabled: false}]"
                    _ = try await line.catalog.apply(try Line.declaration(off), by: "test")
                    let more = Line.events(80, users: 5).suffix(40)
                    try await line.append(Array(more))
                    let on = off.replacing("enabled: false", with: "enabled: true")
                    _ = try await line.catalog.apply(try Line.declaration(on), by: "test")
                    try await line.wait { $0.delivered == 80 }
                }
            }
            #expect(Set(server.requests.compactMap { $0.event?.n }) == Set(0..<80))
        }
    }
}

extension Line {
    /// The committed counts of the connection, over all partitions.
    func counts() async throws -> Counts {
        let latest = Statement(
            "test.latest",
            """
            SELECT read, duplicates, filtered, dropped, failed, transformed, emitted, delivered, dead_lettered, waiting
            FROM (
                SELECT DISTINCT ON (partition_id) * FROM leat.checkpoint WHERE consumer_id = $1
                ORDER BY partition_id, written_at DESC
            ) AS latest
            """
        )
        let rows = try await pool.query(latest, [.int8(consumer.rawValue)])
        var total = Counts()
        for row in rows {
            var counts = Counts()
            counts.read = try row.int8(0)
            counts.duplicates = try row.int8(1)
            counts.filtered = try row.int8(2)
            counts.dropped = try row.int8(3)
            counts.failed = try row.int8(4)
            counts.transformed = try row.int8(5)
            counts.emitted = try row.int8(6)
            counts.delivered = try row.int8(7)
            counts.deadLettered = try row.int8(8)
            counts.waiting = try row.int8(9)
            #expect(counts.reconcile)
            total += counts
        }
        return total
    }

    func count(_ table: String) async throws -> Int64 {
        try await pool.query(Statement("test.count.\(table)", "SELECT count(*) FROM leat.\(table)"))[0].int8(0)
    }

    /// Looks at what is committed until it is as wanted; every state on the way must reconcile.
    func wait(within bound: Duration = .seconds(60), until isReached: (Counts) -> Bool) async throws {
        let deadline = ContinuousClock.now + bound
        while ContinuousClock.now < deadline {
            if isReached(try await counts()) { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("not reached: \(try await counts())")
    }
}
