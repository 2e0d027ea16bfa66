import EventLog
import EventModel
import Foundation
import PostgreSQL
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(5))) struct LaneReportTests {
    @Test func `A lane is told with its place, what it has still to read, what waits, and who runs it`() async throws {
        try await LogScene.with { scene in
            let lanes = try await scene.log.laneReports(LaneFilter(), limit: 100)
            #expect(lanes.map(\.connection.rawValue) == [1, 1, 2, 2])
            let lane = lanes[0]
            #expect(lane.partition == scene.partitions[0] && lane.start == 0 && lane.position == 11 && lane.end == 40)
            #expect(lane.settledBeyond == 1 && lane.unread == 29 && lane.parkedEvents == 1 && lane.parkedParts == 1)
            let body = Int64((11..<40).reduce(0) { $0 + Events.text($1).count })
            #expect(abs(lane.bytes - body) <= 10 && !lane.bytesAreEstimate)
            #expect(lane.holder == "node-a" && lane.epoch == 1)
            for (age, state) in [("0 seconds", "reading"), ("1 minute", "silent")] {
                try await scene.execute("UPDATE leat.node SET beat_at = clock_timestamp() - interval '\(age)'")
                #expect(try await scene.log.laneReports(LaneFilter(), limit: 1).first?.state == state)
            }
            let age = try #require(lane.age)
            let lag = try #require(lane.lag)
            #expect(age >= lag && lag >= 0 && age < 600 && (lane.committedAge ?? -1) >= 0)
        }
    }

    @Test func `Lanes can be chosen by source, connection, partition and by what is behind`() async throws {
        try await LogScene.with { scene in
            func count<Value>(_ path: WritableKeyPath<LaneFilter, Value>, _ value: Value) async throws -> Int {
                var filter = LaneFilter()
                filter[keyPath: path] = value
                return try await scene.log.laneReports(filter, limit: 100).count
            }
            let counts = [
                try await count(\.source, scene.source), try await count(\.source, SourceID(rawValue: 99)),
                try await count(\.connection, scene.connections[1]), try await count(\.partition, scene.partitions[1]),
                try await count(\.isBehind, true),
            ]
            #expect(counts == [4, 0, 2, 2, 4])
            try await scene.execute(
                """
                UPDATE leat.checkpoint SET next_offset = 40, read = 40, filtered = 40
                    WHERE consumer_id = 2 AND partition_id = leat.partition_id('1.0.1')
                """
            )
            #expect(try await count(\.isBehind, true) == 3)
            #expect(try await count(\.isBehind, false) == 4)
            #expect(try await scene.log.laneReports(LaneFilter(), limit: 3).count == 3)
        }
    }

    @Test func `The size of a very long backlog is worked out from its beginning`() async throws {
        try await LogScene.with { scene in
            let more = (0..<1100).map { Events.draft($0..<$0 + 1, partition: scene.partitions[1]) }
            _ = try await scene.log.append(more)
            var filter = LaneFilter()
            filter.partition = scene.partitions[1]
            let lane = try #require(try await scene.log.laneReports(filter, limit: 1).first)
            let bytes =
                (0..<40).reduce(0) { $0 + Events.text($1).count } + (0..<1100).reduce(0) { $0 + Events.text($1).count }
            #expect(lane.unread == 1140 && lane.bytesAreEstimate)
            #expect(abs(Double(lane.bytes) / Double(bytes) - 1) < 0.02)
        }
    }

    @Test func `Events of any codec are read in pages from an offset or a time on`() async throws {
        try await LogScene.with { scene in
            let partition = scene.partitions[0]
            for codec in [Codec.none, .zstd] {
                var settings = EventLogSettings()
                settings.codec = codec
                let log = EventLog(scene.pool, settings: settings)
                _ = try await log.append([Events.draft(40..<50, partition: partition)])
            }
            var offset: Int64 = 0
            var texts: [String] = []
            while true {
                let page = try await scene.log.events(partition, from: CatPlace(offset: offset), limit: 7)
                guard let last = page.last else { break }
                #expect(page.count <= 7 && page.first?.offset == offset)
                texts += page.map { String(decoding: $0.body ?? [], as: UTF8.self) }
                offset = last.offset + last.count
            }
            let numbers = Array(0..<50) + Array(40..<50)
            #expect(texts == numbers.map { String(decoding: Events.text($0), as: UTF8.self) })
            let page = try await scene.log.events(partition, from: CatPlace(offset: 33), limit: 2)
            #expect(page.map(\.offset) == [33, 34] && page.map(\.type) == ["track", "track"])
            let since = try await scene.log.events(partition, from: CatPlace(time: page[0].acceptedAt), limit: 1)
            #expect(since.map(\.offset) == [30])
            let later = CatPlace(time: page[0].acceptedAt + 3_600_000_000)
            #expect(try await scene.log.events(partition, from: later, limit: 1).isEmpty)
            let ranges = try await scene.log.partitionReports(scene.source)
            #expect(ranges.map(\.first) == [0, 0] && ranges.map(\.end) == [60, 40])
        }
    }

    @Test func `What cannot be read is told in its place, and what comes after it is read`() async throws {
        try await LogScene.with { scene in
            try await scene.execute(
                """
                UPDATE leat.chunk SET payload = set_byte(payload, 40, get_byte(payload, 40) # 1)
                    WHERE partition_id = leat.partition_id('1.0.0') AND first_offset = 0;
                UPDATE leat.chunk SET payload = set_byte(payload, length(payload) - 1,
                    get_byte(payload, length(payload) - 1) # 1)
                    WHERE partition_id = leat.partition_id('1.0.0') AND first_offset = 10
                """
            )
            let events = try await scene.log.events(scene.partitions[0], from: CatPlace(offset: 4), limit: 100)
            #expect(events[0].offset == 4 && events[0].count == 6 && events[0].type == "damaged")
            #expect(events[1].offset == 10 && events[1].body == nil && events[1].type == "track")
            #expect(events.count == 31 && events.last?.body == Events.text(39))
        }
    }

    @Test func `A place in a partition is found by its offset, whatever the pauses between its events`() async throws {
        try await LogScene.with { scene in
            try await scene.execute(
                """
                UPDATE leat.chunk SET slice_time = to_timestamp(extract(epoch FROM slice_time) - 3000 + first_offset * 60)
                """
            )
            for offset in [0, 9, 10, 25, 39] as [Int64] {
                let found = try await scene.log.events(scene.partitions[1], from: CatPlace(offset: offset), limit: 1)
                #expect(found.map(\.offset) == [offset])
            }
        }
    }

    @Test func `Every query of the page on SQL runs and says something`() async throws {
        let top = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let page = try String(contentsOf: top.appending(path: "docs/sql.md"), encoding: .utf8)
        let queries = page.matches(of: /```sql\n([^`]+)```/).map { String($0.1) }
        #expect(queries.count >= 6)
        try await LogScene.with { scene in
            var settings = EventLogSettings()
            settings.codec = .none
            _ = try await EventLog(scene.pool, settings: settings).append([
                Events.draft(0..<3, partition: scene.partitions[0])
            ])
            for query in queries {
                let isRecipe = query.hasPrefix("CREATE ROLE")
                let text = query.replacing("'a password'", with: "'secret'")
                let rows = try await scene.pool.withConnection { try await $0.execute(text) }
                #expect(isRecipe || !rows.isEmpty, "\(query)")
            }
            // The role of the recipe sees the views and cannot write.
            let seen = try await scene.pool.withConnection { connection in
                try await connection.execute("SET ROLE leat_reader")
                let seen = try await connection.query("SELECT count(*) FROM leat.backlog").first?.int(0)
                await #expect(throws: PostgreSQLError.self) {
                    try await connection.execute("DELETE FROM leat.parked")
                }
                try await connection.execute("RESET ROLE; DROP OWNED BY leat_reader; DROP ROLE leat_reader")
                return seen
            }
            #expect(seen == 4)
        }
    }
}
