import Catalog
import EventLog
import EventModel
import Foundation
import Pipeline
import PostgreSQL
import Synchronization
import Telemetry
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct PathTests {
    private static func event(_ user: String, _ n: Int, _ order: String? = nil) -> Line.Event {
        let order = order.map { ",\"do\":\"\($0)\"" } ?? ""
        return Line.Event(user: user, text: "{\"user\":\"\(user)\",\"n\":\(n)\(order)}", message: "m\(n)")
    }

    /// What became of an event at the one connection there is.
    private static func consumer(_ pipeline: Pipeline, _ n: Int, user: String? = nil) async throws -> EventConsumer {
        let path = try await pipeline.paths.path(PathQuestion(messageId: "m\(n)", user: user))
        let copy = try #require(path.copies.first, "m\(n) was not found")
        return try #require(copy.consumers.first)
    }

    @Test func `Each event tells what became of it: what happened as it was, the rest worked out again`()
        async throws
    {
        let poisoned = Mutex(true)
        try await RecordingServer.with({ request in
            switch request.event?.n {
            case 3 where poisoned.withLock { $0 }:
                .answer(503, headers: [("X-Request-Id", "r-3")], body: "not this one")
            case 4: .answer(400, headers: [("Set-Cookie", "a=b")], body: "no such field")
            default: .answer(200)
            }
        }) { server in
            try await Line.with(destination: server.url + "/hook?token=abc", .init(partitions: 2)) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append([
                        Self.event("a", 0), Self.event("b", 1, "fail"), Self.event("c", 2, "drop"), Self.event("d", 3),
                        Self.event("e", 4), Self.event("a", 0), Self.event("f", 5, "split"),
                    ])
                    try await line.wait { $0.read == 7 && $0.waiting == 1 && $0.delivered == 3 }
                    try await Self.checkSettled(pipeline)
                    let parked = try await Self.consumer(pipeline, 3)
                    #expect(parked.outcome == "parked" && parked.parked.first?.nextAttemptAt != nil)
                    poisoned.withLock { $0 = false }
                    try await line.wait { $0.delivered == 4 && $0.waiting == 0 }
                    try await Self.checkParked(pipeline)
                    let nobody = try await pipeline.paths.path(PathQuestion(messageId: "nobody"))
                    #expect(nobody.copies.isEmpty && nobody.partitions == 2 && nobody.sinceAt != nil)
                }
                #expect(try await line.count("trace WHERE cause <> 'parked'") == 2)
                let texts = Statement("test.traces", "SELECT string_agg(record, ' ') FROM leat.trace")
                let all = try await line.pool.query(texts)[0].text(0)
                #expect(!all.contains("token=abc") && !all.contains("a=b") && all.contains("r-3"))
            }
        }
    }

    private static func checkSettled(_ pipeline: Pipeline) async throws {
        let delivered = try await consumer(pipeline, 0, user: "a")
        #expect(delivered.outcome == "delivered" && delivered.outcomeBasis == .recomputed, "\(delivered)")
        #expect(delivered.plugins.map(\.name) == ["test.events@1.0.0", "test.connector@1.0.0"])
        #expect(delivered.pluginsBasis == .recorded)
        let pass = try #require(delivered.passes.first)
        #expect(pass.basis == .recomputed && pass.stages.map(\.verdict) == ["emitted", "requested"])
        #expect(pass.stages[0].comparisons?.map(\.places) == [[]])
        #expect(pass.requests.first?.url.hasSuffix("token=•••") == true)
        let failed = try await consumer(pipeline, 1)
        #expect(failed.outcome == "failed" && failed.outcomeBasis == .recorded && failed.deadLetters.count == 1)
        #expect(failed.passes.map(\.basis) == [.recorded] && failed.passes[0].code == "asked_for")
        #expect(failed.passes[0].stages.map(\.verdict) == ["failed"] && failed.passes[0].event != nil)
        let dropped = try await consumer(pipeline, 2)
        #expect(dropped.outcome == "dropped" && dropped.outcomeBasis == .recomputed)
        #expect(dropped.passes.first?.reason == "asked for")
        let dead = try await consumer(pipeline, 4)
        #expect(dead.outcome == "dead_lettered" && dead.deadLetters.first?.code == "http_400")
        let send = try #require(dead.passes.first?.sends.first)
        let attempt = try #require(send.attempts.first)
        #expect(send.ending == "refused" && attempt.answer == "no such field")
        #expect(
            attempt.request?.url.hasSuffix("/hook?token=•••") == true
                && attempt.request?.body.contains("\"n\":4") == true
        )
        #expect(attempt.answerHeaders?.contains { $0.name.lowercased() == "set-cookie" } == false)
        let split = try await consumer(pipeline, 5)
        #expect(split.passes.first?.stages.first?.partCount == 2 && split.passes.first?.requests.count == 2)
        #expect(split.passes.first?.stages.first?.comparisons?.count == 2)
        let copies = try await pipeline.paths.path(PathQuestion(messageId: "m0")).copies
        #expect(copies.map(\.consumers.first?.outcome) == ["delivered", "duplicate"])
        #expect(copies.count == 2 && copies[1].duplicateOf == copies[0].offset)
    }

    private static func checkParked(_ pipeline: Pipeline) async throws {
        let parked = try await consumer(pipeline, 3, user: "d")
        #expect(parked.outcome == "delivered" && parked.outcomeBasis == .recorded)
        #expect(parked.passes.allSatisfy { $0.cause == "parked" } && parked.passes.count >= 2)
        let first = try #require(parked.passes.first)
        #expect(first.outcome == "parked" && first.nextAttemptAt != nil && first.code == "http_503")
        #expect(first.sends.last?.attempts.first?.answerHeaders?.contains { $0.value == "r-3" } == true)
        let last = try #require(parked.passes.last)
        #expect(last.outcome == "delivered" && last.sends.last?.attempts.last?.code == "http_200")
        #expect(last.sends.last?.attempts.first?.request?.method == "POST")
        #expect(first.node != nil && first.stages.first?.microseconds != nil)
    }

    @Test func `Each event shows the plugin versions that handled it, also after they changed and after a restart`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                var number = 20
                try await line.runningPipeline { pipeline in
                    try await line.append((0..<20).map { Self.event("u\($0 % 3)", $0) })
                    try await line.wait { $0.delivered == 20 }
                    try await Line.upload("transform", "test.events", "events", version: "2.0.0", to: line.catalog)
                    // The catalog's news reaches the lanes by itself.
                    while try await line.count("chain") < 2, number < 400 {
                        try await line.append([Self.event("u\(number % 3)", number)])
                        number += 1
                        let all = Int64(number)
                        try await line.wait { $0.delivered == all }
                    }
                    let last = number - 1
                    #expect(try await Self.consumer(pipeline, 7).plugins.first?.version == "1.0.0")
                    #expect(try await Self.consumer(pipeline, last).plugins.first?.version == "2.0.0")
                }
                let rows = try await line.count("chain")
                try await line.runningPipeline { pipeline in
                    try await line.append([Self.event("u1", 1_000)])
                    let all = Int64(number) + 1
                    try await line.wait { $0.delivered == all }
                    let old = try await Self.consumer(pipeline, 7)
                    #expect(
                        old.plugins.first?.version == "1.0.0"
                            && old.passes.first?.stages.first?.plugin.version == "1.0.0"
                    )
                    #expect(try await Self.consumer(pipeline, 1_000).plugins.first?.version == "2.0.0")
                }
                #expect(try await line.count("chain") == rows, "a restart alone is no change")
            }
        }
    }

    @Test func `Sampled and followed events are written down whole, and stay known when the log has expired`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(sample: 1)) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append([Self.event("a", 0), Self.event("b", 1, "drop")])
                    try await line.wait { $0.read == 2 }
                    let sampled = try await Self.consumer(pipeline, 0)
                    #expect(sampled.outcome == "delivered" && sampled.outcomeBasis == .recorded)
                    let pass = try #require(sampled.passes.first)
                    #expect(pass.cause == "sampled" && pass.stages.count == 2)
                    #expect(pass.sends.first?.attempts.first?.request?.body.contains("\"n\":0") == true)
                    let dropped = try await Self.consumer(pipeline, 1)
                    #expect(dropped.outcome == "dropped" && dropped.passes.first?.cause == "sampled")
                    let expire = Statement("test.expire", "DELETE FROM leat.chunk WHERE event_count > 0")
                    _ = try await line.pool.query(expire)
                    let path = try await pipeline.paths.path(PathQuestion(messageId: "m0", user: "a"))
                    let gone = try #require(path.copies.first)
                    #expect(!gone.isInLog && gone.event == nil && gone.consumers.first?.outcome == "delivered")
                    #expect(gone.consumers.first?.passes.first?.event?.text.contains("\"n\":0") == true)
                }
            }
            try await Line.with(destination: server.url) { line in
                try await line.runningPipeline { pipeline in
                    _ = try await line.catalog.follow("u1", for: .seconds(600), by: "test")
                    _ = try await line.catalog.follow("m7", for: .seconds(600), by: "test")
                    var number = 0
                    while try await line.count("trace") == 0, number < 400 {
                        try await line.append([Self.event("u1", 1_000 + number)])
                        number += 1
                        let all = Int64(number)
                        try await line.wait { $0.delivered == all }
                    }
                    try await line.append([Self.event("u2", 7), Self.event("u2", 8)])
                    let all = Int64(number) + 2
                    try await line.wait { $0.delivered == all }
                    #expect(try await Self.consumer(pipeline, 7).passes.first?.cause == "traced")
                    #expect(try await Self.consumer(pipeline, 8).passes.first?.basis == .recomputed)
                }
            }
        }
    }

    @Test func `An event that many others fail with is counted where it is left out, and rows stay bounded`()
        async throws
    {
        try await RecordingServer.with({ _ in .answer(400) }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append(Line.events(400, users: 50))
                    try await line.wait { $0.deadLettered == 400 }
                    let rows = try await line.count("trace")
                    let families = pipeline.metrics()
                    let leftOut = families.first { $0.name == "leat_trace_left_out_total" }?.samples.first?.value
                    #expect(rows > 0 && rows < 400 && Int(leftOut ?? 0) + Int(rows) == 400)
                }
            }
        }
    }

    @Test func `A plugin that was configured otherwise since is not run for the past`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append([Self.event("a", 0)])
                    try await line.wait { $0.delivered == 1 }
                    _ = try await line.catalog.apply(
                        try Line.declaration(destination: server.url + "/other"),
                        by: "test"
                    )
                    let told = try await Self.consumer(pipeline, 0)
                    #expect(told.passes.isEmpty && told.note?.contains("configured otherwise") == true)
                    #expect(told.pluginsBasis == .recorded && told.outcomeBasis == .unknown)
                }
            }
        }
    }
}
