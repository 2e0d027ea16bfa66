import Catalog
import Delivery
import EventLog
import EventModel
import Testing
import WorkerProtocol

@testable import Pipeline

@Suite struct LaneDeskTests {
    @Test(.timeLimit(.minutes(1)))
    func `A lane forgets whom a portion met once it had its turn, though its connector saw nothing of it`()
        async throws
    {
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
            for portion in 0..<20 {
                let offset = Int64(portion)
                var read = DecidedChunks()
                let json = Array("{}".utf8)[...]
                read.events = [LaneEvent(offset: offset, sliceTime: 0, userHash: 0, receivedAt: 0, json: json)]
                read.chunks = [(offset, 0, LogPosition(offset: offset + 1, sliceTime: 0))]
                desk.take(read, at: .now)
                #expect(desk.takeActions().count == 1 && desk.enlisted == 1)
                desk.machine.transformed(portion, [.drop(reason: "")], at: .now)
                #expect(desk.takeActions().isEmpty && desk.enlisted == 0)
            }
        }
    }
}
