import Catalog
import EventModel
import HTTPTypes
import Synchronization
import Testing

@testable import AdminAPI

@Suite(.timeLimit(.minutes(5))) struct PathCallTests {
    /// A way in which every part there is stands once.
    private static let whole: EventPath = {
        var plugin = PathPlugin(plugin: "com.example.mask", version: "1.0.0", digest: "ab", config: "cd")
        (plugin.rule, plugin.isOfSource) = ("n > 5", true)
        var stage = PathStage(stage: "transform", plugin: plugin, verdict: "emitted")
        (stage.startedAt, stage.microseconds, stage.events) = (1_000_000, 1_500, 12)
        stage.before = PathPayload(Array(#"{"a":1}"#.utf8))
        stage.parts = [PathPayload(Array(#"{"a":2}"#.utf8))]
        (stage.partCount, stage.asked) = (1, 1)
        (stage.beforeBasis, stage.partsBasis, stage.note) = (.recorded, .recomputed, "It is gone.")
        var comparison = PathComparison(from: 0, places: [PathDifference(pointer: "/a", before: "1", after: "2")])
        comparison.more = 3
        var large = PathComparison(from: nil, places: nil)
        large.note = "It is too long."
        stage.comparisons = [comparison, large]
        let header = PathHeader(name: "X-A", value: "b")
        let request = PathRequest(method: "POST", url: "https://e.com", headers: [header], body: "{}", bodyBytes: 2)
        var attempt = PathAttempt(number: 1, at: 2_000_000, microseconds: 3_000, code: "http_400", answer: "no")
        (attempt.answerHeaders, attempt.request, attempt.firstByteMicroseconds) = ([header], request, 2_000)
        var pass = EventPass(basis: .recorded, outcome: "dead_lettered")
        (pass.cause, pass.code, pass.reason, pass.node, pass.readAt) = ("failed", "http_400", "no", "left", 1_000_000)
        pass.stages = [stage, PathStage(stage: "connect", plugin: plugin, verdict: "requested")]
        pass.sends = [PathSend(parts: [0], carried: 3, ending: "refused", attempts: [attempt])]
        pass.requests = [request]
        var consumer = EventConsumer(
            connection: "web/crm",
            consumer: 7,
            state: "read",
            outcome: "dead_lettered",
            outcomeBasis: .recorded
        )
        (consumer.plugins, consumer.pluginsBasis, consumer.passes) = ([plugin], .recorded, [pass])
        consumer.deadLetters = [
            PathLetter(
                part: 0,
                diedAt: 3_000_000,
                stage: "deliver",
                code: "http_400",
                reason: "no",
                plugin: nil,
                attempts: 1
            )
        ]
        consumer.parked = [PathParked(part: nil, attempts: 0, code: "", nextAttemptAt: nil)]
        var copy = EventCopy(source: "web", partition: "1.0.0", offset: 5)
        (copy.acceptedAt, copy.receivedAt, copy.type, copy.chunkEvents) = (1, 0, "track", 12)
        (copy.duplicateOf, copy.event, copy.consumers) = (3, stage.before, [consumer])
        var path = EventPath(messageId: "m 1")
        (path.partitions, path.copies) = (4, [copy, EventCopy(source: "web", partition: "1.0.0", offset: 6)])
        return path
    }()

    @Test func `An event's way is told as it is described, and asked for with what narrows it`() async throws {
        let asked = Mutex<[PathQuestion]>([])
        let paths: @Sendable (Catalog) -> PathDesk = { catalog in
            let none = PathDesk.none(catalog)
            return PathDesk(
                path: { question in
                    asked.withLock { $0.append(question) }
                    guard question.messageId != "much" else { throw PathRefusal("name its user") }
                    return Self.whole
                },
                follow: none.follow,
                unfollow: none.unfollow,
                tracings: none.tracings
            )
        }
        try await RunningAPI.with(paths: paths) { running in
            #expect(try await running.call(.put, "/sources/web", body: "{}").status == 201)
            let answer = try await running.call(
                .get,
                "/events/m%201?user=u&source=web&since=2026-11-22T14:30:00.5Z"
            )
            #expect(answer.status == 200)
            let consumer = answer.document["copies"]?.elements?[0]["consumers"]?.elements?[0]
            let stage = consumer?["passes"]?.elements?[0]["stages"]?.elements?[0]
            #expect(stage?["plugin"]?["rule"]?.string == "n > 5" && stage?["asked"]?.int == 1)
            #expect(stage?["differences"]?.elements?[0].elements?[0]["after"]?.string == "2")
            #expect(stage?["beforeBasis"]?.string == "recorded" && stage?["partsBasis"]?.string == "recomputed")
            let comparisons = stage?["comparisons"]?.elements ?? []
            #expect(comparisons.map { $0["more"]?.int } == [3, 0] && comparisons.map { $0["from"]?.int } == [0, nil])
            #expect(comparisons.last?["compared"]?.canonicalJSON == "false" && stage?["note"]?.string == "It is gone.")
            let question = try #require(asked.withLock { $0.first })
            #expect(question.messageId == "m 1" && question.user == "u" && question.since == 1_795_357_800_500_000)
            #expect(question.source == SourceID(rawValue: 1))
            let refused = try await running.call(.get, "/events/much")
            #expect(refused.status == 400 && refused.text.contains("name its user"))
            #expect(try await running.call(.get, "/events/x?since=soon").status == 400)
            #expect(try await running.call(.get, "/events/x?source=app").status == 404)
            #expect(try await running.call(.get, "/events/x?usr=u").status == 400)
        }
    }

    @Test func `Whom people follow is kept for its time, bounded and ended on demand`() async throws {
        try await RunningAPI.with { running in
            let made = try await running.call(.put, "/traces/u%2F1?for=1h")
            #expect(made.status == 200 && made.document["subject"]?.string == "u/1")
            let list = try await running.call(.get, "/traces")
            #expect(list.document["traces"]?.elements?.count == 1)
            #expect(try await running.call(.put, "/traces/u?for=2d").status == 400)
            #expect(try await running.call(.put, "/traces/\(String(repeating: "x", count: 600))").status == 400)
            for number in 1..<Catalog.maximumTracings {
                #expect(try await running.call(.put, "/traces/u\(number)").status == 200)
            }
            let many = try await running.call(.put, "/traces/more")
            #expect(many.status == 422 && many.problems.first?.contains("are followed already") == true)
            #expect(try await running.call(.put, "/traces/u1?for=5m").status == 200)
            #expect(try await running.call(.delete, "/traces/u%2F1").status == 204)
            #expect(try await running.call(.delete, "/traces/u%2F1").status == 404)
            #expect(try await running.call(.put, "/traces/more").status == 200)
            #expect(running.catalog.current.tracings.count == Catalog.maximumTracings)
        }
    }

    @Test func `The sample of a connection is declared, shown and refused outside its range`() async throws {
        try await RunningAPI.with { running in
            #expect(try await running.call(.put, "/sources/web", body: "{}").status == 201)
            #expect(try await running.upload("leat.webhook", "1.0.0", .requests).status == 201)
            #expect(
                try await running.call(.put, "/destinations/crm", body: #"{"connector":"leat.webhook"}"#).status == 201
            )
            let standard = try await running.call(.put, "/connections/web/crm", body: "{}")
            #expect(standard.status == 201)
            let shown = try await running.call(.get, "/connections/web/crm")
            #expect(shown.document["trace"]?["sample"]?.canonicalJSON == "0.001")
            let changed = try await running.call(.put, "/connections/web/crm", body: #"{"trace":{"sample":0.25}}"#)
            #expect(changed.changes == ["~ connection web/crm: trace.sample 0.001 → 0.25"])
            #expect(try await running.call(.get, "/export").text.contains("sample: 0.25"))
            let wrong = try await running.call(.put, "/connections/web/crm", body: #"{"trace":{"sample":1.5}}"#)
            #expect(wrong.status == 422 && wrong.problems.first?.contains("must be a number from 0 to 1") == true)
        }
    }
}
