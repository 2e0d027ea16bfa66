import Catalog
import Delivery
import EventLog
import EventModel
import TestSupport
import Testing
import WorkerProtocol

@testable import Pipeline

@Suite struct LaneDeskTests {
    @Test(.timeLimit(.minutes(1)))
    func `A lane whose events have left the log counts them as expired and goes on`() async throws {
        try await RecordingServer.with({ _ in .answer(200) }) { server in
            try await Line.with(destination: server.url, Line.Shape(remembersChunks: false)) { line in
                try await line.append(Line.events(40, users: 4))
                // What becomes of a quiet partition when its slices go: nothing is left but its next offset.
                try await line.execute(
                    """
                    CREATE TABLE test_gone AS SELECT DISTINCT ON (partition_id) partition_id, slice_time,
                        first_offset + event_count AS next_offset FROM leat.chunk
                        ORDER BY partition_id, slice_time DESC;
                    DELETE FROM leat.chunk;
                    INSERT INTO leat.chunk SELECT partition_id, slice_time + interval '1 microsecond', next_offset,
                        0, 0, 0, '' FROM test_gone
                    """
                )
                let log = EventLog(line.pool)
                let first = try await log.read(line.partitions[0], after: .beginning)
                #expect(first.map(\.count) == [0])
                try await line.running {
                    try await line.wait(for: "expiry") {
                        let counts = try await log.counts(of: line.consumer, line.partitions)
                        return counts.expired == 40 && counts.unread == 0 && counts.counts.read == 0
                    }
                    try await line.append(Array(Line.events(60, users: 4).suffix(20)))
                    try await line.wait(for: "what came later") {
                        let counts = try await log.counts(of: line.consumer, line.partitions)
                        return counts.accepted == 60 && counts.expired == 40 && counts.unread == 0
                            && counts.counts.read == 20
                    }
                }
            }
        }
    }

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
