import Foundation
import TestSupport
import Testing

/// Plugins on a running server.
@Suite(.serialized, .timeLimit(.minutes(10))) struct PluginTests {
    @Test func `A transformation acts on the next event after it is attached, without a restart`() async throws {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let server = try await ServerProcess.start(data: shop.data)
        let token = try #require(server.token)
        try await shop.setUp(server, token: token)
        let detach = ["plugin", "detach", "com.example.mask-email", "--connection", "shop/receiver"]
        try await shop.succeed(detach, server, token)
        try await shop.learned(by: server, token: token)
        #expect(await shop.send([Shop.event(user: 1, number: 1)], to: server)?.status == 200)
        _ = try await shop.settled(server, token: token)
        try await shop.succeed(["plugin", "attach"] + detach.dropFirst(2), server, token)
        try await shop.learned(by: server, token: token)
        #expect(await shop.send([Shop.event(user: 1, number: 2)], to: server)?.status == 200)
        _ = try await shop.settled(server, token: token)
        #expect(try Arrivals(receiver.requests).addresses == ["user1@example.test", "u***@example.test"])
        #expect(await server.stop() == 0)
        try await receiver.stop()
    }

    @Test func `Timings are shown for each plugin and outlive a restart`() async throws {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        var server = try await ServerProcess.start(data: shop.data)
        let token = try #require(server.token)
        try await shop.setUp(server, token: token)
        #expect(await shop.send((1...50).map { Shop.event(user: 1, number: $0) }, to: server)?.status == 200)
        _ = try await shop.settled(server, token: token)
        let before = try await shop.leat(["plugin", "timings", "--json"], server, token: token)
        #expect(await server.stop() == 0)
        server = try await ServerProcess.start(data: shop.data)
        let after = try await shop.leat(["plugin", "timings", "--json"], server, token: token)
        #expect(before.output == after.output)
        for plugin in ["com.example.mask-email", "leat.webhook"] { #expect(after.output.contains(plugin)) }
        #expect(await server.stop() == 0)
        try await receiver.stop()
    }
}
