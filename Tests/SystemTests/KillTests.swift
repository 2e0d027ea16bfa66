import Foundation
import PostgreSQL
import Synchronization
import TestSupport
import Testing

/// What holds when processes are killed in the middle of work.
@Suite(.serialized, .timeLimit(.minutes(15))) struct KillTests {
    private static let rounds = 20

    /// Whether the receiver refuses a request for good, because one of its events has a bad number.
    private static func isRefused(_ request: RecordingServer.Request) -> Bool {
        guard let arrivals = try? Arrivals([request]) else { return true }
        return arrivals.numbers.values.joined().contains { $0 % 13 == 5 }
    }

    @Test func `A server killed twenty times under load loses no answered event and breaks no count`() async throws {
        let receiver = try await RecordingServer.start { Self.isRefused($0) ? .answer(400) : .answer(200) }
        let shop = Shop(folder: TemporaryFolder(), receiver: receiver)
        var server = try await ServerProcess.start(data: shop.data)
        let token = try #require(server.token)
        try await shop.setUp(server, token: token)
        let load = Load(shop: shop)
        var random = SplitMix(seed: 20_260_301)
        var next = 0
        for round in 1...Self.rounds {
            let pause = Duration.milliseconds(Int.random(in: 30...600, using: &random))
            let (current, first) = (server, next)
            async let sent = load.run(against: current, from: first)
            // The moment of the kill is what the test is about.
            try await Task.sleep(for: pause)
            // Every fifth time the database goes first, and the server with it.
            if round.isMultiple(of: 5) { try killDatabase(of: shop) }
            await current.kill()
            next = await sent
            server = try await ServerProcess.start(data: shop.data)
        }
        let counts = try await shop.settled(server, token: token)
        let arrivals = try Arrivals(receiver.requests.filter { !Self.isRefused($0) })
        // A request that is refused is divided until the bad event stands alone.
        let refused = try Arrivals(receiver.requests.filter { Self.isRefused($0) }, ofEvents: 1)
        let answered = load.answered
        #expect(answered.count > 500, "the load was too small to mean anything: \(answered.count) events")
        #expect(
            answered.subtracting(arrivals.identifiers).subtracting(refused.identifiers).isEmpty,
            "answered events did not arrive"
        )
        let identities = ["duplicates", "filtered", "dropped", "failed", "transformed"]
        #expect(counts["read"] == identities.reduce(0) { $0 + (counts[$1] ?? -1) })
        #expect(counts["accepted"] == (counts["read"] ?? -1) + (counts["expired"] ?? -1))
        #expect(counts["emitted"] == (counts["delivered"] ?? -1) + (counts["deadLettered"] ?? -1))
        #expect(counts["delivered"] == arrivals.identifiers.count)
        #expect(refused.identifiers.count > 20)
        #expect(counts["deadLettered"] == refused.identifiers.count)
        let letters = try await deadLetters(of: shop)
        #expect(letters.count == counts["deadLettered"])
        #expect(Set(letters).count == letters.count, "dead letters stand twice in their table")
        for (user, numbers) in arrivals.numbers {
            #expect(numbers == numbers.sorted(), "first deliveries of user \(user) are out of order")
        }
        #expect(arrivals.addresses.allSatisfy { $0.contains("***") })
        #expect(await server.stop() == 0)
        try await receiver.stop()
    }

    private func killDatabase(of shop: Shop) throws {
        kill(try #require(Int32(try postmaster(of: shop, line: 0))), SIGKILL)
    }

    /// A line of what the private database says of itself while it runs.
    private func postmaster(of shop: Shop, line: Int) throws -> String {
        let file = try String(contentsOfFile: shop.data + "/postgresql/postmaster.pid", encoding: .utf8)
        let lines = file.split(separator: "\n", omittingEmptySubsequences: false)
        return String(try #require(lines.indices.contains(line) ? lines[line] : nil))
    }

    /// The dead letters that are in the database itself, by their places.
    private func deadLetters(of shop: Shop) async throws -> [String] {
        let address = "host='\(try postmaster(of: shop, line: 4))' user=leat dbname=leat"
        let connection = try await Connection.open(ConnectionSettings(address: address))
        let place = "concat_ws(' ', partition_id, consumer_id, event_offset, part)"
        let letters = try await connection.query("SELECT \(place) FROM leat.dead_letter", [])
        await connection.close()
        return try letters.map { try $0.text(0) }
    }
}

/// Users who send one request after the other until the server does not answer any more.
private final class Load: Sendable {
    private static let users = 12
    /// Events of one request.
    private static let events = 5
    /// Requests of one user at most, so that a server that is never killed ends the load too.
    private static let requests = 400

    private let shop: Shop
    private let kept: Mutex<Set<String>> = Mutex([])

    init(shop: Shop) { self.shop = shop }

    /// The message ids of all events that were answered.
    var answered: Set<String> { kept.withLock { $0 } }

    /// Sends events numbered from `first`; returns the first number that nobody has used.
    func run(against server: ServerProcess, from first: Int) async -> Int {
        await withTaskGroup(of: Int.self) { group in
            for user in 0..<Self.users { group.addTask { await self.send(as: user, to: server, from: first) } }
            return await group.reduce(first) { max($0, $1) }
        }
    }

    private func send(as user: Int, to server: ServerProcess, from first: Int) async -> Int {
        var next = first
        for _ in 0..<Self.requests {
            let numbers = next..<next + Self.events
            next = numbers.upperBound
            let answer = await shop.send(numbers.map { Shop.event(user: user, number: $0) }, to: server)
            // Nothing was promised, and what comes later must not overtake it: this user stops here.
            guard answer?.status == 200 else { break }
            kept.withLock { $0.formUnion(numbers.map { "u\(user)-\($0)" }) }
        }
        return next
    }
}
