import Foundation
import PostgreSQL
import Synchronization
import TestSupport
import Testing

/// Several servers on one database, under load while they come, go, die and stand still.
@Suite(.serialized, .timeLimit(.minutes(10))) struct NodesTests {
    @Test func `Partitions move between servers under load, nothing is lost, and every user's order is kept`()
        async throws
    {
        let receiver = try await RecordingServer.start()
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let cluster = Cluster(PrivateServer.settings(in: shop.folder, isDurable: true))
        try await cluster.start()
        let crew = Crew(shop: shop, database: cluster.connection.address)
        let first = try await crew.start("one")
        let token = try #require(first.token)
        try await crew.setUp(first, token: token)
        let load = SteadyLoad(shop: shop, server: first)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await load.run() }
            try await crew.wait(on: first, token, for: ["one": 8])
            let second = try await crew.start("two")
            try await crew.wait(on: first, token, for: ["one": 4, "two": 4])
            let third = try await crew.start("three")
            try await crew.wait(on: first, token, for: ["one": 3, "two": 3, "three": 2], anyOrder: true)
            try await shop.succeed(["node", "drain", "two"], first, token)
            try await crew.wait(on: first, token, for: ["one": 4, "two": 0, "three": 4])
            try await shop.succeed(["node", "drain", "two", "--undo"], first, token)
            try await crew.wait(on: first, token, for: ["one": 3, "two": 3, "three": 2], anyOrder: true)
            var lapses = try await shop.lapses(on: third)
            #expect(await third.stop() == 0)
            try await crew.wait(on: first, token, for: ["one": 4, "two": 4])
            await load.pause()
            _ = try await shop.settled(first, token: token)
            // So far every hand-over was in order, so nothing went out twice.
            let calm = try Arrivals(receiver.requests)
            lapses += try await shop.lapses(on: first, second)
            #expect(calm.count == calm.identifiers.count || lapses > 0)
            load.goOn()

            let fourth = try await crew.start("four")
            try await crew.wait(on: first, token, for: ["one": 3, "two": 3, "four": 2], anyOrder: true)
            let killed = ContinuousClock.now
            await fourth.kill()
            try await crew.wait(on: first, token, for: ["one": 4, "two": 4])
            #expect(killed.duration(to: .now) < .seconds(30))

            kill(second.pid, SIGSTOP)
            try await crew.wait(on: first, token, for: ["one": 8])
            kill(second.pid, SIGCONT)
            try await crew.wait(on: first, token, for: ["one": 4, "two": 4])
            #expect(second.text.contains("The other nodes held this one for silent"))
            // All that it held, and it knew by its own clock that the time was over.
            #expect(try await shop.metric("leat_lease_lost_total", of: second) == 4)
            #expect(try await shop.metric("leat_lease_lapses_total", of: second) >= 1)
            #expect(try await shop.metric("leat_lease_partitions", of: second) == 4)
            #expect(try await shop.metric("leat_lease_lost_total", of: first) == 0)
            await load.end()
            try await group.waitForAll()
            try await check(shop, load, on: first, token)
            #expect(await second.stop() == 0)
        }
        #expect(await first.stop() == 0)
        await cluster.stop()
        try await receiver.stop()
    }

    /// Everything answered arrived, in every user's order, and the counts say the same.
    private func check(_ shop: Shop, _ load: SteadyLoad, on server: ServerProcess, _ token: String) async throws {
        let counts = try await shop.settled(server, token: token)
        let arrivals = try Arrivals(shop.receiver.requests)
        #expect(load.answered.count > 500, "the load was too small to mean anything: \(load.answered.count)")
        #expect(load.answered.subtracting(arrivals.identifiers).isEmpty, "answered events did not arrive")
        for (user, numbers) in arrivals.numbers {
            #expect(numbers == numbers.sorted(), "first deliveries of user \(user) are out of order")
        }
        #expect(counts["delivered"] == arrivals.identifiers.count)
        #expect(try await shop.metric("leat_delivery_uncommitted_events", of: server) == 0)
        try await shop.succeed(["audit", "--deep"], server, token)
        // One kill and one pause: each repeats at most what was delivered within some checkpoints.
        #expect(arrivals.count - arrivals.identifiers.count <= 4 * SteadyLoad.eventsPerSecond)
    }
}

/// The servers of one test, on one database.
struct Crew {
    let shop: Shop
    let database: String

    func start(_ name: String) async throws -> ServerProcess {
        try await ServerProcess.start(
            data: shop.folder.path + "/" + name,
            environment: ["DATABASE_URL": database, "LEAT_NODE_NAME": name]
        )
    }

    func setUp(_ server: ServerProcess, token: String) async throws {
        let manifest = Program.top.appending(path: "Plugins/Connectors/Webhook/manifest.json").path
        let webhook = Program.built("libWebhook.so")
        try await shop.succeed(["plugin", "push", webhook, "--manifest", manifest], server, token)
        let file = shop.folder.path + "/leat.yaml"
        try """
        sources: [{name: shop, partitions: 8, writeKeys: ["${SHOP_KEY}"]}]
        destinations:
          - {name: receiver, connector: leat.webhook, config: {url: "\(shop.receiver.url)/events", batch: 20}}
        connections: [{source: shop, destination: receiver}]
        """.write(toFile: file, atomically: true, encoding: .utf8)
        try await shop.succeed(["apply", "-f", file], server, token)
    }

    /// Waits until living nodes hold so many partitions.
    func wait(
        on server: ServerProcess,
        _ token: String,
        for wanted: [String: Int],
        anyOrder: Bool = false
    ) async throws {
        let end = ContinuousClock.now + .seconds(90)
        var held: [String: Int] = [:]
        while ContinuousClock.now < end {
            let ended = try await shop.leat(["nodes", "--json"], server, token: token)
            let answer = try? JSONSerialization.jsonObject(with: Data(ended.output.utf8)) as? [String: Any]
            held = [:]
            for node in answer?["nodes"] as? [[String: Any]] ?? [] where node["state"] as? String != "silent" {
                if let name = node["name"] as? String { held[name] = node["partitions"] as? Int }
            }
            if held == wanted { return }
            if anyOrder, Set(held.keys) == Set(wanted.keys), held.values.sorted() == wanted.values.sorted() { return }
            try await Task.sleep(for: .milliseconds(50))
        }
        throw Shop.Refused(words: "the nodes hold \(held), not \(wanted)")
    }
}

/// Users who go on sending to one server at a steady pace.
private final class SteadyLoad: Sendable {
    private static let users = 12
    private static let pause = Duration.milliseconds(100)
    /// Events of one request.
    private static let events = 2
    static let eventsPerSecond = users * events * 10

    private struct State {
        var answered: Set<String> = []
        var isPaused = false
        var hasEnded = false
        /// Users who are about to send, or wait for an answer.
        var busy = 0
    }

    private let shop: Shop
    private let server: ServerProcess
    private let state = Mutex(State())

    init(shop: Shop, server: ServerProcess) {
        self.shop = shop
        self.server = server
    }

    /// The message ids of all events that were answered.
    var answered: Set<String> { state.withLock { $0.answered } }

    func run() async {
        await withTaskGroup(of: Void.self) { group in
            for user in 0..<Self.users { group.addTask { await self.send(as: user) } }
        }
    }

    private func send(as user: Int) async {
        var next = 0
        while !state.withLock({ $0.hasEnded }) {
            let mayGo = state.withLock { state in
                if !state.isPaused { state.busy += 1 }
                return !state.isPaused
            }
            if mayGo {
                let numbers = next..<next + Self.events
                let answer = await shop.send(numbers.map { Shop.event(user: user, number: $0) }, to: server)
                let isKept = answer?.status == 200
                state.withLock { state in
                    state.busy -= 1
                    if isKept { state.answered.formUnion(numbers.map { "u\(user)-\($0)" }) }
                }
                // What was not answered may be kept all the same, and must not be overtaken by a repetition.
                next = numbers.upperBound
            }
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// Returns when nothing is on its way.
    func pause() async {
        state.withLock { $0.isPaused = true }
        while state.withLock({ $0.busy > 0 }) { try? await Task.sleep(for: .milliseconds(10)) }
    }

    func goOn() { state.withLock { $0.isPaused = false } }

    func end() async {
        await pause()
        state.withLock { $0.hasEnded = true }
    }
}
