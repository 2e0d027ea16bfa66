import Catalog
import EventModel
import HTTPTypes
import Testing

@Suite(.timeLimit(.minutes(1))) struct ReplayCallTests {
    private static let setting = """
        {"sources": [{"name": "shop"}], "destinations": [{"name": "hook", "connector": "test.hook"}],
         "connections": [{"source": "shop", "destination": "hook"}]}
        """

    private func withConnection(_ body: @Sendable @escaping (RunningAPI) async throws -> Void) async throws {
        try await RunningAPI.with { running in
            #expect(try await running.upload("test.hook", "1.0.0", .requests).status < 300)
            #expect(try await running.call(.post, "/apply", body: Self.setting).status == 200)
            try await body(running)
        }
    }

    @Test func `A replay is begun, shown, paused, resumed, paced and stopped`() async throws {
        try await withConnection { running in
            let wish = """
                {"connection": "shop/hook", "from": "24h", "until": "1h", "rate": 50,
                 "filter": {"events": ["Bought"], "types": ["track"], "user": "u1", "where": "properties.total > 1"}}
                """
            let planned = try await running.call(.post, "/replays/plan", body: wish)
            #expect(planned.status == 200)
            let begun = try await running.call(.post, "/replays", body: wish)
            #expect(begun.status == 201)
            let id = try #require(begun.document["id"]?.int)
            #expect(begun.document["state"]?.string == "running" && begun.document["rate"]?.int == 50)
            #expect(begun.document["filter"]?["where"]?.string == "properties.total > 1")
            #expect(try await running.call(.post, "/replays/\(id)/pause").document["state"]?.string == "paused")
            #expect(try await running.call(.post, "/replays/\(id)/resume").document["state"]?.string == "running")
            let paced = try await running.call(.put, "/replays/\(id)/rate?rate=7")
            #expect(paced.document["rate"]?.int == 7)
            #expect(try await running.call(.put, "/replays/\(id)/rate").status == 400)
            #expect(begun.document["reason"]?.string == "")
            _ = try await running.call(.post, "/destinations/hook/drain", body: "{}")
            let held = try await running.call(.get, "/replays/\(id)").document
            #expect(held["reason"]?.string == "the destination hook is drained")
            _ = try await running.call(.post, "/destinations/hook/resume")
            #expect(try await running.call(.post, "/replays/\(id)/stop").document["state"]?.string == "stopped")
            #expect(try await running.call(.post, "/replays/\(id)/resume").status == 422)
            let listed = try await running.call(.get, "/replays?connection=shop/hook&limit=5")
            #expect(listed.document["replays"]?.elements?.count == 1)
            #expect(try await running.call(.get, "/replays/\(id)").document["partitions"]?.elements?.isEmpty == true)
            #expect(try await running.call(.get, "/replays/999999").status == 404)
            #expect(try await running.call(.get, "/replays/x").status == 400)
        }
    }

    @Test func `What is wrong with a replay is said with its place`() async throws {
        try await withConnection { running in
            let wish = """
                {"connection": "shop/hook", "from": "yesterday", "rate": 0, "speed": 1,
                 "filter": {"types": ["click"], "where": "total >"}}
                """
            let refused = try await running.call(.post, "/replays", body: wish)
            #expect(refused.status == 422)
            let paths = ["rate", "filter.types", "filter.where", "speed"]
            for path in paths {
                #expect(refused.problems.contains { $0.hasPrefix(path) }, "\(path): \(refused.problems)")
            }
            let times = try await running.call(
                .post,
                "/replays",
                body: #"{"connection": "shop/hook", "from": "1h", "until": "2h"}"#
            )
            #expect(times.status == 422 && times.problems.first?.hasPrefix("from") == true)
            let nobody = try await running.call(.post, "/replays", body: #"{"connection": "shop/x", "from": "1h"}"#)
            #expect(nobody.status == 404)
        }
    }

    @Test func `A requeue of nothing says so, and its dry run changes nothing`() async throws {
        let connection = LetterConsumer(
            id: ConsumerID(rawValue: 1),
            source: "shop",
            destination: "hook",
            isRemoved: false
        )
        try await RunningAPI.with(letters: .empty(of: connection)) { running in
            #expect(try await running.upload("test.hook", "1.0.0", .requests).status < 300)
            #expect(try await running.call(.post, "/apply", body: Self.setting).status == 200)
            for query in [
                "connection=shop/hook&code=http_400&dryRun=true",
                "connection=shop/hook&stage=deliver&plugin=test.hook&from=2026-11-22T14:30:00Z&user=u&messageId=m",
            ] {
                let answer = try await running.call(.post, "/dead-letters/requeue?" + query)
                #expect(answer.status == 200 && answer.document["letters"]?.int == 0)
                #expect(answer.document["requeues"]?.elements?.isEmpty == true)
            }
            #expect(try await running.call(.post, "/dead-letters/requeue?connection=shop/x").status == 404)
        }
    }
}
