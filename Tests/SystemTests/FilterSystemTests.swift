import Foundation
import TestSupport
import Testing

/// Filters on a running server, from the file and from the command line.
@Suite(.serialized, .timeLimit(.minutes(10))) struct FilterSystemTests {
    private static func order(_ number: Int, total: Int, context: String = "{}") -> String {
        """
        {"type":"track","event":"Order Completed","messageId":"o-\(number)","userId":"user-\(number % 7)",\
        "properties":{"number":\(number),"total":\(total),"email":"a\(number)@example.test"},"context":\(context)}
        """
    }

    private static func page(_ number: Int) -> String {
        """
        {"type":"page","name":"Home","messageId":"p-\(number)","userId":"user-\(number % 7)",\
        "properties":{"number":\(number)}}
        """
    }

    @Test func `Two connections of one source get exactly what they want, and say why they did not want the rest`()
        async throws
    {
        let (first, second) = (try await RecordingServer.start(), try await RecordingServer.start())
        let shop = Shop(folder: TemporaryFolder(), receiver: first)
        let server = try await ServerProcess.start(data: shop.data)
        let token = try #require(server.token)
        try await shop.setUp(server, token: token, batch: 1)
        let file = shop.folder.path + "/second.yaml"
        try """
        destinations:
          - {name: second, connector: leat.webhook, config: {url: "\(second.url)/events", batch: 1}}
        connections:
          - {source: shop, destination: second, filter: type == "page", transformations: [{plugin: com.example.mask-email}]}
        """.write(toFile: file, atomically: true, encoding: .utf8)
        try await shop.succeed(["apply", "-f", file], server, token)
        let wish = ["--when", "properties.total >= 50", "--consent", "Ads"]
        try await shop.succeed(["connection", "filter", "shop/receiver"] + wish, server, token)
        let shown = try await shop.leat(["connection", "list"], server, token: token)
        #expect(shown.output.contains("filter properties.total >= 50; consent to Ads"), "\(shown.output)")
        // It says what it wants also after something else was changed.
        try await shop.succeed(["connection", "lag", "shop/receiver", "expire"], server, token)
        try await shop.learned(by: server, token: token)
        let given = #"{"consentManagement":{"allowedConsentIds":["Ads"],"deniedConsentIds":[]}}"#
        let events = (0..<60).map { number -> String in
            let context = number % 2 == 0 ? given : "{}"
            return number % 3 == 0 ? Self.page(number) : Self.order(number, total: number, context: context)
        }
        #expect(await shop.send(events, to: server)?.status == 200)
        let counts = try await shop.settled(server, token: token)
        let orders = (0..<60).filter { $0 % 3 != 0 && $0 >= 50 }
        #expect(Self.numbers(first) == orders.filter { $0 % 2 == 0 })
        #expect(await second.wait(for: 20))
        #expect(Self.numbers(second) == (0..<60).filter { $0 % 3 == 0 })
        let wanted = orders.count { $0 % 2 == 0 }
        #expect(counts["filtered"] == 60 - wanted && counts["delivered"] == wanted)
        let table = try await shop.leat(["counts"], server, token: token).output
        for row in ["shop/receiver  consent", "shop/receiver  filter", "shop/second    filter"] {
            #expect(table.contains(row), "\(table)")
        }
        let words = ["connection", "filter", "shop/second", "--when", "a = 1"]
        let wrong = try await shop.leat(words, server, token: token)
        #expect(wrong.status != 0 && wrong.text.contains("column 3: found \"=\""), "\(wrong.text)")
        let export = try await shop.leat(["export"], server, token: token).output
        #expect(export.contains("filter:") && export.contains("consent:"), "\(export)")
        try await shop.succeed(["connection", "filter", "shop/second", "--everything"], server, token)
        try await shop.learned(by: server, token: token)
        #expect(await shop.send([Self.order(100, total: 1)], to: server)?.status == 200)
        #expect(await second.wait(for: 21))
        #expect(Self.numbers(second).last == 100)
        #expect(await server.stop() == 0)
        try await first.stop()
        try await second.stop()
    }

    @Test func `A transformation is attached to a source, and taken out again, while it runs`() async throws {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let server = try await ServerProcess.start(data: shop.data)
        let token = try #require(server.token)
        try await shop.setUp(server, token: token, batch: 1)
        let mask = "com.example.mask-email"
        try await shop.succeed(["plugin", "detach", mask, "--connection", "shop/receiver"], server, token)
        let attach = ["plugin", "attach", mask, "--source", "shop", "--when", "properties.number != 2"]
        try await shop.succeed(attach, server, token)
        let sources = try await shop.leat(["source", "list"], server, token: token).output
        #expect(sources.contains(mask), "\(sources)")
        try await shop.learned(by: server, token: token)
        for number in 1...3 {
            #expect(await shop.send([Shop.event(user: 1, number: number)], to: server)?.status == 200)
            _ = try await shop.settled(server, token: token)
        }
        try await shop.succeed(["plugin", "detach", mask, "--source", "shop"], server, token)
        try await shop.learned(by: server, token: token)
        #expect(await shop.send([Shop.event(user: 1, number: 4)], to: server)?.status == 200)
        _ = try await shop.settled(server, token: token)
        let (masked, whole) = ("u***@example.test", "user1@example.test")
        #expect(Self.properties(receiver).map { $0["email"] as? String } == [masked, whole, masked, whole])
        #expect(await server.stop() == 0)
        try await receiver.stop()
    }

    /// What the events that arrived have at the end of this way, request after request.
    private static func properties(_ receiver: RecordingServer) -> [[String: Any]] {
        receiver.requests.flatMap { request in
            let body = try? JSONSerialization.jsonObject(with: Data(request.body))
            let events = (body as? [[String: Any]]) ?? [body as? [String: Any] ?? [:]]
            return events.compactMap { $0["properties"] as? [String: Any] }
        }
    }

    /// The numbers of the events that arrived, the smallest first.
    private static func numbers(_ receiver: RecordingServer) -> [Int] {
        properties(receiver).compactMap { $0["number"] as? Int }.sorted()
    }
}
