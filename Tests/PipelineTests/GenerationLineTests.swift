import Catalog
import EventLog
import EventModel
import Foundation
import Pipeline
import PostgreSQL
import Synchronization
import TestSupport
import Testing

/// Lanes before a real database while the number of partitions changes.
@Suite(.timeLimit(.minutes(5))) struct GenerationLineTests {
    private static let users = 30

    /// What each user's events were first taken as.
    private final class Taken: Sendable {
        private let state = Mutex<(seen: Set<Int>, order: [String: [Int]])>(([], [:]))

        func add(_ event: ReceivedEvent) {
            state.withLock { state in
                if state.seen.insert(event.n).inserted { state.order[event.user, default: []].append(event.n) }
            }
        }

        var order: [String: [Int]] { state.withLock { $0.order } }
    }

    @Test func `Partitions change under load while users are parked, and everything arrives once and in order`()
        async throws
    {
        let poison = Mutex<Set<Int>>([3, 44, 205])
        let taken = Taken()
        try await RecordingServer.with({ request in
            guard let event = request.event else { return .answer(400) }
            if poison.withLock({ $0.contains(event.n) }) { return .answer(500) }
            taken.add(event)
            return .answer(200)
        }) { server in
            try await Line.with(destination: server.url, .init(partitions: 4, retries: 1_000)) { line in
                try await line.running {
                    var sent = 0
                    func send(_ count: Int) async throws {
                        let events = Line.events(sent + count, users: Self.users)[sent...]
                        try await line.appendAnywhere(Array(events))
                        sent += count
                    }
                    try await send(300)
                    try await line.wait(for: "three parked users") { try await line.parkedUsers() == 3 }
                    try await line.change(to: 7)
                    try await send(300)
                    // Those who are not parked go on in the new partitions beside those who are.
                    try await line.wait(for: "the others") {
                        taken.order.values.joined().count == 540 + (3 / 30 + 44 / 30 + 205 / 30)
                    }
                    #expect(try await line.parkedUsers() == 3)
                    try await line.change(to: 2)
                    try await send(300)
                    try await line.wait(for: "the others again") {
                        taken.order.values.joined().count == 810 + (3 / 30 + 44 / 30 + 205 / 30)
                    }
                    // Events of the held users wait in all three generations.
                    try await line.wait(for: "all three") { try await line.parkedGenerations() == [0, 1, 2] }
                    poison.withLock { $0 = [] }
                    let all = line.catalog.current.sources[0].allPartitionIDs
                    try await line.wait(for: "everything") {
                        let counts = try await line.log.counts(of: line.consumer, all)
                        return counts.counts.delivered == 900 && counts.unread == 0
                    }
                    #expect(try await line.count("parked") == 0)
                }
            }
        }
        #expect(taken.order.count == Self.users)
        for (user, numbers) in taken.order {
            let first = try #require(Int(user.dropFirst()))
            #expect(numbers == Array(stride(from: first, to: 900, by: Self.users)), "user \(user)")
        }
    }

    @Test func `A newer generation begins when the older is read to its end, also after restarts between`() async throws
    {
        let isDown = Mutex(true)
        let taken = Taken()
        try await RecordingServer.with({ request in
            guard let event = request.event, !isDown.withLock({ $0 }) else { return .answer(503) }
            taken.add(event)
            return .answer(200)
        }) { server in
            try await Line.with(destination: server.url, .init(partitions: 3)) { line in
                for (round, partitions) in [5, 1, 4].enumerated() {
                    try await line.running {
                        let events = Line.events((round + 1) * 200, users: Self.users)[(round * 200)...]
                        try await line.appendAnywhere(Array(events))
                        try await line.change(to: partitions)
                        #expect(await server.wait(for: 1))
                    }
                }
                #expect(taken.order.isEmpty)
                isDown.withLock { $0 = false }
                try await line.running {
                    try await line.appendAnywhere(Array(Line.events(800, users: Self.users)[600...]))
                    let all = line.catalog.current.sources[0].allPartitionIDs
                    try await line.wait(for: "everything") {
                        try await line.log.counts(of: line.consumer, all).counts.delivered == 800
                    }
                    // The lanes of what is closed have nothing left, so their partitions need nobody.
                    let lanes = all.map { LaneID(partition: $0, consumer: line.consumer) }
                    #expect(try await line.log.unfinished(lanes.filter { $0.partition.generation < 3 }).isEmpty)
                    // Their events leave the log, and then they are put away, while everything goes on.
                    try await line.pool.execute(
                        Statement("test.expire", "DELETE FROM leat.chunk WHERE (partition_id >> 8) & 65535 < 3")
                    )
                    try await line.log.upkeep(for: nil)
                    try await line.catalog.reload()
                    let source = line.catalog.current.sources[0]
                    #expect(source.closed.isEmpty && source.generation == 3)
                    try await line.appendAnywhere(Array(Line.events(900, users: Self.users)[800...]))
                    try await line.wait(for: "everything once more") {
                        let counts = try await line.log.counts(of: line.consumer, source.allPartitionIDs)
                        return counts.counts.delivered == 900 && counts.accepted == 900 && counts.unread == 0
                    }
                }
                // A connection that comes now has nothing to do with what is closed.
                let (second, _) = try await line.connect(to: server.url)
                let lanes = "SELECT partition_id FROM leat.checkpoint WHERE consumer_id = $1"
                let beginnings = Statement("test.lanes", lanes)
                let begun = try await line.pool.query(beginnings, [.int8(second.rawValue)])
                #expect(
                    Set(try begun.map { PartitionID(rawValue: try $0.int8(0)) })
                        == Set(line.catalog.current.sources[0].partitionIDs)
                )
            }
        }
        for (user, numbers) in taken.order {
            let first = try #require(Int(user.dropFirst()))
            #expect(numbers == Array(stride(from: first, to: 900, by: Self.users)), "user \(user)")
        }
    }

    @Test func `What leaves the log before it is read counts as expired and does not keep newer generations waiting`()
        async throws
    {
        let isDown = Mutex(true)
        try await RecordingServer.with({ _ in isDown.withLock { $0 } ? .answer(503) : .answer(200) }) { server in
            try await Line.with(destination: server.url, .init(partitions: 1, remembersChunks: false)) { line in
                try await line.appendAnywhere(Line.events(100, users: Self.users))
                try await line.change(to: 3)
                try await line.appendAnywhere(Array(Line.events(160, users: Self.users)[100...]))
                // The second half of the closed partition goes, with everything behind which a reader would notice it.
                try await line.pool.execute(
                    Statement(
                        "test.gone",
                        "DELETE FROM leat.chunk WHERE (partition_id >> 8) & 65535 = 0 AND first_offset >= 50"
                    )
                )
                try await line.running {
                    #expect(await server.wait(for: 1))
                    isDown.withLock { $0 = false }
                    let all = line.catalog.current.sources[0].allPartitionIDs
                    try await line.wait(for: "the new generation") {
                        try await line.log.counts(of: line.consumer, all).counts.delivered == 110
                    }
                    let counts = try await line.log.counts(of: line.consumer, all)
                    #expect(counts.expired == 50 && counts.counts.reconcile)
                }
            }
        }
    }

    @Test func `An event that is sent again after a change is found, and a connection that is off keeps what it has`()
        async throws
    {
        try await RecordingServer.with { server in
            try await Line.with(destination: server.url, .init(partitions: 4)) { line in
                try await line.running {
                    let events = Line.events(200, users: Self.users)
                    try await line.appendAnywhere(events)
                    try await line.switchConnection(on: false)
                    try await line.change(to: 7)
                    try await line.appendAnywhere(events)
                    try await line.change(to: 3)
                    try await line.switchConnection(on: true)
                    try await line.appendAnywhere(events + Line.events(210, users: Self.users)[200...])
                    let all = line.catalog.current.sources[0].allPartitionIDs
                    try await line.wait(for: "everything") {
                        try await line.log.counts(of: line.consumer, all).unread == 0
                    }
                    let counts = try await line.log.counts(of: line.consumer, all)
                    #expect(counts.accepted == 610 && counts.counts.duplicates == 400)
                    #expect(counts.counts.delivered == 210 && counts.counts.reconcile)
                }
            }
            #expect(server.requests.count == 210)
        }
    }
}

extension Line {
    /// Changes the number of the source's partitions, as `leat apply` does.
    func change(to partitions: Int) async throws {
        let wanted = try Self.declaration("sources: [{name: shop, partitions: \(partitions)}]")
        _ = try await catalog.apply(wanted, by: "test")
    }

    func switchConnection(on isOn: Bool) async throws {
        try await declare("transformations: [{plugin: test.events}], enabled: \(isOn)")
    }

    /// Appends events to the partitions that take them now.
    func appendAnywhere(_ events: [Event]) async throws {
        let generation = catalog.current.sources[0].current
        try await append(events, to: generation.partitionIDs)
    }

    func parkedUsers() async throws -> Int {
        let users = Statement("test.users", "SELECT count(DISTINCT user_hash) FROM leat.parked")
        return try await pool.query(users)[0].int(0)
    }

    /// The generations in which something is parked.
    func parkedGenerations() async throws -> [Int] {
        let text = "SELECT DISTINCT (partition_id >> 8) & 65535 FROM leat.parked ORDER BY 1"
        return try await pool.query(Statement("test.generations", text)).map { try $0.int(0) }
    }
}
