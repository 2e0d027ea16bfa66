import Catalog
import Conditions
import EventLog
import EventModel
import Foundation
import PostgreSQL
import TestSupport
import Testing

@testable import Pipeline

/// What is told of an event by whose rule it was not delivered.
@Suite(.timeLimit(.minutes(3))) struct PathRuleTests {
    private static let everything = #""Ads":true,"Email":true"#

    private static func event(_ n: Int, consent: String? = PathRuleTests.everything, order: String? = nil) -> Line.Event
    {
        let consent = consent.map { ",\"context\":{\"consent\":{\"categoryPreferences\":{\($0)}}}" } ?? ""
        let order = order.map { ",\"do\":\"\($0)\"" } ?? ""
        return Line.Event(user: "u\(n)", text: "{\"user\":\"u\(n)\",\"n\":\(n)\(order)\(consent)}", message: "m\(n)")
    }

    private static let events = [
        event(0), event(1), event(2, consent: nil), event(3, consent: #""Ads":true,"Email":false"#),
        event(7, order: "drop"), event(8),
    ]

    private static let rules =
        "filter: n != 1, consent: {categories: [Ads, Email]}, transformations: [{plugin: test.events, when: 'n > 5'}]"

    private static func consumer(_ pipeline: Pipeline, _ n: Int) async throws -> EventConsumer {
        let path = try await pipeline.paths.path(PathQuestion(messageId: "m\(n)", user: "u\(n)"))
        let copy = try #require(path.copies.first, "m\(n) was not found")
        return try #require(copy.consumers.first)
    }

    @Test func `An event that a connection did not take tells by which rule, also when the rules are others since`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.declare(Self.rules)
                try await line.runningPipeline { pipeline in
                    try await line.append(Self.events)
                    try await line.wait { $0.read == 6 && $0.delivered == 2 }
                    try await Self.checkRefused(pipeline, note: nil)
                    try await Self.checkAsked(pipeline)
                    try await line.declare("filter: n > 1, transformations: [{plugin: test.events, when: 'n > 100'}]")
                    try await line.letLanesLearn(pipeline)
                    let note =
                        "The connection wants other events now; this is by what it wanted when it read the event."
                    try await Self.checkRefused(pipeline, note: note)
                    try await Self.checkAsked(pipeline)
                    // As programs wrote it that did not write rules down.
                    try await line.execute(
                        """
                        UPDATE leat.chain SET stages = (
                            SELECT jsonb_agg(s.stage - 'rule') FROM jsonb_array_elements(stages::jsonb) AS s (stage)
                        )::text
                        """
                    )
                    let now = try await Self.consumer(pipeline, 0)
                    #expect(now.outcome == "filtered" && now.outcomeBasis == .recomputed)
                    #expect(now.passes.first?.reason == "the filter does not hold: n > 1")
                    #expect(now.note?.contains("was not written down; this is by what it wants now") == true)
                }
            }
        }
    }

    private static func checkRefused(_ pipeline: Pipeline, note: String?) async throws {
        let wish = "consent is wanted to all or any of Ads, Email"
        let expected = [
            (1, "filter", "the filter does not hold: n != 1"),
            (2, "consent", "the event states no consent; \(wish)"), (3, "consent", "Email is denied; \(wish)"),
        ]
        for (n, code, reason) in expected {
            let told = try await consumer(pipeline, n)
            #expect(told.outcome == "filtered" && told.outcomeBasis == .recomputed, "\(told)")
            #expect(told.passes.map(\.code) == [code] && told.passes[0].reason == reason, "\(told.passes)")
            #expect(told.passes[0].basis == .recomputed && told.note == note)
        }
    }

    private static func checkAsked(_ pipeline: Pipeline) async throws {
        let skipped = try await consumer(pipeline, 0)
        #expect(
            skipped.outcome == "delivered" && skipped.passes.first?.stages.map(\.verdict) == ["skipped", "requested"]
        )
        #expect(skipped.passes.first?.stages.first?.asked == 0)
        #expect(skipped.plugins.first?.rule == "n > 5")
        let dropped = try await consumer(pipeline, 7)
        #expect(dropped.outcome == "dropped" && dropped.passes.first?.reason == "asked for")
        let asked = try await consumer(pipeline, 8)
        #expect(asked.outcome == "delivered" && asked.passes.first?.stages.map(\.verdict) == ["emitted", "requested"])
        #expect(asked.passes.first?.stages.first?.asked == 1)
    }

    @Test func `What is written down of an event tells the rule in force, and which transformations were not asked`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(sample: 1)) { line in
                try await line.declare("\(Self.rules), trace: {sample: 1}")
                try await line.runningPipeline { pipeline in
                    try await line.append(Self.events.filter { $0.message != "m2" })
                    try await line.wait { $0.read == 5 && $0.delivered == 2 }
                    let filtered = try await Self.consumer(pipeline, 1)
                    #expect(filtered.outcome == "filtered" && filtered.outcomeBasis == .recorded)
                    #expect(filtered.passes.map(\.reason) == ["the filter does not hold: n != 1"])
                    let withheld = try await Self.consumer(pipeline, 3)
                    #expect(withheld.passes.first?.code == "consent" && withheld.passes.first?.event != nil)
                    #expect(withheld.passes.first?.reason?.hasPrefix("Email is denied; ") == true)
                    let skipped = try await Self.consumer(pipeline, 0)
                    #expect(skipped.passes.map(\.basis) == [.recorded])
                    #expect(skipped.passes.first?.stages.map(\.verdict) == ["skipped", "requested"])
                    #expect(skipped.passes.first?.stages.first?.asked == 0)
                    let dropped = try await Self.consumer(pipeline, 7)
                    #expect(dropped.passes.map(\.reason) == ["asked for"])
                    #expect(dropped.passes.first?.stages.map(\.asked) == [1])
                }
            }
        }
    }

    @Test func `What the source's transformation dropped is told as its doing`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(transforms: false)) { line in
                try await line.transformSource("[{plugin: test.events, when: 'n > 5'}]")
                try await line.runningPipeline { pipeline in
                    try await line.append([Self.event(0), Self.event(7, order: "drop")])
                    try await line.wait { $0.read == 2 && $0.delivered == 1 }
                    let dropped = try await Self.consumer(pipeline, 7)
                    #expect(dropped.outcome == "dropped" && dropped.passes.first?.reason == "asked for")
                    let stage = try #require(dropped.passes.first?.stages.last)
                    #expect(stage.plugin.isOfSource == true && stage.plugin.rule == "n > 5")
                    let passed = try await Self.consumer(pipeline, 0)
                    #expect(passed.passes.first?.stages.map(\.verdict) == ["skipped", "requested"])
                }
            }
        }
    }

    @Test func `An event that is not read tells what it waits for, or that it came before the connection`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.append([Self.event(0)])
                let (second, _) = try await line.connect(to: server.url)
                try await line.declare("enabled: false")
                try await line.runningPipeline { pipeline in
                    let path = try await pipeline.paths.path(PathQuestion(messageId: "m0", user: "u0"))
                    let consumers = try #require(path.copies.first?.consumers)
                    let first = try #require(consumers.first { $0.consumer == line.consumer.rawValue })
                    #expect(first.outcome == "unread" && first.note == "The connection is switched off.")
                    let later = try #require(consumers.first { $0.consumer == second.rawValue })
                    #expect(
                        later.outcome == "earlier" && later.note?.contains("before the connection was made") == true
                    )
                }
            }
        }
    }

    @Test func `A replay that has ended tells of an event in its range what is still known of it`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append([Self.event(0)])
                    try await line.wait { $0.delivered == 1 }
                    let whole = try await line.ended(try await line.replay(until: try await line.lastTime() + 1))
                    try await line.append([Self.event(7, order: "drop")])
                    try await line.wait { $0.read == 2 }
                    let all = try await line.ended(try await line.replay())
                    let condition = try Condition(parsing: "n == 0")
                    let few = try await line.ended(try await line.replay(ReplayFilter(condition: condition)))
                    try await line.append((0..<60).map { Self.event(100 + $0) })
                    try await line.wait { $0.read == 62 }
                    let slow = try await line.replay(rate: 1)
                    _ = try await line.catalog.set(.stopped, of: slow.id, by: "test")
                    _ = try await line.ended(slow)
                    let first = try await Self.replays(pipeline, 0)
                    #expect(first.keys.sorted() == [whole.id, all.id, few.id, slow.id].map(\.rawValue))
                    let delivered = try #require(first[whole.id.rawValue])
                    #expect(delivered.outcome == "delivered" && delivered.outcomeBasis == .recomputed)
                    #expect(delivered.connection == "replay \(whole.id) to shop/hook")
                    for replay in [all, few] {
                        let read = try #require(first[replay.id.rawValue])
                        #expect(read.state == "read" && read.outcome == "unknown")
                        #expect(read.note?.hasPrefix("The replay read it and has ended") == true, "\(read)")
                    }
                    let stopped = try #require(first[slow.id.rawValue])
                    #expect(stopped.state == "unknown" && stopped.note?.contains("before it had read") == true)
                    let second = try await Self.replays(pipeline, 7)
                    #expect(second.keys.sorted() == [all.id, few.id, slow.id].map(\.rawValue))
                    let filtered = try #require(second[few.id.rawValue])
                    #expect(filtered.outcome == "filtered" && filtered.passes.map(\.code) == ["replay"])
                }
            }
        }
    }

    /// What is told of an event at replays, by their numbers.
    private static func replays(_ pipeline: Pipeline, _ n: Int) async throws -> [Int64: EventConsumer] {
        let path = try await pipeline.paths.path(PathQuestion(messageId: "m\(n)", user: "u\(n)"))
        let consumers = try #require(path.copies.first?.consumers).filter { $0.connection.hasPrefix("replay") }
        return Dictionary(consumers.map { ($0.consumer, $0) }) { $1 }
    }
}
