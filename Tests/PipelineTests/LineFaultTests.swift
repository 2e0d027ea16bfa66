import Catalog
import EventLog
import EventModel
import Pipeline
import PostgreSQL
import Synchronization
import Telemetry
import TestSupport
import Testing

/// What a line makes of a database that loses answers, refuses, or holds damage, and how connections come and go.
@Suite(.timeLimit(.minutes(2))) struct LineFaultTests {
    @Test func `However many answers of the database are lost, no dead letter stands twice and nothing is missing`()
        async throws
    {
        try await RecordingServer.with({ ($0.event?.n ?? 0) % 3 == 0 ? .answer(400) : .answer(200) }) { server in
            try await Line.with(destination: server.url, .init(partitions: 2, hasProxy: true)) { line in
                let proxy = try #require(line.proxy)
                try await line.running {
                    let events = Line.events(900, users: 40)
                    for round in 0..<6 {
                        proxy.loseAnswers(to: "checkpoint", times: 3)
                        try await line.append(Array(events[round * 150..<(round + 1) * 150]), size: 10)
                        #expect(await server.wait(for: (round + 1) * 150))
                        try await line.wait(for: "a lost answer") { proxy.lost > round }
                    }
                    try await line.wait { $0.delivered == 600 && $0.deadLettered == 300 }
                }
                #expect(proxy.lost >= 6)
                #expect(try await line.count("dead_letter") == 300)
                let distinct = "(SELECT DISTINCT partition_id, event_offset, part FROM leat.dead_letter)"
                #expect(try await line.number("SELECT count(*) FROM \(distinct) AS letters") == 300)
                let commits = "(partition_id, consumer_id, commit_number)"
                #expect(try await line.number("SELECT count(*) - count(DISTINCT \(commits)) FROM leat.checkpoint") == 0)
            }
            #expect(server.requests.count == 900)
        }
    }

    @Test func `While nobody can commit, a lane keeps a bounded number of dead letters, and commits them when it can`()
        async throws
    {
        try await RecordingServer.with({ _ in .answer(400) }) { server in
            try await Line.with(destination: server.url) { line in
                var settings = Line.quick
                settings.lane.deadLetters = 20
                settings.lane.windowEvents = 60
                try await line.running(settings) {
                    try await line.append(Line.events(10, users: 5), size: 10)
                    try await line.wait { $0.deadLettered == 10 }
                    let lock = try await Connection.open(line.pool.settings)
                    try await lock.execute("BEGIN; LOCK TABLE leat.checkpoint IN EXCLUSIVE MODE")
                    try await line.append(Array(Line.events(1_000, users: 50).dropFirst(10)), size: 10)
                    // What was on its way to the database, what waits for it, what is on its way to the destination.
                    let most = 10 + 2 * (20 + 60) + 2 * 10
                    #expect(await server.wait(for: 80))
                    #expect(await !server.wait(for: most + 1, atMost: .milliseconds(500)))
                    await lock.close()
                    try await line.wait { $0.deadLettered == 1_000 }
                }
                #expect(try await line.count("dead_letter") == 1_000)
            }
        }
    }

    /// How many lanes stand still, as the metrics show it.
    private func stillLanes(_ pipeline: Pipeline) -> Double? {
        pipeline.metrics().first { $0.name == "leat_pipeline_refused_lanes" }?.samples.first?.value
    }

    @Test func `A lane that the database refuses stands still, and the others go on`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 2)) { line in
                let refused = line.partitions[0]
                let rule = "CHECK (partition_id <> \(refused.rawValue) OR read < 20)"
                try await line.execute("ALTER TABLE leat.checkpoint ADD CONSTRAINT test_refuses \(rule)")
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(800, users: 16), size: 8)
                    try await line.wait(for: "a lane to stand still") { stillLanes(pipeline) == 1 }
                    let end = try await line.log.tail(line.partitions[1]).offset
                    try await line.wait(for: "the other lane") {
                        try await line.read(of: line.partitions[1]) == end
                    }
                    #expect(try await line.read(of: refused) < 20)

                    try await line.execute("ALTER TABLE leat.checkpoint DROP CONSTRAINT test_refuses")
                    for enabled in [false, true] {
                        try await line.declare("transformations: [{plugin: test.events}], enabled: \(enabled)")
                        try await line.wait(for: "the switch") { stillLanes(pipeline) == 0 }
                    }
                    try await line.wait { $0.delivered == 800 }
                }
            }
        }
    }

    /// What waits for plugins, as the metrics show it: plugin, version and cause.
    private func waits(_ pipeline: Pipeline) -> [[String]] {
        let family = pipeline.metrics().first { $0.name == "leat_plugin_waiting_portions" }
        return family?.samples.map { $0.labels.map(\.value) } ?? []
    }

    @Test func `Events wait, and it is seen for what, while a plugin cannot run, until there is a version that can`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                let (broken, whole) = ("2.0.0", "3.0.0")
                let fault = "FAULT_CREATE_ERROR"
                let catalog = line.catalog
                try await Line.upload("transform", "test.events", "load", version: broken, fault: fault, to: catalog)
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(100, users: 50), size: 100)
                    try await line.wait(for: "the plugin to be waited for") {
                        waits(pipeline) == [["test.events", broken, "create_failed"]]
                    }
                    #expect(server.requests.isEmpty)
                    try await Line.upload("transform", "test.events", "events", version: whole, to: line.catalog)
                    try await line.wait { $0.delivered == 100 }
                    #expect(waits(pipeline).isEmpty)
                }
                #expect(try await line.count("dead_letter") == 0)
            }
        }
    }

    @Test func `One lease that is taken away stops the lanes of its partition and no others`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 2)) { line in
                try await line.running {
                    let events = Line.events(400, users: 40)
                    try await line.append(Array(events[..<200]))
                    try await line.wait { $0.delivered == 200 }
                    try await line.execute(
                        """
                        UPDATE leat.lease SET epoch = epoch + 1, node_id = NULL
                        WHERE partition_id = \(line.partitions[0].rawValue)
                        """
                    )
                    try await line.append(Array(events[200...]))
                    try await line.wait { $0.delivered == 400 }
                }
                for (partition, epochs) in zip(line.partitions, [2, 1] as [Int64]) {
                    let seen = "SELECT count(DISTINCT epoch) FROM leat.checkpoint WHERE read > 0 AND partition_id = "
                    #expect(try await line.number(seen + "\(partition.rawValue)") == epochs)
                }
            }
        }
    }

    @Test func `Events that wait in a damaged chunk fail with that reason, and their lane goes on`() async throws {
        let poisoned = Mutex(true)
        try await RecordingServer.with({ request in
            request.event?.n == 3 && poisoned.withLock { $0 } ? .answer(500) : .answer(200)
        }) { server in
            try await Line.with(destination: server.url, .init(remembersChunks: false)) { line in
                try await line.running {
                    // Of user 3, event 3 is tried again and the eleven after it wait in six chunks.
                    try await line.append(Line.events(60, users: 5), size: 10)
                    try await line.wait { $0.delivered == 48 && $0.waiting == 1 }
                    try await line.execute(
                        """
                        UPDATE leat.chunk SET payload =
                            set_byte(payload, length(payload) - 1, 255 - get_byte(payload, length(payload) - 1))
                        WHERE first_offset = 20
                        """
                    )
                    try await line.execute(
                        "UPDATE leat.chunk SET payload = set_byte(payload, 40, 255 - get_byte(payload, 40)) "
                            + "WHERE first_offset = 40"
                    )
                    poisoned.withLock { $0 = false }
                    try await line.append(Array(Line.events(100, users: 5).suffix(40)), size: 10)
                    try await line.wait { $0.delivered == 96 && $0.failed == 4 && $0.waiting == 0 }
                }
                #expect(try await line.count("parked") == 0)
                let damaged = "dead_letter WHERE stage = 'read' AND code = 'corrupt_chunk' AND reason LIKE '%damaged%'"
                #expect(try await line.count(damaged) == 4)
            }
            let third = server.requests.compactMap(\.event).filter { $0.user == "u3" }.map(\.n).drop { $0 == 3 }
            #expect(Array(third) == (1..<20).map { $0 * 5 + 3 }.filter { !(20..<30 ~= $0) && !(40..<50 ~= $0) })
        }
    }

    @Test func `A lane counts the events of a chunk whose bodies are damaged as failed, and gives what it can read`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(remembersChunks: false)) { line in
                try await line.append(Line.events(60, users: 5), size: 10)
                for (offset, byte) in [(20, "length(payload) - 1"), (50, "40")] {
                    let damage = "set_byte(payload, \(byte), 255 - get_byte(payload, \(byte)))"
                    try await line.execute("UPDATE leat.chunk SET payload = \(damage) WHERE first_offset = \(offset)")
                }
                try await line.running { try await line.wait { $0.delivered == 40 && $0.failed == 10 } }
                let damaged = "dead_letter WHERE stage = 'read' AND code = 'corrupt_chunk' AND user_hash <> 0"
                #expect(try await line.count(damaged) == 10)
                #expect(line.log.damagedChunks == 2)
            }
            #expect(server.requests.compactMap { $0.event?.n }.sorted() == Array(0..<20) + Array(30..<50))
        }
    }

    @Test func `A shutdown does not wait for ever to commit what a lane did that was stopped before`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                var settings = Line.quick
                settings.farewell = .milliseconds(200)
                try await line.running(settings) {
                    try await line.append(Line.events(10, users: 5))
                    try await line.wait { $0.delivered == 10 }
                    let signature = "(\(try await line.text("oidvectortypes(proargtypes)")))"
                    try await line.execute("ALTER PROCEDURE leat.checkpoint\(signature) RENAME TO checkpoint_gone")
                    try await line.append(Array(Line.events(20, users: 5).suffix(10)))
                    #expect(await server.wait(for: 20))
                    try await line.declare("enabled: false")
                    // Whoever works under a later revision shows that this one is in force.
                    _ = try await line.connect(to: server.url + "/second")
                    try await line.append(Array(Line.events(21, users: 5).suffix(1)))
                    #expect(await server.wait { $0.contains { $0.uri == "/second" } })
                }
                #expect(try await line.counts().delivered == 10)
            }
        }
    }

    @Test func `A lane that the database refused begins again with a change that came while it was leaving`()
        async throws
    {
        let isHeld = Mutex(true)
        try await RecordingServer.with({ request in
            request.event?.n == 3 && isHeld.withLock { $0 } ? .hold(200) : .answer(200)
        }) { server in
            try await Line.with(destination: server.url) { line in
                // What a sequence gives is not taken back with the rest.
                try await line.execute("CREATE SEQUENCE test_refusals")
                let rule = "CHECK (read < 20 OR nextval('test_refusals') < 0)"
                try await line.execute("ALTER TABLE leat.checkpoint ADD CONSTRAINT test_refuses \(rule)")
                try await line.runningPipeline { pipeline in
                    // User 3 has the events 3, 7, 11, …, and the first of them keeps the lane from ending.
                    try await line.append(Line.events(40, users: 4))
                    try await line.wait(for: "the refusal") {
                        try await line.number("SELECT is_called::int4::int8 FROM test_refusals") == 1
                    }
                    try await line.execute("ALTER TABLE leat.checkpoint DROP CONSTRAINT test_refuses")
                    try await line.declare("transformations: []")
                    isHeld.withLock { $0 = false }
                    server.release()
                    try await line.wait { $0.delivered == 40 }
                    let counts = try await line.counts()
                    #expect(counts.read == 40 && counts.transformed == 40 && counts.reconcile)
                    try await line.letLanesLearn(pipeline)
                    // The change came into force with the new beginning.
                    try await line.append(Array(Line.events(44, users: 4, orders: [41: "fail"]).suffix(4)))
                    try await line.wait { $0.delivered == 44 && $0.failed == 0 }
                }
            }
            let numbers = server.requests.compactMap { $0.event?.n }
            #expect(Set(numbers) == Set(0..<44))
        }
    }

    @Test func `A new connection begins where it was made, and what a removed one left is cleared away`()
        async throws
    {
        try await RecordingServer.with({ request in
            request.uri == "/second" && request.event?.n == 50 ? .answer(500) : .answer(200)
        }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.running {
                    try await line.append(Line.events(50, users: 5))
                    try await line.wait { $0.delivered == 50 }
                    let (second, name) = try await line.connect(to: server.url + "/second")
                    // Before any lane of it was ever taken up as well as after.
                    #expect(try await line.log.counts(of: second, line.partitions).accepted == 0)
                    try await line.append(Array(Line.events(100, users: 5).suffix(50)))
                    try await line.wait(for: "the second connection") {
                        let counts = try await line.log.counts(of: second, line.partitions)
                        return counts.accepted == 50 && counts.unread == 9 && counts.counts.delivered == 40
                    }
                    #expect(try await line.count("parked WHERE payload IS NULL") == 9)
                    try await line.disconnect(name)
                    try await line.wait(for: "its end") {
                        try await line.log.upkeep(for: [])
                        let its = "WHERE consumer_id = \(second.rawValue)"
                        return try await line.count("parked \(its)") + line.count("checkpoint \(its)") == 0
                    }
                    try await line.append(Array(Line.events(150, users: 5).suffix(50)))
                    try await line.wait { $0.delivered == 150 }
                }
            }
            let numbers = server.requests.filter { $0.uri == "/second" }.compactMap { $0.event?.n }
            #expect(numbers.allSatisfy { $0 >= 50 })
        }
    }
}

extension Line {
    /// What the database says of the function that commits.
    func text(_ expression: String) async throws -> String {
        let sql = "SELECT \(expression) FROM pg_proc WHERE oid = 'leat.checkpoint'::regproc"
        return try await pool.query(Statement("test.text", sql))[0].text(0)
    }

    func execute(_ sql: String) async throws { try await pool.execute(Statement("test.script", sql)) }

    func number(_ sql: String) async throws -> Int64 {
        try await pool.query(Statement("test.number.\(sql.hashValue)", sql))[0].int8(0)
    }

    /// How many events of a partition the committed progress has read.
    func read(of partition: PartitionID) async throws -> Int64 {
        try await log.records([LaneID(partition: partition, consumer: consumer)]).first?.counts.read ?? 0
    }

    /// Looks again and again, within the bound.
    func wait(
        for what: String,
        within bound: Duration = .seconds(60),
        until isReached: () async throws -> Bool
    ) async throws {
        let deadline = ContinuousClock.now + bound
        while ContinuousClock.now < deadline {
            if try await isReached() { return }
            try await Task.sleep(for: .milliseconds(10))
        }
        Issue.record("waited in vain for \(what)")
    }

    /// Makes a second destination and its connection, without transformations.
    func connect(to url: String) async throws -> (ConsumerID, name: String) {
        let text = """
            destinations:
              - name: second
                connector: test.connector
                config: {url: "\(url)"}
                limits: {concurrency: 8, timeout: 5s, retries: \(Self.retries)}
            connections: [{source: shop, destination: second}]
            """
        _ = try await catalog.apply(try Self.declaration(text), by: "test")
        let connection = catalog.current.connection(from: "shop", to: "second")
        guard let connection else { throw Refused(problems: "no second connection") }
        return (connection.id, "shop/second")
    }

    /// Changes the connection.
    func declare(_ properties: String) async throws {
        let text = "connections: [{source: shop, destination: hook, \(properties)}]"
        _ = try await catalog.apply(try Self.declaration(text), by: "test")
    }

    /// Removes a connection.
    func disconnect(_ name: String) async throws {
        let connection = catalog.current.connections.first { catalog.current.name(of: $0) == name }
        guard let connection else { throw Refused(problems: "no connection \(name)") }
        _ = try await catalog.change(by: "test") { _ in [.removeConnection(connection.id, name: name)] }
    }
}
