import EventLog
import Foundation
import PostgreSQL
import Synchronization
import TestSupport
import Testing

/// A backup that PostgreSQL's own tools make of a running system.
@Suite(.serialized, .timeLimit(.minutes(10))) struct RestoreTests {
    @Test func `A dump of a live database becomes a system that goes on where the dump was taken`() async throws {
        let receiver = try await RecordingServer.start { _ in .answer(200) }
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        let first = try await ServerProcess.start(data: shop.data)
        let token = try #require(first.token)
        try await shop.setUp(first, token: token)
        let before = await Self.send(0..<200, to: first, shop)
        #expect(before == 200)
        // While more comes in.
        let file = shop.folder.path + "/dump"
        let isDumped = Atomic<Bool>(false)
        async let sent = Self.load(from: 200, to: first, shop, until: isDumped)
        let socket = try postmaster(of: shop, line: 4)
        let dump = try await Program.run(
            ["pg_dump", "-Fc", "-h", socket, "-U", "leat", "-d", "leat", "-f", file],
            environment: ["PATH": "/usr/bin:/bin"]
        )
        isDumped.store(true, ordering: .relaxed)
        #expect(dump.status == 0, "\(dump.text)")
        let more = await sent
        #expect(more > 0)
        #expect(await first.stop() == 0)

        try await PrivateServer.running { cluster in
            let keeper = try await Connection.open(cluster.settings.connection(database: "postgres"))
            try await keeper.execute("CREATE DATABASE restored")
            await keeper.close()
            let settings = cluster.settings.connection(database: "restored")
            let restore = try await Program.run(
                ["pg_restore", "--no-owner", "--exit-on-error", "-d", settings.address, file],
                environment: ["PATH": "/usr/bin:/bin"]
            )
            #expect(restore.status == 0, "\(restore.text)")
            let second = try await ServerProcess.start(
                data: shop.folder.path + "/second",
                environment: ["DATABASE_URL": settings.address]
            )
            #expect(second.token == nil)
            do {
                try await goesOn(second, settings, shop, token, after: 200 + more)
            } catch {
                await second.kill()
                throw error
            }
            #expect(await second.stop() == 0)
        }
        try await receiver.stop()
    }

    /// Sends to the restored system, and looks whether everything in it is right.
    private func goesOn(
        _ server: ServerProcess,
        _ settings: ConnectionSettings,
        _ shop: Shop,
        _ token: String,
        after number: Int
    ) async throws {
        let fresh = number..<number + 100
        #expect(await Self.send(fresh, to: server, shop) == 100)
        // The leases of the old life run out, and the lanes go on.
        let counts = try await shop.settled(server, token: token)
        #expect(counts["accepted"] == counts["read"])
        #expect((counts["accepted"] ?? 0) >= 300)
        #expect(counts["read"] == (counts["duplicates"] ?? -1) + (counts["transformed"] ?? -1))
        #expect(counts["emitted"] == counts["delivered"])
        let arrivals = try Arrivals(shop.receiver.requests)
        for event in fresh { #expect(arrivals.identifiers.contains("u\(event % 5)-\(event)")) }
        // A copy of what the dump held is found to be one.
        #expect(await Self.send(0..<50, to: server, shop) == 50)
        let later = try await shop.settled(server, token: token)
        #expect(later["duplicates"] == (counts["duplicates"] ?? 0) + 50)
        #expect(later["delivered"] == counts["delivered"])
        try await shop.succeed(["audit", "--deep"], server, token)
        // What counts by itself goes on counting.
        try await shop.succeed(["source", "create", "second"], server, token)
        let pool = ConnectionPool(settings)
        let log = EventLog(pool)
        try await log.prepare()
        try await log.upkeep(for: nil)
        let loose = Statement("test.loose", "SELECT count(*) FROM leat.slices('chunk') WHERE state <> 'attached'")
        #expect(try await pool.query(loose)[0].int8(0) == 0)
        let sources = Statement("test.sources", "SELECT count(DISTINCT source_id) FROM leat.source")
        #expect(try await pool.query(sources)[0].int8(0) == 2)
        await pool.close()
    }

    /// Sends events with these numbers, twenty at a time; returns how many were answered.
    private static func send(_ numbers: Range<Int>, to server: ServerProcess, _ shop: Shop) async -> Int {
        var answered = 0
        for start in stride(from: numbers.lowerBound, to: numbers.upperBound, by: 20) {
            let part = start..<min(start + 20, numbers.upperBound)
            let events = part.map { Shop.event(user: $0 % 5, number: $0) }
            if await shop.send(events, to: server)?.status == 200 { answered += part.count }
        }
        return answered
    }

    /// Sends until it is told to stop; returns how many events were answered.
    private static func load(
        from first: Int,
        to server: ServerProcess,
        _ shop: Shop,
        until isOver: borrowing Atomic<Bool>
    ) async -> Int {
        var next = first
        repeat {
            guard await send(next..<next + 20, to: server, shop) == 20 else { break }
            next += 20
        } while !isOver.load(ordering: .relaxed)
        return next - first
    }

    /// A line of what the private database says of itself while it runs.
    private func postmaster(of shop: Shop, line: Int) throws -> String {
        let file = try String(contentsOfFile: shop.data + "/postgresql/postmaster.pid", encoding: .utf8)
        let lines = file.split(separator: "\n", omittingEmptySubsequences: false)
        return String(try #require(lines.indices.contains(line) ? lines[line] : nil))
    }
}
