import Foundation
import PostgreSQL
import Synchronization
import TestSupport
import Testing

/// A database and two servers, each on a host of its own; the senders and the receiver are on the test's machine.
final class Site: Sendable {
    let network: Network
    let database: HostDatabase
    let shop: Shop
    /// The hosts of the three.
    let (base, one, two): (Host, Host, Host)
    let crew: Crew
    private let nodes = Mutex<[String: ServerProcess]>([:])
    private let token = Mutex("")

    /// Gives `body` a site whose servers hold four partitions each, and takes it down afterwards.
    static func with(
        _ react: @escaping @Sendable (RecordingServer.Request) -> RecordingServer.Reaction = { _ in .answer(200) },
        _ body: (Site) async throws -> Void
    ) async throws {
        let network = try await Network.make(["database", "one", "two"])
        do {
            let folder = TemporaryFolder()
            let receiver = try await RecordingServer.start(host: network.receiver.address, react)
            let database = try await HostDatabase.start(on: network.host("database"), in: folder)
            let site = try Site(network, database, Shop(folder: folder, receiver: receiver))
            do {
                try await site.begin()
                try await body(site)
                for name in ["one", "two"] { #expect(try await site.node(name).stop() == 0) }
            } catch {
                await site.end()
                throw error
            }
            await site.end()
        } catch {
            await network.close()
            throw error
        }
        await network.close()
    }

    private init(_ network: Network, _ database: HostDatabase, _ shop: Shop) throws {
        self.network = network
        self.database = database
        self.shop = shop
        (base, one, two) = (try network.host("database"), try network.host("one"), try network.host("two"))
        crew = Crew(shop: shop, database: database.address)
    }

    private func begin() async throws {
        let first = try await start("one")
        token.withLock { $0 = first.token ?? "" }
        try await setUp()
        _ = try await start("two")
        try await wait(on: "one", for: ["one": 4, "two": 4])
    }

    private func end() async {
        for node in nodes.withLock({ Array($0.values) }) { await node.kill() }
        await database.stop()
        try? await shop.receiver.stop()
    }

    /// Starts a server on its host, always at the same address.
    @discardableResult
    func start(_ name: String) async throws -> ServerProcess {
        let host = try network.host(name)
        let node = try await ServerProcess.start(
            data: shop.folder.path + "/" + name,
            port: 8080,
            words: ["--host", host.address],
            environment: ["DATABASE_URL": database.address, "LEAT_NODE_NAME": name],
            through: host.entry
        )
        nodes.withLock { $0[name] = node }
        return node
    }

    func node(_ name: String) throws -> ServerProcess {
        try #require(nodes.withLock { $0[name] }, "no server is \(name)")
    }

    /// A destination that is not asked much at a time, so that there is always something left to send.
    private func setUp() async throws {
        let server = try node("one")
        let token = token.withLock { $0 }
        let manifest = Program.top.appending(path: "Plugins/Connectors/Webhook/manifest.json").path
        let webhook = Program.built("libWebhook.so")
        try await shop.succeed(["plugin", "push", webhook, "--manifest", manifest], server, token)
        let file = shop.folder.path + "/leat.yaml"
        try """
        sources: [{name: shop, partitions: 8, writeKeys: ["${SHOP_KEY}"]}]
        destinations:
          - name: receiver
            connector: leat.webhook
            config: {url: "\(shop.receiver.url)/events", batch: 4}
            limits: {concurrency: 2, timeout: 3s}
        connections: [{source: shop, destination: receiver}]
        """.write(toFile: file, atomically: true, encoding: .utf8)
        try await shop.succeed(["apply", "-f", file], server, token)
    }

    func senders() throws -> Senders {
        Senders(shop, try ["one", "two"].map { ($0, try node($0)) })
    }

    /// Waits until living nodes hold so many partitions.
    func wait(on name: String, for wanted: [String: Int]) async throws {
        try await crew.wait(on: node(name), token.withLock { $0 }, for: wanted)
    }

    func metric(_ name: String, of node: String) async throws -> Int {
        Int(try await shop.metric(name, of: self.node(node)))
    }

    /// Waits until everything has an outcome.
    @discardableResult
    func settled(on name: String) async throws -> [String: Int] {
        try await shop.settled(node(name), token: token.withLock { $0 })
    }

    /// Everything that was sent arrived, in every user's order, no more than so many events twice, and the books say so.
    ///
    /// - Returns: how many events the senders repeated that were kept already.
    @discardableResult
    func check(_ senders: Senders, repeatsAtMost bound: Int) async throws -> Int {
        let counts = try await settled(on: "one")
        let arrivals = try Arrivals(shop.receiver.requests)
        let kept = senders.kept
        let sent = kept.values.reduce(0, +)
        #expect(sent > 500, "the load was too small to mean anything: \(sent)")
        #expect(kept.count == Senders.users)
        for (user, count) in kept {
            #expect(arrivals.numbers[user] == Array(0..<count), "user \(user)")
        }
        #expect(arrivals.identifiers.count == sent)
        #expect(counts["delivered"] == sent)
        let duplicates = counts["duplicates"] ?? -1
        #expect(counts["accepted"] == sent + duplicates)
        #expect(arrivals.count - sent <= bound, "\(arrivals.count - sent) events came twice")
        for name in ["one", "two"] { #expect(try await metric("leat_delivery_uncommitted_events", of: name) == 0) }
        try await shop.succeed(["audit", "--deep"], node("one"), token.withLock { $0 })
        return duplicates
    }
}
