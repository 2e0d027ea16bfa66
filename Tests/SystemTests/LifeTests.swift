import Foundation
import PostgreSQL
import TestSupport
import Testing

/// How a server starts, stands the loss of its database, and stops.
@Suite(.serialized, .timeLimit(.minutes(10))) struct LifeTests {
    @Test func `A second server on the same data folder is refused in one sentence`() async throws {
        let folder = TemporaryFolder()
        let first = try await ServerProcess.start(data: folder.path + "/data")
        let second = try await Program.run(
            [Program.built("leat"), "serve", "--port", "0", "--data-directory", folder.path + "/data"],
            atMost: .seconds(60)
        )
        #expect(second.status == 1)
        #expect(second.errors.contains("Another leat server (process \(first.pid)) uses \(folder.path)/data"))
        #expect(await first.stop() == 0)
        #expect(!FileManager.default.fileExists(atPath: folder.path + "/data/postgresql/postmaster.pid"))
    }

    @Test func `A token is shown at the first start and never again`() async throws {
        let folder = TemporaryFolder()
        let first = try await ServerProcess.start(data: folder.path + "/data")
        let token = try #require(first.token)
        #expect(await first.stop() == 0)
        let second = try await ServerProcess.start(data: folder.path + "/data")
        #expect(second.token == nil)
        let shop = Shop(folder: folder, receiver: try await RecordingServer.start())
        #expect(try await shop.leat(["source", "list"], second, token: token).status == 0)
        #expect(try await shop.leat(["source", "list"], second, token: "leat_nobody").status == 1)
        #expect(await second.stop() == 0)
        try await shop.receiver.stop()
    }

    @Test func `A folder with a path of 150 characters serves as well as a short one`() async throws {
        let folder = TemporaryFolder()
        let name = String(repeating: "long-", count: 30)
        let server = try await ServerProcess.start(data: folder.path + "/" + name)
        #expect(await server.stop() == 0)
    }

    @Test(.enabled(if: geteuid() == 0)) func `Started as root, no thread of the server stays root`() async throws {
        let folder = TemporaryFolder()
        let server = try await ServerProcess.start(data: folder.path + "/data")
        let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(server.pid)/task")
        #expect(threads.count > 3)
        for thread in threads {
            guard
                let status = try? String(contentsOfFile: "/proc/\(server.pid)/task/\(thread)/status", encoding: .utf8),
                let users = status.split(separator: "\n").first(where: { $0.hasPrefix("Uid:") })
            else { continue }
            #expect(!users.split(separator: "\t").dropFirst().contains("0"), "thread \(thread): \(users)")
        }
        #expect(await server.stop() == 0)
    }

    @Test(arguments: [("ignore", "127.0.0.1"), ("trust", "203.0.113.9")])
    func `The setting decides whether a proxy names the sender`(setting: String, address: String) async throws {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let server = try await ServerProcess.start(data: shop.data, environment: ["LEAT_HTTP_FORWARDED": setting])
        let token = try #require(server.token)
        try await shop.setUp(server, token: token, batch: 1)
        let proxy = ["X-Forwarded-For": "203.0.113.9"]
        #expect(await shop.send([Shop.event(user: 1, number: 1)], to: server, headers: proxy)?.status == 200)
        _ = try await shop.settled(server, token: token)
        let body = try #require(receiver.requests.first?.body)
        #expect(String(decoding: body, as: UTF8.self).contains("\"request_ip\":\"\(address)\""))
        #expect(await server.stop() == 0)
        try await receiver.stop()
    }

    @Test func `Without its database the server answers 503 with Retry-After, and goes on by itself`() async throws {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let settings = PrivateServer.settings(in: shop.folder, isDurable: true)
        var cluster = Cluster(settings)
        try await cluster.start()
        let server = try await ServerProcess.start(
            data: shop.data,
            environment: ["DATABASE_URL": cluster.connection.address]
        )
        let token = try #require(server.token)
        try await shop.setUp(server, token: token)
        #expect(await shop.send([Shop.event(user: 1, number: 1)], to: server)?.status == 200)
        await cluster.stop()
        let refused = try #require(await shop.send([Shop.event(user: 1, number: 2)], to: server))
        #expect(refused.status == 503)
        #expect((refused.retryAfter.flatMap { Int($0) } ?? 0) >= 1)
        cluster = Cluster(settings)
        try await cluster.start()
        let end = ContinuousClock.now + .seconds(60)
        while await shop.send([Shop.event(user: 1, number: 3)], to: server)?.status != 200 {
            try #require(ContinuousClock.now < end, "the server did not recover")
        }
        _ = try await shop.settled(server, token: token)
        #expect(try Arrivals(receiver.requests).identifiers.isSuperset(of: ["u1-1", "u1-3"]))
        #expect(await server.stop() == 0)
        await cluster.stop()
        try await receiver.stop()
    }

    @Test func `A server whose database hangs ends all the same when it is asked to`() async throws {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let cluster = Cluster(PrivateServer.settings(in: shop.folder, isDurable: true))
        try await cluster.start()
        try await DatabaseProxy.with(cluster.connection) { proxy in
            let server = try await ServerProcess.start(
                data: shop.data,
                // Less than any statement that hangs is given, so that the end cannot be an orderly one.
                environment: ["DATABASE_URL": proxy.settings.address, "LEAT_SHUTDOWN_TIMEOUT": "3"]
            )
            try await shop.setUp(server, token: try #require(server.token))
            #expect(await shop.send([Shop.event(user: 1, number: 1)], to: server)?.status == 200)
            proxy.freeze()
            let began = ContinuousClock.now
            #expect(await server.stop() == 1)
            #expect(began.duration(to: .now) < .seconds(60))
            #expect(server.text.contains("The server does not come to its end in order"))
        }
        await cluster.stop()
        try await receiver.stop()
    }

    @Test func `A database that is killed is started again and nothing answered is lost`() async throws {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let server = try await ServerProcess.start(data: shop.data)
        let token = try #require(server.token)
        try await shop.setUp(server, token: token)
        #expect(await shop.send([Shop.event(user: 1, number: 1)], to: server)?.status == 200)
        let file = try String(contentsOfFile: shop.data + "/postgresql/postmaster.pid", encoding: .utf8)
        kill(try #require(file.split(separator: "\n").first.flatMap { Int32($0) }), SIGKILL)
        let end = ContinuousClock.now + .seconds(90)
        while await shop.send([Shop.event(user: 1, number: 2)], to: server)?.status != 200 {
            try #require(ContinuousClock.now < end, "the server did not recover")
        }
        let counts = try await shop.settled(server, token: token)
        #expect(counts["delivered"] == (try Arrivals(receiver.requests)).identifiers.count)
        #expect(try Arrivals(receiver.requests).identifiers == ["u1-1", "u1-2"])
        #expect(await server.stop() == 0)
        try await receiver.stop()
    }

    @Test func `A lane that has read everything is not late because a crash of the database lost its last progress`()
        async throws
    {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let settings = PrivateServer.settings(in: shop.folder, isDurable: true)
        let cluster = Cluster(settings)
        try await cluster.start()
        let environment = ["DATABASE_URL": cluster.connection.address]
        let server = try await ServerProcess.start(data: shop.data, environment: environment)
        let token = try #require(server.token)
        try await shop.setUp(server, token: token)
        let events = (0..<5).map { Shop.event(user: $0, number: $0) }
        #expect(await shop.send(events, to: server)?.status == 200)
        #expect(try await shop.settled(server, token: token)["delivered"] == 5)
        kill(try #require(await cluster.processID), SIGKILL)
        await cluster.stop()

        // Where the server cannot reach it, the database forgets what did not wait for the disk.
        var elsewhere = settings
        elsewhere.socketDirectory = shop.folder.path + "/aside"
        let aside = Cluster(elsewhere)
        try await aside.start()
        let session = try await Connection.open(aside.connection)
        try await session.execute("DELETE FROM leat.checkpoint WHERE commit_number > 0")
        await session.close()
        await aside.stop()

        let again = Cluster(settings)
        try await again.start()
        let counts = try await shop.settled(server, token: token)
        #expect(counts["read"] == 5 && counts["delivered"] == 5)
        #expect(try Arrivals(receiver.requests).count == 5)
        try await shop.succeed(["audit"], server, token)
        #expect(await server.stop() == 0)
        await again.stop()
        try await receiver.stop()
    }
}
