import EventModel
import HTTPTypes
import Synchronization
import Testing

@testable import AdminAPI
@testable import Catalog

@Suite struct LetterCallTests {
    private static let consumer = LetterConsumer(
        id: ConsumerID(rawValue: 99),
        source: "web",
        destination: "crm",
        isRemoved: true
    )

    /// A replay to it.
    private static let replay = LetterConsumer(
        id: ConsumerID(rawValue: 100),
        connection: consumer.id,
        source: "web",
        destination: "crm",
        isRemoved: true
    )

    private static func id(_ offset: Int64) -> DeadLetterID {
        DeadLetterID(
            partition: PartitionID(source: SourceID(rawValue: 1), generation: 0, number: 3),
            consumer: consumer.id,
            at: 1_795_000_000_123_456,
            offset: offset,
            part: 0
        )
    }

    private static func record(_ id: DeadLetterID) -> DeadLetterRecord {
        DeadLetterRecord(
            report: DeadLetterReport(
                id: id,
                stage: "deliver",
                code: "http_400",
                message: "The destination refused it.",
                plugin: nil,
                attempts: 1,
                edited: .init(at: 5, by: "ann"),
                requeued: .init(at: 6, by: "100")
            ),
            acceptedAt: 7,
            event: nil,
            transformed: nil,
            edited: Array(#"{"a":1}"#.utf8),
            history: #"[{"number":1,"code":"http_400","request":{"a":1}},{"number":2,"request":{"a":1}}]"#
        )
    }

    /// As many dead letters as are asked for, and what was asked.
    private final class Asked: Sendable {
        let filters = Mutex<[DeadLetterFilter]>([])
        let edits = Mutex<[String]>([])

        var desk: LetterDesk {
            LetterDesk(
                consumers: { [consumer, replay] },
                page: { filter, behind, limit in
                    self.filters.withLock { $0.append(filter) }
                    let first = (behind?.offset ?? 1000) - 1
                    let ids = (0..<Int64(limit)).map { id(first - $0) }.filter { $0.offset > 600 }
                    let isLast = ids.count < limit
                    return DeadLetterPage(letters: ids.map { record($0).report }, next: isLast ? nil : ids.last)
                },
                records: { $0.filter { $0.offset > 600 }.map(record) },
                logged: { records in
                    var logged = LoggedEvents()
                    logged.held = Set(records.map(\.report.id))
                    for id in logged.held { logged.bodies[id] = Array("{}".utf8) }
                    return logged
                },
                again: { reports in Dictionary(uniqueKeysWithValues: reports.map { ($0.id, [id(700)]) }) },
                summary: { consumers, from, _ in
                    var summary = DeadLetterSummary()
                    summary.groups = consumers.map {
                        DeadLetterGroup(
                            consumer: $0,
                            stage: "deliver",
                            code: "http_400",
                            plugin: nil,
                            letters: 3,
                            first: 1,
                            last: 2
                        )
                    }
                    summary.cutAt = from
                    summary.expired = [consumer.id: 4]
                    return summary
                },
                edit: { id, event, who in
                    if id.offset <= 600 { return .gone }
                    if event == Array("[]".utf8) { return .refused(code: "event_not_an_object", message: "No object.") }
                    self.edits.withLock {
                        $0.append("\(who) \(event.map { String(decoding: $0, as: UTF8.self) } ?? "-")")
                    }
                    return .kept
                },
                userHash: { _ in 1 }
            )
        }
    }

    @Test func `Dead letters are listed page by page, and every wish reaches whoever looks`() async throws {
        let asked = Asked()
        try await RunningAPI.with(letters: asked.desk) { running in
            let first = try await running.call(.get, "/dead-letters?limit=3").document
            #expect(first["deadLetters"]?.elements?.count == 3)
            let letter = try #require(first["deadLetters"]?.elements?.first)
            #expect(letter["at"]?.string == "2026-11-18T11:06:40.123Z")
            #expect(letter["connection"]?.string == "removed-99")
            #expect(letter["replay"]?.content == .null)
            #expect(letter["requeued"]?["by"]?.string == "replay 100")
            let next = try #require(first["next"]?.string)
            #expect(next == "1.0.3-99-1795000000123456-997-0")
            let second = try await running.call(.get, "/dead-letters?limit=3&cursor=\(next)").document
            #expect(second["deadLetters"]?.elements?.first?["offset"]?.int == 996)
            let wishes =
                "destination=crm&connection=web/crm&source=web&code=c&stage=deliver&plugin=p.q@1.0&user=u&messageId=m"
                + "&requeued=false&from=1970-01-01T00:00:01Z&until=1970-01-01T00:00:02Z"
            #expect(try await running.call(.get, "/dead-letters?\(wishes)").status == 200)
            var wanted = DeadLetterFilter()
            (wanted.consumers, wanted.code, wanted.stage) = ([Self.consumer.id, Self.replay.id], "c", "deliver")
            (wanted.plugin, wanted.user, wanted.messageID) = ("p.q@1.0", "u", "m")
            (wanted.isRequeued, wanted.from, wanted.until) = (false, 1_000_000, 2_000_000)
            #expect(asked.filters.withLock { $0.last } == wanted)
            #expect(try await running.call(.get, "/dead-letters?connection=web/crm&replay=100").status == 200)
            #expect(asked.filters.withLock { $0.last?.consumers } == [Self.replay.id])
            #expect(try await running.call(.get, "/dead-letters?replay=7").status == 200)
            #expect(asked.filters.withLock { $0.last?.consumers } == [])
            for bad in ["limit=0", "cursor=x", "stage=x", "requeued=x", "from=x", "code=", "replay=x", "unknown=1"] {
                #expect(try await running.call(.get, "/dead-letters?\(bad)").status == 400, "\(bad)")
            }
            for gone in ["destination=x", "connection=a/b", "source=x"] {
                #expect(try await running.call(.get, "/dead-letters?\(gone)").status == 404, "\(gone)")
            }
        }
    }

    @Test func `One is shown whole, its event is edited and reverted, and all are exported`() async throws {
        let asked = Asked()
        try await RunningAPI.with(letters: asked.desk) { running in
            let path = "/dead-letters/\(Self.id(700))"
            let shown = try await running.call(.get, path).document
            #expect(shown["event"]?.string == "{}" && shown["editedEvent"]?.string == #"{"a":1}"#)
            #expect(shown["history"]?.elements?.first?["code"]?.string == "http_400")
            // What was sent as before is not told once more.
            #expect(shown["history"]?.elements?.map { $0["request"] == nil } == [false, true])
            #expect(shown["inLog"]?.content == .bool(true) && shown["again"]?.elements?.count == 1)
            #expect(try await running.call(.get, "/dead-letters/\(Self.id(600))").status == 404)
            #expect(try await running.call(.get, "/dead-letters/x").status == 400)
            #expect(try await running.call(.put, path + "/payload", body: #"{"b":2}"#).status == 204)
            #expect(try await running.call(.delete, path + "/payload").status == 204)
            #expect(asked.edits.withLock { $0 } == [#"first {"b":2}"#, "first -"])
            let refused = try await running.call(.put, path + "/payload", body: "[]")
            #expect(refused.status == 422 && refused.code == "event_not_an_object")
            let long = String(repeating: " ", count: Limits.eventBytes + 1)
            #expect(try await running.call(.put, path + "/payload", body: long).status == 413)
            #expect(try await running.call(.put, "/dead-letters/\(Self.id(9))/payload", body: "{}").status == 404)
            let export = try await running.call(.get, "/dead-letters/export?format=jsonl&code=c")
            let lines = export.text.split(separator: "\n")
            #expect(lines.count == 399)
            let one = try await running.call(.get, "/dead-letters/\(Self.id(999))").document
            #expect(try Document.json(String(lines[0])).withoutLines == one.withoutLines)
            #expect(try await running.call(.get, "/dead-letters/export?format=csv").status == 400)
            let summary = try await running.call(.get, "/dead-letters/summary?from=1970-01-01T00:00:01Z").document
            let groups = try #require(summary["groups"]?.elements)
            #expect(groups.map { $0["destination"]?.string } == ["crm", "crm"])
            #expect(groups.map { $0["connection"]?.string } == ["removed-99", "removed-99"])
            #expect(groups.map { $0["replay"]?.int } == [nil, 100])
            #expect(summary["cut"]?.content == .bool(true))
            #expect(summary["expired"]?.elements?.first?["letters"]?.int == 4)
        }
    }

    @Test func `A requeue says whose dead letters it means, and of removed connections there is none`() async throws {
        let asked = Asked()
        try await RunningAPI.with(letters: asked.desk) { running in
            let call = "/dead-letters/requeue?"
            let nobody = try await running.call(.post, call + "code=http_400")
            #expect(nobody.status == 400 && nobody.text.contains("give a connection, destination, source or replay"))
            let removed = try await running.call(.post, call + "connection=web/crm")
            #expect(removed.status == 400 && removed.text.contains("was removed"))
            #expect(try await running.call(.post, call + "id=\(Self.id(600))").status == 404)
            for bad in ["id=x", "rate=0&source=web", "again=x&source=web", "requeued=true&source=web", "stage=lost"] {
                #expect(try await running.call(.post, call + bad).status == 400, "\(bad)")
            }
            let none = try await running.call(.post, call + "replay=7")
            #expect(none.status == 200 && none.document["letters"]?.int == 0)
        }
    }

    @Test(arguments: ["1.0.3-7-5-42", "1.0.3-7-5-42-0"]) func `A name reads back as what it names`(text: String) {
        #expect(DeadLetterID(text: text)?.description == text)
    }

    @Test(arguments: [
        "", "1.0.3", "1.0.3-7-5", "1.0.3-7-5-42-0-1", "1.0-7-5-42", "1.0.3--5-42", "1.0.3-7-+5-42", "1.0.3-7-5-42-",
        "1.0.3-7-9000000000000000001-42", "1.0.3-7-5-42-99999999999", "1.0.3-x-5-42",
    ])
    func `A text that is no name is none`(text: String) { #expect(DeadLetterID(text: text) == nil) }
}
