import Foundation
import TestSupport
import Testing

/// What people are told when nobody is left to run lanes.
@Suite(.serialized, .timeLimit(.minutes(5))) struct DrainTests {
    @Test func `Where every server is drained, its log, its health and the list of nodes say so`() async throws {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let server = try await ServerProcess.start(data: shop.data, environment: ["LEAT_NODE_NAME": "only"])
        let token = try #require(server.token)
        let warning = "no lane runs anywhere"
        #expect(try await shop.health(of: server) == "{\"status\":\"up\"}\n")
        #expect(try await !shop.leat(["nodes"], server, token: token).output.contains(warning))
        try await shop.succeed(["node", "drain", "only", "--force"], server, token)
        let end = ContinuousClock.now + .seconds(60)
        while try await !shop.health(of: server).contains("\"code\":\"all_drained\"") {
            try #require(ContinuousClock.now < end, "its health says nothing")
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try await shop.leat(["nodes"], server, token: token).output.contains(warning))
        #expect(server.text.contains("Every server is drained, so \(warning)"))
        try await shop.succeed(["node", "drain", "only", "--undo"], server, token)
        while try await shop.health(of: server) != "{\"status\":\"up\"}\n" {
            try #require(ContinuousClock.now < end, "its health stays as it was")
            try await Task.sleep(for: .milliseconds(20))
        }
        #expect(try await !shop.leat(["nodes"], server, token: token).output.contains(warning))
        #expect(await server.stop() == 0)
        try await receiver.stop()
    }
}
