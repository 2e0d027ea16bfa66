import Catalog
import Delivery
import EventLog
import EventModel
import Testing
import WorkerProtocol

@testable import Pipeline

@Suite(.timeLimit(.minutes(1))) struct LaneDeskTests {
    @Test func `A lane forgets whom a portion met once it had its turn, though its connector saw nothing of it`()
        async throws
    {
        try await Self.withDesk { desk in
            for portion in 0..<20 {
                desk.take(Self.chunk(Int64(portion)..<Int64(portion) + 1), at: .now)
                let begun = desk.takeActions()
                #expect(begun.count == 1 && desk.enlisted == 1)
                desk.machine.transformed(portion, [.drop(reason: "")], at: .now)
                let ended = desk.takeActions()
                #expect(ended.isEmpty && desk.enlisted == 0)
            }
        }
    }

    @Test func `A lane that found nothing reads again if it was called meanwhile, and only then`() async throws {
        try await Self.withDesk { desk in
            #expect(Self.read(&desk) == 0)
            #expect(Self.read(&desk) == nil)
            desk.look()
            desk.take(DecidedChunks(), at: .now)
            #expect(Self.read(&desk) == 0)
            desk.take(DecidedChunks(), at: .now)
            #expect(Self.read(&desk) == nil)
            desk.look()
            #expect(Self.read(&desk) == 0)
        }
    }

    @Test func `A gap too wide to be noted beside what is on its way is passed when that has come to an end`()
        async throws
    {
        try await Self.withDesk { desk in
            let far = LaneProgress.reach * 2
            desk.take(Self.chunk(0..<1), at: .now)
            _ = desk.takeActions()
            desk.look()
            #expect(Self.read(&desk) == 1)
            desk.take(Self.chunk(far..<far + 1), at: .now)
            desk.passGone()
            #expect(Self.read(&desk) == nil && desk.machine.nextOffset == 1)
            desk.machine.transformed(0, [.drop(reason: "")], at: .now)
            desk.passGone()
            #expect(Self.read(&desk) == far && desk.machine.nextOffset == far)
        }
    }

    /// Begins to read, if it is time to, and says from where.
    private static func read(_ desk: inout LaneDesk) -> Int64? { desk.beginReading()?.position.offset }

    /// A read that brought events, each of a user of its own.
    private static func chunk(_ offsets: Range<Int64>) -> DecidedChunks {
        var read = DecidedChunks()
        read.events = offsets.map { offset in
            let json = Array("{}".utf8)[...]
            return LaneEvent(offset: offset, sliceTime: 0, userHash: UInt64(offset), receivedAt: 0, json: json)
        }
        read.chunks = [(offsets.lowerBound, 0, LogPosition(offset: offsets.upperBound, sliceTime: 0))]
        return read
    }

    private static func withDesk(_ body: (inout LaneDesk) throws -> Void) async throws {
        try await Line.with(destination: "http://127.0.0.1:9/") { line in
            var shelf = StageShelf(
                workshop: line.workshop,
                sender: line.sender,
                schedule: RetrySchedule(),
                maySend: { true },
                fleet: Fleet(),
                logger: Line.quiet
            )
            let connection = line.catalog.current.connections[0]
            let blueprint = try #require(LaneBlueprint(connection, in: line.catalog.current))
            let lane = LaneID(partition: line.partitions[0], consumer: line.consumer)
            let machine = LaneMachine(partition: lane.partition, destination: blueprint.destination)
            let start = LaneStart(machine: machine, record: LaneRecord(lane: lane))
            var desk = LaneDesk(start, shelf.plan(blueprint).plan)
            try body(&desk)
        }
    }
}
