import Foundation
import PostgreSQL
import TestSupport
import Testing

/// The way back in for an operator who knows no token.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TokenTests {
    private func reset(_ data: String, _ words: String...) async throws -> Program.Ended {
        try await Program.run(
            [Program.built("leat"), "token", "reset", "--data-directory", data] + words,
            environment: ["PATH": "/usr/bin:/bin", "HOME": data + "/.."]
        )
    }

    private func token(_ ended: Program.Ended, _ name: String = "first") throws -> String {
        let words = "The token \(name), shown this once: "
        try #require(ended.status == 0 && ended.output.hasPrefix(words), "\(ended.text)")
        return String(ended.output.dropFirst(words.count).dropLast())
    }

    @Test func `A lost token is made anew whether the server runs, was stopped or was killed`() async throws {
        let folder = TemporaryFolder()
        let shop = Shop(folder: folder, receiver: try await RecordingServer.start())
        let lock = shop.data + "/postgresql/postmaster.pid"
        var server = try await ServerProcess.start(data: shop.data)
        let lost = try #require(server.token)
        let second = try token(try await reset(shop.data))
        // The server is told, and needs no restart.
        let end = ContinuousClock.now + .seconds(30)
        while try await shop.leat(["source", "list"], server, token: lost).status == 0 {
            try #require(ContinuousClock.now < end, "the old token still opens")
        }
        #expect(try await shop.leat(["source", "list"], server, token: second).status == 0)
        let other = try token(try await reset(shop.data, "ci"), "ci")
        #expect(try await shop.leat(["token", "list"], server, token: second).output.contains("\nci "))
        #expect(await server.stop() == 0)

        let third = try token(try await reset(shop.data))
        #expect(!FileManager.default.fileExists(atPath: lock))
        server = try await ServerProcess.start(data: shop.data)
        #expect(server.token == nil)
        #expect(try await shop.leat(["source", "list"], server, token: second).status == 1)
        #expect(try await shop.leat(["source", "list"], server, token: third).status == 0)
        #expect(try await shop.leat(["source", "list"], server, token: other).status == 0)

        await server.kill()
        let fourth = try token(try await reset(shop.data))
        #expect(FileManager.default.fileExists(atPath: lock))
        server = try await ServerProcess.start(data: shop.data)
        #expect(try await shop.leat(["source", "list"], server, token: fourth).status == 0)
        #expect(await server.stop() == 0)
        try await shop.receiver.stop()
    }

    @Test func `Where there is nothing to reset, that is said and nothing is made`() async throws {
        let folder = TemporaryFolder()
        let none = try await reset(folder.path + "/none")
        #expect(none.status == 1 && none.errors.hasPrefix("Error: There is no data folder \(folder.path)/none. Name "))
        let empty = try await reset(folder.path)
        #expect(empty.status == 1 && empty.errors.hasPrefix("Error: No Leat server keeps its data in \(folder.path). "))
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
        let wrong = try await reset(folder.path, "Not A Name")
        #expect(wrong.status == 2)
        let cluster = Cluster(PrivateServer.settings(in: folder, isDurable: true))
        try await cluster.start()
        let unused = try await Program.run(
            [Program.built("leat"), "token", "reset"],
            environment: ["PATH": "/usr/bin:/bin", "DATABASE_URL": cluster.connection.address]
        )
        #expect(unused.status == 1 && unused.errors.contains("No Leat server has served from this database yet"))
        await cluster.stop()
    }
}
