import Foundation
import TestSupport
import Testing

/// Where a running server sends, with the system's own resolver.
@Suite(.serialized, .timeLimit(.minutes(10))) struct TargetTests {
    private static let nameServer = "127.0.0.77"

    /// What stands before a program that is to ask the test's name server.
    private static func asking(_ file: String) -> [String] {
        ["unshare", "--mount", "sh", "-euc", #"mount --bind "$0" /etc/resolv.conf; exec "$@""#, file]
    }

    private func apply(_ url: String, _ shop: Shop, _ server: ServerProcess, _ token: String) async throws {
        let manifest = Program.top.appending(path: "Plugins/Connectors/Webhook/manifest.json").path
        let push = ["plugin", "push", Program.built("libWebhook.so"), "--manifest", manifest]
        try await shop.succeed(push, server, token)
        let file = shop.folder.path + "/leat.yaml"
        try """
        sources: [{name: shop, writeKeys: ["${SHOP_KEY}"]}]
        destinations: [{name: receiver, connector: leat.webhook, config: {url: "\(url)"}}]
        connections: [{source: shop, destination: receiver}]
        """.write(toFile: file, atomically: true, encoding: .utf8)
        try await shop.succeed(["apply", "-f", file], server, token)
    }

    @Test func `A server that was not told otherwise sends nothing to its own machine, and loses nothing for it`()
        async throws
    {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let strict = try await ServerProcess.start(data: shop.data, environment: ["LEAT_DELIVERY_ALLOW": ""])
        let token = try #require(strict.token)
        try await apply(receiver.url, shop, strict, token)
        #expect(await shop.send([Shop.event(user: 1, number: 1)], to: strict)?.status == 200)
        // It was tried, and what waits says why.
        let (show, end) = (["destination", "show", "receiver"], ContinuousClock.now + .seconds(60))
        while try await !shop.leat(show, strict, token: token).output.contains("it last gave target_private") {
            try #require(ContinuousClock.now < end, "the request was not refused")
            try await Task.sleep(for: .milliseconds(100))
        }
        #expect(await strict.stop() == 0)
        #expect(receiver.requests.isEmpty)
        let told = try await ServerProcess.start(data: shop.data, words: ["--allow-targets", "127.0.0.1"])
        _ = try await shop.settled(told, token: token)
        #expect(receiver.requests.count == 1)
        #expect(await told.stop() == 0)
        try await receiver.stop()
    }

    @Test(.enabled(if: geteuid() == 0))
    func `A name that turns to an address that is not allowed gets nothing there, and everything when it turns back`()
        async throws
    {
        let allowed = try await RecordingServer.start()
        let refused = try await RecordingServer.start(host: "127.0.0.2", port: allowed.port)
        let names = try await NameServer.start(at: Self.nameServer, answering: ["127.0.0.1"])
        let shop = Shop(folder: TemporaryFolder(), receiver: allowed)
        let file = shop.folder.path + "/resolv.conf"
        let words = "nameserver \(Self.nameServer)\noptions timeout:1 attempts:1\n"
        try words.write(toFile: file, atomically: true, encoding: .utf8)
        let server = try await ServerProcess.start(
            data: shop.data,
            environment: ["LEAT_DELIVERY_ALLOW": "127.0.0.1"],
            through: Self.asking(file)
        )
        let token = try #require(server.token)
        try await apply("http://receiver.test:\(allowed.port)", shop, server, token)
        var sent = 0
        func send() async {
            sent += 1
            #expect(await shop.send([Shop.event(user: sent, number: 0)], to: server)?.status == 200)
        }
        await send()
        #expect(await allowed.wait(for: 1))
        names.answer(["127.0.0.1", "127.0.0.2"])
        let before = names.queries
        // The answer in use grows old, and what it leads to then is refused, however often it is tried.
        let end = ContinuousClock.now + .seconds(120)
        while names.queries < before + 3, ContinuousClock.now < end {
            await send()
            try await Task.sleep(for: .milliseconds(200))
        }
        #expect(names.queries >= before + 3)
        names.answer(["127.0.0.1"])
        _ = try await shop.settled(server, token: token)
        #expect(try Arrivals(allowed.requests).identifiers.count == sent)
        #expect(refused.requests.isEmpty)
        #expect(await server.stop() == 0)
        for receiver in [allowed, refused] { try await receiver.stop() }
        try await names.stop()
    }
}
