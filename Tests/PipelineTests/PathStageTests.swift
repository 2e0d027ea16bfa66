import Catalog
import EventLog
import EventModel
import Foundation
import Pipeline
import PostgreSQL
import TestSupport
import Testing

/// What is told of every single step of an event's way.
@Suite(.timeLimit(.minutes(3))) struct PathStageTests {
    private static func event(_ n: Int, _ more: String = "") -> Line.Event {
        Line.Event(user: "u\(n)", text: text(n, more), message: "m\(n)")
    }

    private static func text(_ n: Int, _ more: String = "") -> String { "{\"user\":\"u\(n)\",\"n\":\(n)\(more)}" }

    /// The text put into an object of its own so often.
    private static func wrapped(_ text: String, _ times: Int) -> String {
        String(repeating: "{\"was\":", count: times) + text + String(repeating: "}", count: times)
    }

    private static func stages(_ pipeline: Pipeline, _ n: Int, of consumer: ConsumerID? = nil) async throws
        -> [PathStage]
    {
        let path = try await pipeline.paths.path(PathQuestion(messageId: "m\(n)", user: "u\(n)"))
        let copy = try #require(path.copies.first, "m\(n) was not found")
        let told = copy.consumers.first { consumer == nil || $0.consumer == consumer?.rawValue }
        return try #require(told?.passes.first?.stages, "nothing is told of m\(n)")
    }

    private static func withLine(
        _ shape: Line.Shape,
        source: String? = nil,
        connection: String? = nil,
        status: Int = 200,
        _ body: (Line, Pipeline) async throws -> Void
    ) async throws {
        try await RecordingServer.with({ _ in .answer(status) }) { server in
            try await Line.with(destination: server.url, shape) { line in
                try await Line.upload("transform", "test.wrap", "wrap", to: line.catalog)
                if let source { try await line.transformSource(source) }
                if let connection { try await line.declare(connection) }
                try await line.runningPipeline { pipeline in try await body(line, pipeline) }
            }
        }
    }

    @Test func `Each transformation of a source shows what it made of a sampled event, and how long it took`()
        async throws
    {
        let skipped = "{plugin: test.wrap, when: 'n == 5'}"
        let steps = "[{plugin: test.wrap}, {plugin: test.events}, \(skipped), {plugin: test.wrap}]"
        try await Self.withLine(.init(transforms: false, sample: 1), source: steps) { line, pipeline in
            let slow = ",\"do\":\"slow\""
            try await line.append([Self.event(0, slow)])
            try await line.wait { $0.delivered == 1 }
            let stages = try await Self.stages(pipeline, 0)
            #expect(stages.map(\.verdict) == ["emitted", "emitted", "skipped", "emitted", "requested"])
            let once = Self.wrapped(Self.text(0, slow), 1)
            let texts = [once, once, once, Self.wrapped(Self.text(0, slow), 2), nil]
            #expect(stages.map { $0.parts.first?.text } == texts)
            #expect(stages.dropLast().allSatisfy { $0.partsBasis == .recorded && $0.from == [0] })
            #expect(stages.allSatisfy { $0.beforeBasis == .recorded && $0.before != nil && $0.note == nil })
            let places = stages.map { $0.comparisons?.first?.places?.map(\.pointer) }
            let members = ["user", "n", "do", "was"]
            #expect(places == [members.map { "/\($0)" }, [], [], members.map { "/was/\($0)" }, nil])
            let took = stages.map { $0.microseconds ?? -1 }
            // It sleeps for 200 ms, and nobody else does anything like that once it runs.
            #expect(took[1] >= 200_000 && took.allSatisfy { $0 >= 0 } && took[2] < 200_000, "\(took)")
            let starts = stages.map { $0.startedAt ?? 0 }
            #expect(starts[2] - starts[1] >= 200_000 && starts == starts.sorted() && stages[1].events == 1)
        }
    }

    @Test func `An event that fails at its source shows every step before, and which of them were worked out again`()
        async throws
    {
        let steps = "[{plugin: test.wrap}, {plugin: test.wrap}, {plugin: test.events}, {plugin: test.wrap}]"
        try await Self.withLine(.init(transforms: false), source: steps) { line, pipeline in
            let more = ",\"do\":\"fail\""
            try await line.append([Self.event(0), Self.event(1, more)])
            try await line.wait { $0.delivered == 1 && $0.failed == 1 }
            let stages = try await Self.stages(pipeline, 1)
            #expect(stages.map(\.verdict) == ["emitted", "emitted", "failed"])
            #expect(stages.map(\.partsBasis) == [.recomputed, .recorded, .recorded])
            #expect(stages.map(\.beforeBasis) == [.recorded, .recomputed, .recorded])
            let texts = (0...2).map { Self.wrapped(Self.text(1, more), $0) }
            #expect(stages.map { $0.before?.text } == texts)
            #expect(stages[0].comparisons?.first?.places?.count == 4)
            #expect(stages.allSatisfy { $0.microseconds != nil && $0.events == 2 }, "\(stages)")
        }
    }

    @Test func `What stood between at the source of an event that failed later is worked out again, or says why not`()
        async throws
    {
        let steps = "[{plugin: test.wrap}, {plugin: test.wrap}, {plugin: test.events}]"
        try await Self.withLine(.init(transforms: false), source: steps, status: 400) { line, pipeline in
            try await line.append([Self.event(0), Self.event(1)])
            try await line.wait { $0.deadLettered == 2 }
            let stages = try await Self.stages(pipeline, 0)
            #expect(stages.map(\.partsBasis) == [.recomputed, .recomputed, .recorded, nil])
            #expect(stages.map(\.beforeBasis) == [.recorded, .recomputed, .recomputed, .recorded])
            #expect(stages.map { $0.parts.first?.text } == [1, 2, 2].map { Self.wrapped(Self.text(0), $0) } + [nil])
            #expect(stages.allSatisfy { $0.microseconds != nil })
            // What is worked out again holds only if it ends as it is written down.
            let (was, had) = (#"{\"was\":{\"was\":"#, #"{\"was\":{\"had\":"#)
            try await line.execute("UPDATE leat.trace SET record = replace(record, '\(was)', '\(had)')")
            let other = try await Self.stages(pipeline, 0)
            #expect(other.map(\.partsBasis) == [.unknown, .unknown, .recorded, nil])
            #expect(other[0].note?.contains("otherwise than is written down") == true, "\(other[0])")
            try await line.transformSource("[{plugin: test.wrap, config: {a: 1}}]")
            let gone = try await Self.stages(pipeline, 1)
            #expect(gone.map(\.partsBasis) == [.unknown, .unknown, .recorded, nil])
            #expect(gone[1].note?.contains("configured otherwise") == true && gone[1].before == nil)
            #expect(gone[2].comparisons?.first?.note == "What it was made of is not known.")
        }
    }

    @Test func `Two connections that sample the same events both show every step of their source`() async throws {
        let steps = "[{plugin: test.wrap}, {plugin: test.wrap}]"
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(transforms: false, sample: 1)) { line in
                try await Line.upload("transform", "test.wrap", "wrap", to: line.catalog)
                let (second, _) = try await line.connect(to: server.url)
                try await line.declare(second: "trace: {sample: 1}")
                try await line.transformSource(steps)
                try await line.runningPipeline { pipeline in
                    try await line.append([Self.event(0)])
                    try await line.wait { $0.delivered == 1 }
                    try await line.of(second).wait { $0.delivered == 1 }
                    for consumer in [line.consumer, second] {
                        let stages = try await Self.stages(pipeline, 0, of: consumer)
                        #expect(stages.map(\.partsBasis) == [.recorded, .recorded, nil])
                        #expect(stages.allSatisfy { $0.microseconds != nil })
                    }
                }
            }
        }
    }

    @Test(arguments: [1.0, 0.0])
    func `Behind a split each part shows what it was made of`(sample: Double) async throws {
        let skipped = "{plugin: test.events, when: half == 9}"
        let steps = "transformations: [{plugin: test.wrap}, \(skipped), {plugin: test.wrap}, {plugin: test.events}]"
        let shape = Line.Shape(transforms: false)
        let trace = ", trace: {sample: \(sample)}"
        try await Self.withLine(shape, connection: steps + trace) { line, pipeline in
            try await line.append([Self.event(0, ",\"twice\":true")])
            try await line.wait { $0.delivered == 4 }
            let stages = try await Self.stages(pipeline, 0)
            let basis = sample == 1 ? EventPath.Basis.recorded : .recomputed
            #expect(stages.dropLast().allSatisfy { $0.partsBasis == basis })
            #expect(stages.map(\.partCount) == [2, 2, 4, 4, 0])
            let origins = stages.map { $0.comparisons?.map(\.from) }
            #expect(origins == [[0, 0], [0, 1], [0, 0, 1, 1], [0, 1, 2, 3], nil])
            #expect(stages[1].verdict == "skipped" && stages[1].comparisons?.map(\.places) == [[], []])
            #expect(stages[2].comparisons?.allSatisfy { $0.places?.isEmpty == false } == true)
            #expect(stages[3].comparisons?.map(\.places) == [[], [], [], []])
            let halves = stages[2].comparisons?.map { $0.places?.first { $0.pointer == "/half" } }
            #expect(halves?.map { $0?.before } == [nil, "1", "2", nil])
            #expect(halves?.map { $0?.after } == [nil, "2", "1", nil])
        }
    }

    @Test func `Where a comparison ends or cannot be made it says so`() async throws {
        let steps = "transformations: [{plugin: test.wrap}], trace: {sample: 1}"
        try await Self.withLine(.init(transforms: false), connection: steps) { line, pipeline in
            let many = (0..<150).map { ",\"k\($0)\":\($0)" }.joined()
            let long = ",\"long\":\"\(String(repeating: "x", count: PathPayload.maximumBytes))\""
            try await line.append([Self.event(0, many), Self.event(1, long)])
            try await line.wait { $0.delivered == 2 }
            let stages = try await Self.stages(pipeline, 0)
            let comparison = try #require(stages[0].comparisons?.first)
            // All 152 members are gone, and one is new.
            #expect(comparison.places?.count == 100 && comparison.more == 53)
            let large = try #require(try await Self.stages(pipeline, 1)[0].comparisons?.first)
            #expect(large.places == nil && large.note?.contains("16 KiB") == true)
        }
    }

    @Test func `An event that waits for another try at a step shows no step behind it, and how long that one took`()
        async throws
    {
        let steps = "transformations: [{plugin: test.wrap}, {plugin: test.events}, {plugin: test.wrap}]"
        try await Self.withLine(.init(transforms: false), connection: steps) { line, pipeline in
            try await line.append([Self.event(0), Self.event(1, ",\"do\":\"retry\"")])
            try await line.wait { $0.delivered == 1 }
            try await line.wait(for: "the way") { try await line.count("trace WHERE outcome = 'parked'") > 0 }
            let stages = try await Self.stages(pipeline, 1)
            #expect(stages.map(\.verdict) == ["emitted", "failed"])
            #expect(stages.allSatisfy { $0.microseconds != nil } && stages[1].before != nil)
        }
    }

    @Test func `A way that is not written down is worked out again, also of an event that waits`() async throws {
        try await RecordingServer.with({ $0.event?.n == 3 ? .answer(503) : .answer(200) }) { server in
            try await Line.with(destination: server.url) { line in
                try await line.runningPipeline { pipeline in
                    try await line.append((0..<7).map { Self.event($0) })
                    try await line.wait { $0.delivered == 6 && $0.waiting == 1 }
                    // Its next try may write of it again at any time.
                    try await line.wait(for: "what was worked out") {
                        try await line.execute("DELETE FROM leat.trace")
                        let path = try await pipeline.paths.path(PathQuestion(messageId: "m3", user: "u3"))
                        let told = try #require(path.copies.first?.consumers.first)
                        guard told.outcome == "parked", told.passes.map(\.basis) == [.recomputed] else { return false }
                        let verdicts = told.passes[0].stages.map(\.verdict)
                        return told.passes[0].outcome == "parked" && verdicts == ["emitted", "requested"]
                    }
                }
            }
        }
    }
}
