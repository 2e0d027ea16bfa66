import Foundation
import TestSupport
import Testing

/// The SDKs that nobody here wrote, through the whole server to a destination.
@Suite(.serialized, .timeLimit(.minutes(10))) struct SDKTests {
    @Test(arguments: ["rudder", "segment", "legacy"])
    func `What an SDK sends arrives at the destination, also when the server is killed meanwhile`(sdk: String)
        async throws
    {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let port = try await SteadyPort.next()
        var server = try await ServerProcess.start(data: shop.data, port: port)
        let token = try #require(server.token)
        try await shop.setUp(server, token: token)
        let client = try await SDKProcess(sdk, port: port, writeKey: Shop.writeKey)
        try client.begin("calls")
        var identifiers = try await client.report().ids
        #expect(identifiers.count == 7)
        _ = try await shop.settled(server, token: token)
        #expect(try Arrivals(receiver.requests).count == 7)

        try client.begin("many 250")
        await receiver.wait { $0.count > 3 }
        await server.kill()
        server = try await ServerProcess.start(data: shop.data, port: port)
        let many = try await client.report()
        #expect(many.ids.count == 250 && many.errors.isEmpty)
        identifiers += many.ids
        try client.begin("end")
        let counts = try await shop.settled(server, token: token)
        #expect(try Arrivals(receiver.requests).identifiers == Set(identifiers))
        #expect(counts["delivered"] == identifiers.count)
        #expect(await server.stop() == 0)
        try await receiver.stop()
    }
}
