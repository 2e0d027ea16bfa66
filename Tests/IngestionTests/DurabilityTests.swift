import Catalog
import EventLog
import EventModel
import Foundation
import PostgreSQL
import TestSupport
import Testing

@testable import Ingestion

/// Ingestion before the real log.
@Suite struct DurabilityTests {
    static func settings() -> IngestionSettings {
        var settings = IngestionSettings()
        settings.queue.restAfterLoss = .milliseconds(20)
        return settings
    }

    /// A server before a log in the database of `pool`.
    static func with(
        _ pool: ConnectionPool,
        settings: IngestionSettings = settings(),
        _ body: @Sendable @escaping (RunningIngestion, EventLog) async throws -> Void
    ) async throws {
        let log = EventLog(pool)
        try await log.prepare()
        try await log.openPartitions(RunningIngestion.source.partitionIDs)
        try await RunningIngestion.with(settings: settings, append: { _ = try await log.append($0) }) { server in
            try await body(server, log)
        }
    }

    /// Every event of the log, by partition and in order.
    static func stored(_ log: EventLog) async throws -> [[String: Any]] {
        var events: [[String: Any]] = []
        for partition in RunningIngestion.source.partitionIDs {
            var position = LogPosition.beginning
            while case let chunks = try await log.read(partition, after: position), let last = chunks.last {
                for chunk in chunks {
                    let bodies = try chunk.bodies()
                    for index in 0..<bodies.count {
                        let object = try JSONSerialization.jsonObject(with: Data(bodies[index]))
                        events.append(try #require(object as? [String: Any]))
                    }
                }
                position = last.end
            }
        }
        return events
    }

    @Test(.timeLimit(.minutes(2))) func `What was answered 200 is in the log, in the order of each user`() async throws
    {
        try await Database.temporary { pool in
            try await Self.with(pool) { server, log in
                try await withThrowingTaskGroup { group in
                    for sender in 0..<8 {
                        group.addTask {
                            for batch in 0..<5 {
                                let events = (0..<40).map { number in
                                    #"{"type":"track","userId":"\#(sender)-\#(number % 3)","event":"E","#
                                        + #""messageId":"\#(sender)-\#(batch)-\#(number)","n":\#(batch * 40 + number)}"#
                                }
                                let body = #"{"batch":[\#(events.joined(separator: ","))]}"#
                                let reply = try await server.post("/v1/batch", body)
                                #expect(reply.status == 200)
                            }
                        }
                    }
                    try await group.waitForAll()
                }
                // Another process would see the same: nothing comes from this one's memory.
                let events = try await Self.stored(EventLog(pool))
                #expect(events.count == 1600)
                #expect(Set(events.compactMap { $0["messageId"] as? String }).count == 1600)
                var last: [String: Int] = [:]
                for event in events {
                    let user = try #require(event["userId"] as? String)
                    let number = try #require(event["n"] as? Int)
                    #expect(number > last[user] ?? -1)
                    last[user] = number
                }
                #expect(last.count == 24)
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func `Refused events are counted and a sample can be looked at`() async throws {
        try await Database.temporary { pool in
            try await Self.with(pool) { server, log in
                let batch = #"{"batch":[{"type":"track","userId":"u"},{"type":"track"},{"type":"nonsense"},3]}"#
                #expect(try await server.post("/v1/batch", batch).status == 200)
                #expect(try await server.post("/v1/track", #"{"event":"nobody"}"#).status == 400)
                let writer = RefusedSampleWriter(server.ingestion.refused, logger: RunningIngestion.silent) {
                    try await log.refuse($0, of: NodeID(rawValue: 1))
                }
                await writer.write()
                let source = RunningIngestion.source.id
                let counts = try await log.refusedCounts([source])
                #expect(
                    Dictionary(uniqueKeysWithValues: counts.map { ($0.reason, $0.events) }) == [
                        "event_not_an_object": 1, "identity_missing": 2, "type_unknown": 1,
                    ]
                )
                let samples = try await log.refused(source)
                #expect(samples.contains { $0.sample == Array(#"{"event":"nobody"}"#.utf8) })
                #expect(samples.allSatisfy { $0.detail.hasSuffix(" bytes)") })
            }
        }
    }

    @Test(.timeLimit(.minutes(3))) func `PostgreSQL away means 503, and 200 after it is back`() async throws {
        try await PrivateServer.running { cluster in
            let pool = ConnectionPool(cluster.connection)
            try await Migrations.run(pool)
            try await Self.with(pool) { server, log in
                #expect(try await server.post("/v1/track", #"{"userId":"u","event":"before"}"#).status == 200)
                let process = try #require(await cluster.processID)
                let events = #"{"userId":"u","event":"while"}"#

                // Killed: the next commit fails at once.
                kill(process, SIGQUIT)
                var reply = try await server.post("/v1/track", events)
                while reply.status == 200 { reply = try await server.post("/v1/track", events) }
                #expect(reply.status == 503 && reply["retry-after"] == "1" && reply.body.contains("unavailable"))
                await cluster.stop()
                let back = Cluster(cluster.settings)
                try await back.start()
                while try await server.post("/v1/track", #"{"userId":"u","event":"after"}"#).status == 503 {}
                let names = try await Self.stored(EventLog(pool)).compactMap { $0["event"] as? String }
                #expect(names.first == "before" && names.last == "after")
                await back.stop()
            }
            await pool.close()
        }
    }

    @Test(.timeLimit(.minutes(3))) func `A PostgreSQL that hangs keeps nobody beyond the deadline`() async throws {
        try await PrivateServer.running { cluster in
            let pool = ConnectionPool(cluster.connection)
            try await Migrations.run(pool)
            var settings = Self.settings()
            settings.queue.flushDeadline = .milliseconds(500)
            try await Self.with(pool, settings: settings) { server, log in
                // So short a deadline may be missed once by a busy machine alone.
                let end = ContinuousClock.now + .seconds(60)
                while try await server.post("/v1/track", #"{"userId":"u","event":"before"}"#).status != 200 {
                    try #require(ContinuousClock.now < end, "nothing is taken")
                }
                let sessions = try await pool.query(
                    Statement(
                        "sessions",
                        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
                    )
                )
                let master = try #require(await cluster.processID)
                let stopped = try sessions.map { try $0.int4(0) } + [master]
                for process in stopped { kill(process, SIGSTOP) }
                var reply = try await server.post("/v1/track", #"{"userId":"u","event":"while"}"#)
                while reply.status == 200 { reply = try await server.post("/v1/track", #"{"userId":"u"}"#) }
                #expect(reply.status == 503 && reply["retry-after"] == "1")
                for process in stopped { kill(process, SIGCONT) }
                while try await server.post("/v1/track", #"{"userId":"u","event":"after"}"#).status == 503 {}
                let names = try await Self.stored(EventLog(pool)).compactMap { $0["event"] as? String }
                #expect(names.first == "before" && names.last == "after")
            }
            await pool.close()
        }
    }
}
