import Foundation
import PostgreSQL
import TestSupport
import Testing

/// What the product sends to the database, held against the page that says what it may send.
@Suite(.serialized, .timeLimit(.minutes(10))) struct StatementTests {
    @Test func `Everything that the database is sent is listed, names its partitions or comes seldom`() async throws {
        let receiver = try await RecordingServer.start { request in
            switch request.number {
            case 3, 4: .answer(500)
            case 6: .answer(400)
            default: .answer(200)
            }
        }
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        var settings = PrivateServer.settings(in: shop.folder, isDurable: false)
        let statements = settings.directory + "-statements"
        settings.parameters.merge(StatementLog.parameters(statements)) { $1 }
        let cluster = Cluster(settings)
        try await cluster.start()
        let began = ContinuousClock.now
        try await live(shop, cluster.connection.address)
        let duration = began.duration(to: .now) / .seconds(1)
        await cluster.stop()
        try await receiver.stop()

        let log = try StatementLog(statements)
        let listed = try StatementPage()
        #expect(log.sent.count > 200)
        for name in ["append", "read", "checkpoint"] {
            #expect(log.sent.contains { $0.name == name && $0.readsData }, "no plan of \(name) reads a data table")
        }
        var counts: [String: Int] = [:]
        for statement in log.sent {
            guard let name = statement.name, let kind = listed.kind(of: name) else {
                Issue.record("docs/statements.md does not list \(statement.name ?? statement.text)")
                continue
            }
            counts[name, default: 0] += 1
            if kind == .event {
                #expect(statement.unrestricted.isEmpty, "\(name): \(statement.unrestricted)")
            }
        }
        let changes = ["catalog.changed", "join", "leave"].reduce(0) { $0 + counts[$1, default: 0] }
        for (name, count) in counts where listed.kind(of: name) == .node {
            let most = duration + 2 + Double(2 * changes)
            #expect(Double(count) <= most, "\(name) came \(count) times in \(duration) s with \(changes) changes")
        }
        for name in ["checkpoint", "append", "read", "report_lanes", "audit_lanes", "dead_letters", "path_find"] {
            #expect(counts[name, default: 0] > 0, "\(name) was never sent")
        }
    }

    /// Events that are kept, repeated, refused, tried again and given up; every question that a person may ask; changes; a
    /// restart.
    private func live(_ shop: Shop, _ address: String) async throws {
        let environment = ["DATABASE_URL": address]
        var server = try await ServerProcess.start(data: shop.data, environment: environment)
        let token = try #require(server.token)
        try await shop.setUp(server, token: token, batch: 1)
        for number in 1...40 {
            let events = [Shop.event(user: number % 7, number: number), Shop.event(user: 1, number: 1), "{}"]
            _ = await shop.send(events, to: server)
        }
        _ = try await shop.settled(server, token: token)
        for words in [
            ["counts"], ["log"], ["log", "--by", "lane"], ["lanes"], ["audit"], ["audit", "--deep"], ["dead-letters"],
            ["dead-letters", "summary"], ["dead-letters", "export"],
            ["log", "cat", "shop"], ["refused"], ["plugin", "timings"], ["plugin", "list"], ["source", "list"],
            ["export"], ["source", "create", "other"], ["source", "remove", "other"], ["token", "create", "ci"],
            ["token", "revoke", "ci"], ["trace", "user-2", "--for", "5m"], ["trace", "list"],
            ["event", "u1-1", "--user", "user-1"], ["event", "u1-1", "--since", "10m"], ["trace", "end", "user-2"],
        ] {
            try await shop.succeed(words, server, token)
        }
        #expect(await server.stop() == 0)
        server = try await ServerProcess.start(data: shop.data, environment: environment)
        _ = await shop.send([Shop.event(user: 2, number: 100)], to: server)
        _ = try await shop.settled(server, token: token)
        #expect(await server.stop() == 0)
    }

    @Test func `The test finds a statement that reads a data table without naming one partition`() {
        func sent(_ plan: [String: Any]) -> StatementLog.Sent {
            var sent = StatementLog.Sent(name: "x", text: "")
            sent.plans = [["Query Text": "q", "Plan": plan]]
            return sent
        }
        let scan: [String: Any] = ["Node Type": "Seq Scan", "Relation Name": "chunk_1_2", "Alias": "c"]
        #expect(sent(scan).unrestricted == ["Seq Scan of chunk_1_2 in q"])
        #expect(sent(scan.merging(["Filter": "(first_offset > 1)"]) { $1 }).unrestricted.count == 1)
        for one in ["(partition_id = $1)", "((c.partition_id = '77'::bigint) AND (slice_time > $2))"] {
            #expect(sent(scan.merging(["Index Cond": one]) { $1 }).unrestricted.isEmpty)
        }
        for many in ["(partition_id = ANY ($1))", "(partition_id = u.id)", "(partition_id >= $1)"] {
            #expect(sent(scan.merging(["Index Cond": many]) { $1 }).unrestricted.count == 1)
        }
        let join: [String: Any] = ["Node Type": "Hash Join", "Hash Cond": "(c.partition_id = u.id)", "Plans": [scan]]
        #expect(sent(join).unrestricted.count == 1)
        #expect(sent(["Node Type": "Seq Scan", "Relation Name": "source"]).unrestricted.isEmpty)
    }
}

/// The page that lists all statements with their kinds.
struct StatementPage {
    enum Kind: String { case event, node, people, upkeep, schema, frame }

    private let kinds: [String: Kind]

    init() throws {
        let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: top.appending(path: "docs/statements.md"), encoding: .utf8)
        var kinds: [String: Kind] = [:]
        for match in page.matches(of: /\n\| `([a-z_.…]+)` \| ([a-z]+) \|/) {
            kinds[String(match.1)] = Kind(rawValue: String(match.2))
        }
        self.kinds = kinds
    }

    /// The kind of a statement; a name that ends with … stands for all that begin so.
    func kind(of name: String) -> Kind? {
        kinds[name] ?? kinds.first { $0.key.hasSuffix("…") && name.hasPrefix($0.key.dropLast()) }?.value
    }
}
