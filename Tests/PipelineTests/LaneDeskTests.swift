import Catalog
import Conditions
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
            desk.passGone(at: .now)
            #expect(Self.read(&desk) == nil && desk.machine.nextOffset == 1)
            desk.machine.transformed(0, [.drop(reason: "")], at: .now)
            desk.passGone(at: .now)
            #expect(Self.read(&desk) == far && desk.machine.nextOffset == far)
        }
    }

    @Test func `Events wait for more until there are as many as a request holds, or for as long as was said`()
        async throws
    {
        let limits = DestinationLimits(batchEvents: 10, linger: .seconds(2))
        try await Self.withDesk(limits) { desk in
            var now = Moment(instant: .now, wall: 1_000_000)
            #expect(desk.nextDue == nil)
            desk.take(Self.chunk(0..<4), at: now)
            #expect(desk.machine.nextOffset == 0 && desk.gathered.count == 4 && desk.nextDue == 3_000_000)
            // More is read meanwhile, and the wait is that of the first.
            now.wall += 1_000_000
            desk.look()
            #expect(Self.read(&desk) == 4)
            desk.take(Self.chunk(4..<6), at: now)
            #expect(desk.gathered.count == 6 && desk.nextDue == 3_000_000)
            now.wall += 1_000_000
            desk.linger(at: now)
            #expect(desk.machine.nextOffset == 6 && desk.gathered.count == 0 && desk.nextDue == nil)
            desk.look()
            _ = Self.read(&desk)
            desk.take(Self.chunk(6..<16), at: now)
            #expect(desk.machine.nextOffset == 16 && desk.gathered.count == 0, "as many as a request holds do not wait")
            // What nobody wants waits for nothing.
            desk.look()
            _ = Self.read(&desk)
            var filtered = Self.chunk(16..<17)
            filtered.events[0].choice = .filtered(.filter)
            desk.take(filtered, at: now)
            #expect(desk.machine.nextOffset == 17 && desk.nextDue == nil)
        }
    }

    @Test func `What waits for more goes on before a gap, and when lingering is taken away`() async throws {
        try await Self.withDesk(DestinationLimits(linger: .seconds(2))) { desk in
            let now = Moment(instant: .now, wall: 0)
            desk.take(Self.chunk(0..<3), at: now)
            desk.look()
            #expect(Self.read(&desk) == 3)
            desk.take(Self.chunk(7..<9), at: now)
            #expect(desk.machine.nextOffset == 7 && desk.machine.progress.expired == 4 && desk.gathered.count == 2)
            desk.look()
            desk.gone = 12
            desk.passGone(at: now)
            #expect(desk.machine.nextOffset == 12 && desk.machine.progress.expired == 7 && desk.gathered.count == 0)
            #expect(Self.read(&desk) == 12)
            desk.take(Self.chunk(12..<13), at: now)
            var plan = desk.plan
            plan.limits.linger = nil
            let isOther = desk.assign((plan, 1))
            desk.linger(at: now)
            #expect(!isOther && desk.machine.nextOffset == 13 && desk.gathered.count == 0)
            plan.limits.batchEvents = 5
            let isTighter = desk.assign((plan, 2))
            #expect(isTighter, "requests that may be too large are built again")
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

    private static func withDesk(
        _ limits: DestinationLimits = .standard,
        _ body: (inout LaneDesk) throws -> Void
    ) async throws {
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
            var blueprint = try #require(LaneBlueprint(connection, in: line.catalog.current, line.catalog.vault))
            blueprint.limits = limits
            let lane = LaneID(partition: line.partitions[0], consumer: line.consumer)
            let machine = LaneMachine(partition: lane.partition, destination: blueprint.destination)
            let start = LaneStart(machine: machine, record: LaneRecord(lane: lane))
            var desk = LaneDesk(start, shelf.plan(blueprint, at: lane.partition).plan)
            try body(&desk)
        }
    }
}
