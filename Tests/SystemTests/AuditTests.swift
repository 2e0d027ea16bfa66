import Foundation
import TestSupport
import Testing

/// The audit on a server that is at work.
@Suite(.serialized, .timeLimit(.minutes(10))) struct AuditTests {
    @Test func `Under load, with failures and a server that is killed, an audit finds nothing that is not there`()
        async throws
    {
        let receiver = try await RecordingServer.start { request in
            switch request.number % 10 {
            case 3: .answer(500)
            case 6: .answer(400)
            default: .answer(200)
            }
        }
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        var server = try await ServerProcess.start(data: shop.data)
        let token = try #require(server.token)
        try await shop.setUp(server, token: token, batch: 1)
        for life in 0..<2 {
            let current = server
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    for number in 0..<2000 where !Task.isCancelled {
                        let events = (0..<10).map {
                            Shop.event(user: number % 17, number: life * 100_000 + number * 10 + $0)
                        }
                        _ = await shop.send(events, to: current)
                    }
                }
                for _ in 0..<8 {
                    let audit = try? await shop.leat(["audit"], current, token: token)
                    #expect(audit?.status == 0, "\(audit?.text ?? "no answer")")
                }
                let log = try? await shop.leat(["log", "--by", "lane"], current, token: token)
                #expect(log?.status == 0 && log?.output.contains("(epoch ") == true, "\(log?.text ?? "no answer")")
                group.cancelAll()
            }
            guard life == 0 else { break }
            await server.kill()
            server = try await ServerProcess.start(data: shop.data)
        }
        _ = try await shop.settled(server, token: token)
        let deep = try await shop.leat(["audit", "--deep", "--json"], server, token: token)
        #expect(deep.status == 0, "\(deep.text)")
        for check in ["chunks", "bodies", "lanes", "counts", "dead letters", "checkpoints"] {
            let looked = deep.output.firstMatch(of: try Regex("\"check\":\"\(check)\"[^}]*\"looked\":([0-9]+)"))?[1]
                .substring
            #expect(looked.flatMap { Int($0) } ?? 0 > 0, "\(check): \(deep.output)")
        }
        #expect(await server.stop() == 0)
        try await receiver.stop()
    }
}
