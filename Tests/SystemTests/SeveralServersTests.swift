import Foundation
import PostgreSQL
import Synchronization
import TestSupport
import Testing

/// Several servers before one database: one of them stops in the middle, or the partitions change under all of them.
@Suite(.serialized, .timeLimit(.minutes(15))) struct SeveralServersTests {
    private static let users = 10

    /// What senders and their test tell each other.
    private final class Watch: Sendable {
        let isOver = Atomic<Bool>(false)
        /// How many events of each user were sent.
        let sent = Mutex<[Int: Int]>([:])
        let answered = Atomic<Int>(0)
        /// The server that is killed next.
        let victim = Mutex<ServerProcess?>(nil)
    }

    @Test func `Partitions that change under load on two servers lose, double and reorder nothing`() async throws {
        let receiver = try await RecordingServer.start()
        try await PrivateServer.running { cluster in
            let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
            let environment = ["DATABASE_URL": cluster.connection.address]
            let first = try await ServerProcess.start(data: shop.data, environment: environment)
            let second = try await ServerProcess.start(data: shop.data + "-2", environment: environment)
            let token = try #require(first.token)
            try await shop.setUp(first, token: token)
            try await shop.hears(second)
            let watch = Watch()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for user in 0..<Self.users {
                    group.addTask {
                        var next = 0
                        while !watch.isOver.load(ordering: .relaxed) {
                            let events = (next..<next + 3).map { Shop.event(user: user, number: $0) }
                            let server = next.isMultiple(of: 2) ? first : second
                            #expect(await shop.send(events, to: server)?.status == 200)
                            next += 3
                        }
                        watch.sent.withLock { $0[user] = next }
                    }
                }
                for partitions in [7, 2, 5] {
                    try await Task.sleep(for: .milliseconds(400))
                    try await shop.change(to: partitions, first, token: token)
                }
                try await Task.sleep(for: .milliseconds(400))
                watch.isOver.store(true, ordering: .relaxed)
                try await group.waitForAll()
            }
            let counts = try await shop.settled(first, token: token)
            let arrivals = try Arrivals(receiver.requests)
            let lapses = try await shop.lapses(on: first, second)
            let all = watch.sent.withLock { $0 }
            #expect(counts["accepted"] == all.values.reduce(1, +))
            #expect(counts["delivered"] == counts["accepted"] && counts["duplicates"] == 0)
            #expect(arrivals.count == arrivals.identifiers.count || lapses > 0, "something was delivered twice")
            for (user, count) in all {
                #expect(count > 10 && arrivals.numbers[user] == Array(0..<count), "user \(user)")
            }
            try await shop.succeed(["audit", "--deep"], first, token)
            #expect(await first.stop() == 0)
            #expect(await second.stop() == 0)
        }
        try await receiver.stop()
    }

    @Test func `A server that is killed while partitions change costs nothing but repeated deliveries`() async throws {
        let receiver = try await RecordingServer.start()
        try await PrivateServer.running { cluster in
            let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
            let environment = ["DATABASE_URL": cluster.connection.address]
            let first = try await ServerProcess.start(data: shop.data, environment: environment)
            let token = try #require(first.token)
            try await shop.setUp(first, token: token)
            let watch = Watch()
            watch.victim.withLock { $0 = first }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for user in 0..<Self.users {
                    group.addTask {
                        var next = 0
                        while !watch.isOver.load(ordering: .relaxed) {
                            let events = (next..<next + 3).map { Shop.event(user: user, number: $0) }
                            // What was not answered is sent again as it was, to whoever is there.
                            var server = next.isMultiple(of: 2) ? first : watch.victim.withLock { $0 } ?? first
                            let end = ContinuousClock.now + .seconds(120)
                            while await shop.send(events, to: server)?.status != 200 {
                                try #require(ContinuousClock.now < end, "nobody kept event \(next) of user \(user)")
                                server = watch.victim.withLock { $0 } ?? first
                                try await Task.sleep(for: .milliseconds(2))
                            }
                            next += 3
                        }
                        watch.sent.withLock { $0[user] = next }
                    }
                }
                for partitions in [7, 2, 5, 3] {
                    let victim = try await ServerProcess.start(data: shop.data + "-2", environment: environment)
                    watch.victim.withLock { $0 = victim }
                    try await Task.sleep(for: .milliseconds(300))
                    async let changed: Void = shop.change(to: partitions, first, token: token)
                    // The moment of the kill is what the test is about.
                    try await Task.sleep(for: .milliseconds(partitions * 40))
                    await victim.kill()
                    watch.victim.withLock { $0 = first }
                    try await changed
                }
                let last = try await ServerProcess.start(data: shop.data + "-2", environment: environment)
                watch.isOver.store(true, ordering: .relaxed)
                try await group.waitForAll()
                let counts = try await shop.settled(first, token: token)
                let arrivals = try Arrivals(receiver.requests)
                let all = watch.sent.withLock { $0 }
                let whole = all.values.reduce(0, +)
                #expect(counts["delivered"] == whole && arrivals.identifiers.count == whole)
                #expect(counts["accepted"] == whole + (counts["duplicates"] ?? -1))
                for (user, count) in all {
                    #expect(count > 10 && arrivals.numbers[user] == Array(0..<count), "user \(user)")
                }
                try await shop.succeed(["audit", "--deep"], first, token)
                #expect(await last.stop() == 0)
            }
            #expect(await first.stop() == 0)
        }
        try await receiver.stop()
    }

    @Test func `A server that is stopped at any moment of its load delays no append of another`() async throws {
        let receiver = try await RecordingServer.start()
        try await PrivateServer.running { cluster in
            let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
            let environment = ["DATABASE_URL": cluster.connection.address]
            let stopped = try await ServerProcess.start(data: shop.data, environment: environment)
            let other = try await ServerProcess.start(data: shop.data + "-2", environment: environment)
            try await shop.setUp(stopped, token: try #require(stopped.token))
            try await shop.hears(other)
            let watch = Watch()
            // Large bodies that hardly compress, so that an append is sent in many pieces.
            var random = SplitMix(seed: 5)
            let filler = (0..<400).map { _ in String(random.next(), radix: 36) }.joined()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for user in 0..<4 {
                    group.addTask {
                        var next = 0
                        while !watch.isOver.load(ordering: .relaxed) {
                            let events = (0..<20).map { place in
                                Shop.event(user: user * 20 + place, number: next)
                                    .replacingOccurrences(of: "Counted", with: "Counted \(next) \(filler)")
                            }
                            // While it is stopped nobody answers.
                            _ = await shop.send(events, to: stopped)
                            next += 1
                        }
                    }
                }
                group.addTask {
                    var next = 0
                    while !watch.isOver.load(ordering: .relaxed) {
                        let events = (0..<8).map { Shop.event(user: 100 + $0, number: next) }
                        #expect(await shop.send(events, to: other)?.status == 200)
                        watch.answered.add(1, ordering: .relaxed)
                        next += 1
                    }
                }
                for _ in 0..<60 {
                    // The moments of stopping are what the test is about.
                    try await Task.sleep(for: .microseconds(Int.random(in: 500...20_000, using: &random)))
                    // It goes on only when the other has answered: who waited for it would be refused after eight seconds.
                    kill(stopped.pid, SIGSTOP)
                    let before = watch.answered.load(ordering: .relaxed)
                    let deadline = ContinuousClock.now + .seconds(30)
                    while watch.answered.load(ordering: .relaxed) < before + 5, ContinuousClock.now < deadline {
                        try await Task.sleep(for: .milliseconds(1))
                    }
                    let came = watch.answered.load(ordering: .relaxed) - before
                    kill(stopped.pid, SIGCONT)
                    try #require(came >= 5, "the other server took \(came) requests in 30 s")
                }
                watch.isOver.store(true, ordering: .relaxed)
                try await group.waitForAll()
            }
            #expect(await stopped.stop() == 0)
            #expect(await other.stop() == 0)
        }
        try await receiver.stop()
    }
}

extension Shop {
    /// Waits until a server has heard of its first source.
    func hears(_ server: ServerProcess) async throws {
        let end = ContinuousClock.now + .seconds(60)
        while await send([Self.event(user: 99, number: 0)], to: server)?.status != 200 {
            try #require(ContinuousClock.now < end, "the server has not heard of its source")
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    /// Gives the source another number of partitions, as an operator does.
    fileprivate func change(to partitions: Int, _ server: ServerProcess, token: String) async throws {
        let file = folder.path + "/partitions.yaml"
        try "sources: [{name: shop, partitions: \(partitions)}]".write(toFile: file, atomically: true, encoding: .utf8)
        let ended = try await leat(["apply", "-f", file], server, token: token)
        #expect(ended.status == 0 && ended.text.contains("→ \(partitions)"), "\(ended.text)")
    }
}
