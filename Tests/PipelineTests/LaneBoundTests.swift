import Catalog
import Delivery
import EventLog
import EventModel
import PluginHost
import PostgreSQL
import Synchronization
import TestSupport
import Testing

@testable import Pipeline

@Suite(.timeLimit(.minutes(2))) struct LaneBoundTests {
    @Test func `A lane reads nothing that was accepted after its bound, says so, and goes on when the bound is lifted`()
        async throws
    {
        try await Self.withLane { line, run in
            try await line.append(Line.events(6, users: 3), size: 2)
            let times = try await Self.times(line)
            #expect(times.count == 3)
            try await run(times[1]) { lane, plan, server in
                #expect(await server.wait(for: 4))
                try await Self.poll { lane.isAtBound }
                #expect(server.requests.count == 4)
                var lifted = plan
                lifted.bound = .none
                lane.assign(lifted)
                #expect(await server.wait(for: 6))
                try await Self.poll { !lane.isAtBound }
            }
        }
    }

    @Test func `A lane whose bound lies behind the log's end stands at it when nothing earlier can come any more`()
        async throws
    {
        try await Self.withLane { line, run in
            try await line.append(Line.events(2, users: 2), size: 2)
            let until = line.log.databaseTime + 3_000_000
            try await run(until) { lane, _, server in
                #expect(await server.wait(for: 2))
                let isEarly = lane.isAtBound
                #expect(!isEarly || line.log.databaseTime >= until + LaneBound.settling)
                try await Self.poll { lane.isAtBound }
                #expect(line.log.databaseTime >= until + LaneBound.settling)
                // What comes now is behind the bound.
                try await line.append(Line.events(3, users: 3), size: 3)
                lane.post(.look)
                #expect(await !server.wait(for: 3, atMost: .seconds(1)))
                try await Self.poll { lane.isAtBound }
            }
        }
    }

    @Test func `A lane with something under way does not say that it stands at its bound`() async throws {
        try await Self.withLane({ _ in .hold(200) }) { line, run in
            try await line.append(Line.events(2, users: 1), size: 1)
            let first = try await Self.times(line)[0]
            try await run(first) { lane, _, server in
                #expect(await server.wait(for: 1))
                #expect(!lane.isAtBound)
                server.release()
                try await Self.poll { lane.isAtBound }
            }
        }
    }

    private typealias Run = (
        _ until: Int64, _ body: (Lane, LanePlan, RecordingServer) async throws -> Void
    ) async throws -> Void

    /// A lane of its own, without the pipeline around it.
    private static func withLane(
        _ react: @escaping @Sendable (RecordingServer.Request) -> RecordingServer.Reaction = { _ in .answer(200) },
        _ body: (Line, Run) async throws -> Void
    ) async throws {
        try await RecordingServer.with(react) { server in
            try await Line.with(destination: server.url) { line in
                let connection = line.catalog.current.connections[0]
                let blueprint = try #require(LaneBlueprint(connection, in: line.catalog.current, line.catalog.vault))
                try await body(line) { until, body in
                    var bounded = blueprint
                    bounded.until = until
                    try await Self.run(line, bounded, server, body)
                }
            }
        }
    }

    private static func run(
        _ line: Line,
        _ blueprint: LaneBlueprint,
        _ server: RecordingServer,
        _ body: (Lane, LanePlan, RecordingServer) async throws -> Void
    ) async throws {
        var shelf = StageShelf(
            workshop: line.workshop,
            sender: line.sender,
            schedule: RetrySchedule(),
            maySend: { true },
            fleet: Fleet(),
            logger: Line.quiet
        )
        let (plan, courier) = shelf.plan(blueprint, at: line.partitions[0])
        let key = LaneID(partition: line.partitions[0], consumer: line.consumer)
        let machine = LaneMachine(partition: key.partition, destination: blueprint.destination)
        let lane = Lane(
            key,
            start: LaneStart(machine: machine, record: LaneRecord(lane: key)),
            plan: plan,
            feed: PartitionFeed(line.log, key.partition, DuplicateWindow(line.log)),
            log: line.log,
            waits: PluginWaits(),
            logger: Line.quiet
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            if let courier { group.addTask { await courier.run() } }
            group.addTask { await lane.run() }
            defer { group.cancelAll() }
            try await body(lane, plan, server)
            lane.post(.stop(within: .zero))
        }
        for session in shelf.retire(except: []) { await session.stop() }
        shelf.dismiss(except: [])
    }

    private static func times(_ line: Line) async throws -> [Int64] {
        let rows = try await line.pool.query(
            Statement("test_times", "SELECT slice_time FROM leat.chunk WHERE event_count > 0 ORDER BY slice_time")
        )
        return try rows.map { try $0.timestamp(0) }
    }

    private static func poll(_ condition: () -> Bool) async throws {
        while !condition() { try await Task.sleep(for: .milliseconds(10)) }
    }
}
