import Catalog
import EventLog
import EventModel
import Synchronization
import TestSupport
import Testing

@testable import Pipeline

/// What a plan says of events that were sent before.
@Suite(.timeLimit(.minutes(2))) struct ReplayPlanTests {
    private static func event(_ n: Int, _ order: String? = nil) -> Line.Event {
        let order = order.map { ",\"do\":\"\($0)\"" } ?? ""
        return Line.Event(user: "u\(n)", text: "{\"user\":\"u\(n)\",\"n\":\(n)\(order)}", message: "m\(n)")
    }

    /// The plan of everything, by the places of the events.
    private static func plan(_ pipeline: Pipeline, _ line: Line) async throws -> [ReplayPlan.Sample] {
        let wish = ReplayWish(connection: line.consumer, from: 0, until: line.log.databaseTime)
        let plan = try await pipeline.plan(wish)
        #expect(plan.plugins.map(\.plugin) == ["test.events", "test.connector"])
        return plan.samples.sorted { $0.offset < $1.offset }
    }

    @Test func `Each sample says how what would be sent differs from what was, and how that is known`() async throws {
        let isBroken = Mutex(true)
        try await RecordingServer.with({ request in
            let isRefused = request.text.contains("made") || request.text.contains("\"part\":2")
            return isRefused && isBroken.withLock { $0 } ? .answer(400) : .answer(200)
        }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append([Self.event(0, "sign"), Self.event(1, "split")])
                    try await line.wait { $0.deadLettered == 2 && $0.delivered == 1 }
                    isBroken.withLock { $0 = false }
                    try await line.append([
                        Self.event(2), Self.event(3, "sign"), Self.event(4, "drop"), Self.event(5, "fail"),
                        Self.event(2),
                    ])
                    try await line.wait { $0.read == 7 && $0.delivered == 3 }
                    try await Line.upload("transform", "test.events", "events", version: "2.0.0", to: line.catalog)
                    let sent = server.requests.count
                    try Self.check(try await Self.plan(pipeline, line))
                    // Without a record of its way, what a dead letter kept of a part is what was sent.
                    try await line.execute("DELETE FROM leat.trace")
                    let samples = try await Self.plan(pipeline, line)
                    #expect(samples.map(\.earlier.basis.rawValue)[0...1] == ["recorded", "recomputed"])
                    #expect(samples[0].earlier.differences.map { $0.map(\.pointer) } == [["/made"]])
                    #expect(server.requests.count == sent, "a plan delivers nothing")
                }
            }
        }
    }

    private static func check(_ samples: [ReplayPlan.Sample]) throws {
        try #require(samples.count == 7)
        let bases = samples.map(\.earlier.basis.rawValue)
        let expected = ["recorded", "recorded", "recomputed", "recomputed", "not_sent", "not_sent", "not_sent"]
        #expect(bases == expected, "\(samples.map(\.earlier))")
        let change = PathDifference(pointer: "/made", before: "\"1.0.0\"", after: "\"2.0.0\"")
        let differences = samples.map(\.earlier.differences)
        #expect(differences == [[[change]], [[], []], [[]], [[change]], [], [], []])
        #expect(samples.map(\.earlier.isWhole).allSatisfy { $0 })
        let outcomes = ["dead_lettered", "dead_lettered", "delivered", "delivered", "dropped", "failed", "duplicate"]
        #expect(samples.map(\.earlier.outcome) == outcomes)
        #expect(samples[4].earlier.reason == "asked for" && samples[4].outcome == "dropped")
        #expect(samples[5].earlier.reason == "asked_for: the event asked for it" && samples[5].outcome == "failed")
        #expect(samples[6].earlier.reason.contains("earlier in the log"))
        for sample in samples[0...3] {
            #expect(sample.earlier.plugins.map(\.name) == ["test.events@1.0.0", "test.connector@1.0.0"])
        }
    }

    @Test func `A corrected address leaves what was sent known, another configuration of a transformation does not`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append([Self.event(0, "sign")])
                    try await line.wait { $0.delivered == 1 }
                    _ = try await line.catalog.apply(
                        try Line.declaration(destination: server.url + "/other"),
                        by: "test"
                    )
                    let moved = try #require(try await Self.plan(pipeline, line).first)
                    #expect(moved.earlier.basis == .recomputed && moved.earlier.differences == [[]], "\(moved.earlier)")
                    let text =
                        "connections: [{source: shop, destination: hook, transformations: [{plugin: test.events, config: {a: 1}}]}]"
                    _ = try await line.catalog.apply(try Line.declaration(text), by: "test")
                    let changed = try #require(try await Self.plan(pipeline, line).first)
                    #expect(changed.outcome == "emitted" && changed.parts == ["{\"made\":\"1.0.0\"}"])
                    #expect(changed.earlier.basis == .unknown && changed.earlier.differences.isEmpty)
                    #expect(changed.earlier.reason.contains("configured otherwise"), "\(changed.earlier)")
                }
            }
        }
    }

    @Test func `What no connector would be given is no part of what would be sent`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append([Self.event(0, "not-json"), Self.event(1)])
                    try await line.wait { $0.deadLettered == 1 && $0.delivered == 1 }
                    let samples = try await Self.plan(pipeline, line)
                    #expect(samples.map(\.outcome) == ["failed", "emitted"])
                    #expect(samples[0].parts.isEmpty && samples[0].reason.hasPrefix("invalid_event: "), "\(samples[0])")
                }
            }
        }
    }

    @Test func `What the connection does not want is not sent by a replay, and the plan says so`() async throws {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url) { line in
                let text =
                    "connections: [{source: shop, destination: hook, transformations: [{plugin: test.events}], filter: 'n > 5'}]"
                _ = try await line.catalog.apply(try Line.declaration(text), by: "test")
                try await line.append([Self.event(5), Self.event(6)])
                try await line.runningPipeline { pipeline in
                    try await line.wait { $0.read == 2 && $0.filtered == 1 }
                    let samples = try await Self.plan(pipeline, line)
                    let wish = ReplayWish(connection: line.consumer, from: 0, until: line.log.databaseTime)
                    let whole = try await pipeline.plan(wish)
                    #expect(whole.events == 2 && whole.wanted == 1)
                    #expect(samples.map(\.outcome) == ["filtered", "emitted"])
                    #expect(samples[0].parts.isEmpty && samples[0].reason.hasPrefix("the connection does not want it"))
                    #expect(![.recorded, .recomputed].contains(samples[0].earlier.basis), "\(samples[0].earlier)")
                    #expect(samples[1].earlier.basis == .recomputed)
                }
            }
        }
    }

    /// What became of an event, and what is said of it.
    struct Fate: Sendable, CustomTestStringConvertible {
        var state = "read"
        let outcome: String
        var parked: PathParked?
        let basis: ReplayEarlier.Basis
        let reason: String
        var testDescription: String { "\(outcome): \(reason)" }
    }

    @Test(arguments: [
        Fate(state: "unread", outcome: "unread", basis: .notSent, reason: "it was not read yet"),
        Fate(
            state: "earlier",
            outcome: "earlier",
            basis: .notSent,
            reason: "it was accepted before the connection was made"
        ),
        Fate(
            outcome: "parked",
            parked: PathParked(part: nil, attempts: 0, code: "behind", nextAttemptAt: nil),
            basis: .notSent,
            reason: "it waits: behind"
        ),
        Fate(
            state: "unknown",
            outcome: "unknown",
            basis: .unknown,
            reason: "nothing is known of the connection's reading of its partition"
        ),
        Fate(outcome: "delivered", basis: .unknown, reason: "what it was sent is not on record"),
    ])
    func `What was not sent, and what nobody knows, is said with its reason`(fate: Fate) {
        var told = EventConsumer(
            connection: "shop/hook",
            consumer: 1,
            state: fate.state,
            outcome: fate.outcome,
            outcomeBasis: .unknown
        )
        told.parked = fate.parked.map { [$0] } ?? []
        var earlier = ReplayEarlier(told, PathPayload("{}".utf8), [])
        earlier.compare(with: [PathPayload("{}".utf8)])
        #expect(earlier.basis == fate.basis && earlier.reason == fate.reason && earlier.differences.isEmpty)
    }

    @Test func `Parts that there were not, are no more, or are not kept whole are told`() {
        let (one, two) = (PathPayload("{\"a\":1}".utf8), PathPayload("{\"a\":2}".utf8))
        var earlier = ReplayEarlier(basis: .recorded, outcome: "delivered")
        earlier.parts = [one]
        var more = earlier
        more.compare(with: [two, two])
        let added = PathDifference(pointer: "", before: nil, after: "{\"a\":2}")
        #expect(
            more.differences == [[PathDifference(pointer: "/a", before: "1", after: "2")], [added]] && more.isWhole
        )
        var gone = earlier
        gone.compare(with: [])
        #expect(gone.differences == [[PathDifference(pointer: "", before: "{\"a\":1}", after: nil)]])
        let long = PathPayload(Array(repeating: UInt8(ascii: " "), count: PathPayload.maximumBytes + 1))
        earlier.compare(with: [long])
        #expect(!earlier.isWhole)
    }
}
