import Foundation
import PostgreSQL
import TestSupport
import Testing

/// A running server's data, moved to a Citus cluster, and the server on it.
@Suite(.serialized, .timeLimit(.minutes(15))) struct SpreadTests {
    /// How many machines hold rows of the log, and how many hold shards of it.
    private static let machines = Statement(
        "test.machines",
        """
        SELECT count(DISTINCT nodename) FILTER (WHERE rows > 0), count(DISTINCT nodename) FROM (
            SELECT s.nodename, (
                SELECT r.result::bigint FROM run_command_on_placements('leat.chunk', 'SELECT count(*) FROM %s') AS r
                WHERE r.shardid = s.shardid
            ) AS rows
            FROM citus_shards s WHERE s.table_name = 'leat.chunk'::regclass
        ) AS x
        """
    )
    /// What a command that was stopped after its first two steps would have left.
    private static let begun = """
        SELECT create_distributed_table('leat.partition', 'partition_id', colocate_with => 'none', shard_count => 8);
        SELECT create_distributed_table('leat.lease', 'partition_id', colocate_with => 'leat.partition')
        """

    @Test(.enabled(if: CitusCluster.isInstalled, CitusCluster.missing))
    func `A server whose data was spread over two machines goes on and loses nothing`() async throws {
        let receiver = try await RecordingServer.start { request in
            switch request.number {
            case 4: .answer(500)
            case 6: .answer(400)
            default: .answer(200)
            }
        }
        try await CitusCluster.running { cluster in
            let database = try await cluster.make(database: cluster.coordinator.settings.database)
            let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
            let environment = ["DATABASE_URL": database.address]
            var server = try await ServerProcess.start(data: shop.data, environment: environment)
            let token = try #require(server.token)
            try await shop.setUp(server, token: token)
            try await send(0..<20, shop, server)
            let early = try await distribute(database)
            #expect(early.status == 1 && early.text.contains("stop every server first"), "\(early.text)")
            try await shop.divide(into: 5, server, token: token)
            try await send(20..<40, shop, server)
            let before = try await shop.settled(server, token: token)
            #expect(await server.stop() == 0)

            try await move(database, shop, environment)

            server = try await ServerProcess.start(data: shop.data, environment: environment)
            #expect(try await shop.settled(server, token: token) == before)
            try await send(40..<60, shop, server)
            try await shop.divide(into: 8, server, token: token)
            try await send(60..<80, shop, server)
            _ = try await shop.settled(server, token: token)
            await server.kill()
            server = try await ServerProcess.start(data: shop.data, environment: environment)
            try await send(80..<100, shop, server)
            let counts = try await shop.settled(server, token: token)
            try await check(counts, receiver)
            for words in [
                ["audit", "--deep"], ["log"], ["log", "--by", "lane"], ["lanes"], ["dead-letters"],
                ["log", "cat", "shop"], ["nodes"], ["counts"],
            ] {
                try await shop.succeed(words, server, token)
            }
            #expect(await server.stop() == 0)
            let session = try await Connection.open(database)
            let row = try #require(try await session.query(Self.machines).first)
            #expect(try row.int(0) == 2 && row.int(1) == 2)
            await session.close()
        }
        try await receiver.stop()
    }

    /// Moves what a command that was interrupted has begun, between two starts of a server.
    private func move(_ database: ConnectionSettings, _ shop: Shop, _ environment: [String: String]) async throws {
        let session = try await Connection.open(database)
        try await session.execute(Self.begun)
        await session.close()
        let refused = await #expect(throws: ServerProcess.NotServing.self) {
            _ = try await ServerProcess.start(data: shop.data, environment: environment)
        }
        #expect(refused?.words.contains("run leat db distribute") == true, "\(refused?.words ?? "")")
        let moved = try await distribute(database)
        #expect(moved.status == 0, "\(moved.text)")
        #expect(moved.output.contains("spread leat.partition by partition_id: was done before"))
        #expect(moved.output.contains(/spread leat\.chunk by partition_id: [1-9]\d* rows, as many as before/))
        #expect(moved.output.contains("Every data table has 8 shards on 2 machines."))
        let again = try await distribute(database)
        #expect(again.status == 0 && again.output.contains("spread leat.chunk by partition_id: was done before"))
    }

    private func distribute(_ database: ConnectionSettings) async throws -> Program.Ended {
        try await Program.run(
            [Program.built("leat"), "db", "distribute", "--shards", "8"],
            environment: ["DATABASE_URL": database.address, "PATH": "/usr/bin:/bin"]
        )
    }

    /// Ten users' events of these numbers, one of each in a batch.
    private func send(_ numbers: Range<Int>, _ shop: Shop, _ server: ServerProcess) async throws {
        for number in numbers {
            let events = (0..<10).map { Shop.event(user: $0, number: number) }
            var answer = await shop.send(events, to: server)
            // A server that was just started hears of its sources.
            for _ in 0..<200 where answer?.status != 200 { answer = await shop.send(events, to: server) }
            #expect(answer?.status == 200)
        }
    }

    private func check(_ counts: [String: Int], _ receiver: RecordingServer) async throws {
        let accepted = try #require(counts["accepted"])
        let duplicates = try #require(counts["duplicates"])
        #expect(accepted - duplicates == 1_000)
        let arrivals = try Arrivals(receiver.requests)
        let dead = counts["deadLettered"] ?? 0
        #expect(arrivals.identifiers.count == 1_000)
        #expect((counts["delivered"] ?? 0) + dead == 1_000)
        for (user, numbers) in arrivals.numbers { #expect(numbers == numbers.sorted(), "user \(user)") }
    }
}

extension Shop {
    /// Gives the source another number of partitions, as an operator does.
    fileprivate func divide(into partitions: Int, _ server: ServerProcess, token: String) async throws {
        let file = folder.path + "/partitions.yaml"
        try "sources: [{name: shop, partitions: \(partitions)}]".write(toFile: file, atomically: true, encoding: .utf8)
        try await succeed(["apply", "-f", file], server, token)
    }
}
