import EventModel
import PostgreSQL
import TestSupport
import Testing

@testable import EventLog

@Suite(.timeLimit(.minutes(5))) struct AuditTests {
    @Test(arguments: [false, true]) func `A log in order passes every check, and the audit says how much it looked at`(
        isDeep: Bool
    ) async throws {
        try await LogScene.with { scene in
            let report = try await scene.audit(deep: isDeep)
            #expect(report.faults == [])
            #expect(report.isComplete && report.partitions == 2)
            let looked = Dictionary(uniqueKeysWithValues: report.checks.map { ($0.name, $0.looked) })
            #expect(looked["chunks"] == 8 && looked["directories"] == 8 && looked["lanes"] == 4)
            #expect(looked["bodies"] == (isDeep ? 8 : nil))
            #expect(looked["parked"] == 2 && looked["dead letters"] == 2 && looked["checkpoints"] == 6)
        }
    }

    /// What is done to the log, where the audit finds it, and a part of what it says.
    struct Damage: Sendable, CustomTestStringConvertible {
        let sql: String
        let check: String
        let words: String
        var place = "partition 1.0.0"
        var isDeep = false
        var testDescription: String { words }
    }

    private static let chunk = "partition_id = leat.partition_id('1.0.0') AND first_offset = 10"
    private static let lane = "partition_id = leat.partition_id('1.0.0') AND consumer_id = 1"
    private static let last = "\(lane) AND commit_number = 2"

    private static let stranger = """
        INSERT INTO leat.checkpoint
        SELECT partition_id, 9, written_at, epoch, commit_number, start_offset, next_offset, slice_time, settled,
            expired, read, duplicates, filtered, dropped, failed, transformed, emitted, delivered, dead_lettered, waiting
        FROM leat.checkpoint WHERE \(last)
        """

    static let damages = [
        Damage(sql: "DELETE FROM leat.chunk WHERE \(chunk)", check: "chunks", words: "offsets 10 to 19 are missing"),
        Damage(
            sql: """
                INSERT INTO leat.chunk SELECT partition_id, clock_timestamp(), first_offset, event_count, byte_count, codec,
                    payload FROM leat.chunk WHERE \(chunk)
                """,
            check: "chunks",
            words: "the chunk at offset 10 begins before 40"
        ),
        Damage(
            sql: "UPDATE leat.chunk SET slice_time = slice_time + interval '1 second' WHERE \(chunk)",
            check: "chunks",
            words: "offsets 10 to 19 are missing"
        ),
        Damage(
            sql: "UPDATE leat.chunk SET event_count = 9 WHERE \(chunk)",
            check: "directories",
            words: "has 9 events by its row and 10 by its head"
        ),
        Damage(
            sql: "UPDATE leat.chunk SET byte_count = byte_count + 1 WHERE \(chunk)",
            check: "directories",
            words: "bytes by its row"
        ),
        Damage(
            sql: "UPDATE leat.chunk SET codec = 2 WHERE \(chunk)",
            check: "directories",
            words: "has codec 2 by its row and 1 by its head"
        ),
        Damage(
            sql: "UPDATE leat.chunk SET payload = substring(payload FROM 1 FOR 100) WHERE \(chunk)",
            check: "directories",
            words: "is 100 bytes long instead of"
        ),
        Damage(
            sql: "UPDATE leat.chunk SET payload = 'XX' WHERE \(chunk)",
            check: "directories",
            words: "does not begin like one"
        ),
        Damage(
            sql: "UPDATE leat.chunk SET payload = set_byte(payload, 40, get_byte(payload, 40) # 1) WHERE \(chunk)",
            check: "bodies",
            words: "its directory has changed",
            isDeep: true
        ),
        Damage(
            sql: """
                UPDATE leat.chunk SET payload = set_byte(payload, length(payload) - 1,
                    get_byte(payload, length(payload) - 1) # 1) WHERE \(chunk)
                """,
            check: "bodies",
            words: "its bodies have changed",
            isDeep: true
        ),
        Damage(
            sql: "DELETE FROM leat.checkpoint WHERE \(lane)",
            check: "lanes",
            words: "connection 1 has no checkpoint here"
        ),
        Damage(
            sql: stranger,
            check: "lanes",
            words: "connection 9 was removed or never was"
        ),
        Damage(
            sql: "UPDATE leat.checkpoint SET read = read + 1, filtered = 1 WHERE \(last)",
            check: "counts",
            words: "accepted 40 is not read 12 + unread 29 + expired 0"
        ),
        Damage(
            sql: "UPDATE leat.checkpoint SET settled = '\\x06' WHERE \(last)",
            check: "counts",
            words: "accepted 40 is not read 11 + unread 28 + expired 0"
        ),
        Damage(
            sql: "UPDATE leat.checkpoint SET settled = settled || '\\x00000080' WHERE \(last)",
            check: "counts",
            words: "calls offset 50 settled, but the partition ends at 40"
        ),
        Damage(
            sql: "UPDATE leat.checkpoint SET expired = 1 WHERE \(last)",
            check: "counts",
            words: "accepted 40 is not read 11 + unread 29 + expired 1"
        ),
        Damage(
            sql: "DELETE FROM leat.parked WHERE \(lane) AND part = 1",
            check: "parked",
            words: "waiting 1 is not the 0 parts that are parked"
        ),
        Damage(
            sql: "DELETE FROM leat.parked WHERE \(lane) AND part = -1",
            check: "counts",
            words: "of which 0 are parked"
        ),
        Damage(
            sql: "UPDATE leat.parked SET event_offset = 20 WHERE \(lane) AND part = -1",
            check: "parked",
            words: "1 parked rows are of events that the lane has still to read"
        ),
        Damage(
            sql: "UPDATE leat.parked SET event_offset = 99 WHERE \(lane) AND part = 1",
            check: "parked",
            words: "1 parked rows lie outside of 0 to 39"
        ),
        Damage(
            sql: "DELETE FROM leat.dead_letter WHERE part = 0",
            check: "dead letters",
            words: "0 dead letters of parts are kept and 1 were counted"
        ),
        Damage(
            sql: "UPDATE leat.dead_letter SET part = 3 WHERE part = -1",
            check: "dead letters",
            words: "2 dead letters of parts are kept and 1 were counted"
        ),
        Damage(
            sql: "UPDATE leat.checkpoint SET next_offset = 30 WHERE \(lane) AND commit_number = 1",
            check: "checkpoints",
            words: "the position changes backwards"
        ),
        Damage(
            sql: "UPDATE leat.lease SET node_id = 4711",
            check: "leases",
            words: "names node 4711, which is not known"
        ),
        Damage(
            sql: "UPDATE leat.checkpoint SET epoch = 7 WHERE \(last)",
            check: "leases",
            words: "its last commit is of epoch 7, but the lease's is 1"
        ),
    ]

    @Test(arguments: damages) func `Damage is named with its place`(_ damage: Damage) async throws {
        try await LogScene.with { scene in
            try await scene.execute(damage.sql)
            let report = try await scene.audit(deep: damage.isDeep)
            let found = report.faults.filter { $0.check == damage.check && $0.sentence.contains(damage.words) }
            #expect(found.first?.place.hasPrefix(damage.place) == true, "\(report.faults)")
            #expect(report.checks.first { $0.name == damage.check }?.faults ?? 0 > 0)
        }
    }

    @Test func `Sums that the tables themselves refuse are found where a table was changed`() throws {
        var lane = LaneAudit()
        (lane.end, lane.next, lane.epoch, lane.leaseEpoch) = (10, 10, 1, 1)
        lane.counts.read = 10
        lane.counts.delivered = 1
        #expect(
            lane.faults.map(\.sentence) == [
                "read 10 is not the 0 that something became of", "emitted 0 is not delivered + dead + waiting, 1",
            ]
        )
        lane.counts.duplicates = 11
        lane.counts.dropped = -1
        lane.counts.emitted = 1
        #expect(lane.faults.map(\.sentence) == ["one of its counts is below 0"])
    }

    @Test func `A lane whose dead letters have had their time owes none of them`() {
        var lane = LaneAudit()
        lane.counts.failed = 5
        lane.counts.read = 5
        (lane.end, lane.next, lane.deadEvents) = (5, 5, 3)
        #expect(lane.faults.isEmpty)
        lane.keepsDeadLetters = true
        #expect(lane.faults.map(\.sentence) == ["3 dead letters of events are kept and 5 were counted"])
    }

    @Test func `An audit that has no time says that it is not complete`() async throws {
        try await LogScene.with { scene in
            let report = try await scene.log.audit(nil, isDeep: false, within: .milliseconds(1))
            #expect(!report.isComplete && report.partitions == 0)
        }
    }

    @Test func `A partition is looked at as of one moment, whatever is appended meanwhile`() async throws {
        try await LogScene.with { scene in
            try await scene.pool.transaction { connection in
                var auditor = Auditor(connection, isDeep: false, end: .now + .seconds(60))
                #expect(try await auditor.check(scene.partitions[0]))
                // What comes after the moment is not seen.
                _ = try await scene.log.append([Events.draft(40..<50, partition: scene.partitions[0])])
                auditor.report = AuditReport(checks: Auditor.checks)
                try await auditor.checkChunks(scene.partitions[0])
                #expect(auditor.report.checks.first { $0.name == "chunks" }?.looked == 4)
            }
        }
    }

    @Test func `A slice goes while an audit is under way, and the audit goes on`() async throws {
        try await LogScene.with { scene in
            let oldest = try #require(try await scene.log.slices.survey("chunk").attached.first).slice
            let begin = "to_timestamp(\(oldest.lower)) + first_offset * interval '1 microsecond'"
            try await scene.execute("UPDATE leat.chunk SET slice_time = \(begin) WHERE first_offset < 20")
            let connection = try await Connection.open(scene.pool.settings)
            var auditor = Auditor(connection, isDeep: true, end: .now + .seconds(60))
            #expect(try await auditor.take(scene.partitions[0]))
            try await auditor.readAll(scene.partitions[0])
            #expect(try await scene.log.slices.drop(oldest))
            #expect(try await auditor.take(scene.partitions[1]))
            // Four chunks of the first partition, and of the second those that did not go with the slice.
            #expect(auditor.report.checks.first { $0.name == "chunks" }?.looked == 6)
            #expect(auditor.report.faults == [])
            // A partition that was put away meanwhile is none any more.
            #expect(try await !auditor.take(PartitionID(source: SourceID(rawValue: 99), generation: 0, number: 0)))
            await connection.close()
        }
    }

    /// What is done to what is kept of a generation that was put away, and what the audit says of it.
    static let retiredDamages = [
        ("DELETE FROM leat.retired_lanes WHERE consumer_id = 1", "nothing is kept of what it counted"),
        (
            "UPDATE leat.retired_lanes SET accepted = 39, expired = 4",
            "accepted 39, but the generation ended with 40 events"
        ),
        (
            "UPDATE leat.retired_lanes SET accepted = 41, expired = 6",
            "accepted 41, but the generation ended with 40 events"
        ),
        ("UPDATE leat.retired_lanes SET expired = 6", "accepted 40 is not read 35 + expired 6"),
        ("UPDATE leat.retired_lanes SET dropped = 9", "read 35 is not the 36 that something became of"),
        ("UPDATE leat.retired_lanes SET delivered = 18", "emitted 20 is not delivered + dead, 21"),
        (
            "UPDATE leat.retired_lanes SET failed = -1, filtered = filtered + 4",
            "one of its counts is below 0"
        ),
    ]

    @Test func `What is kept of a generation that was put away is held against the rules`() async throws {
        try await LogScene.with { scene in
            // Of a source with one connection from the beginning, and one that came later.
            try await scene.execute(
                """
                UPDATE leat.connection SET created_at = created_at - interval '1 hour' WHERE connection_id = 1;
                INSERT INTO leat.generation (
                    source_id, generation, partitions, opened_at, closed_at, end_offsets, end_times, retired_at
                ) VALUES (
                    1, 7, 2, now() - interval '30 minutes', now() - interval '20 minutes', '{30,10}',
                    ARRAY[now(), now()], now()
                );
                INSERT INTO leat.retired_lanes VALUES (1, 1, 7, 40, 5, 35, 3, 4, 8, 3, 17, 20, 17, 3);
                ALTER TABLE leat.retired_lanes DROP CONSTRAINT retired_lanes_check,
                    DROP CONSTRAINT retired_lanes_check1, DROP CONSTRAINT retired_lanes_check2
                """
            )
            let sound = try await scene.audit()
            #expect(sound.faults == [])
            #expect(sound.checks.first { $0.name == "retired" }?.looked == 1)
            for (sql, words) in Self.retiredDamages {
                try await scene.execute("CREATE TABLE kept AS SELECT * FROM leat.retired_lanes; \(sql)")
                let faults = try await scene.audit().faults
                #expect(faults.count >= 1)
                #expect(
                    faults.contains {
                        $0.check == "retired" && $0.place == "generation 1.7, connection 1" && $0.sentence == words
                    },
                    "\(words): \(faults)"
                )
                try await scene.execute(
                    """
                    DELETE FROM leat.retired_lanes; INSERT INTO leat.retired_lanes SELECT * FROM kept; DROP TABLE kept
                    """
                )
            }
            // One that came later has some of it, and none of what was before.
            try await scene.execute("UPDATE leat.connection SET created_at = now() WHERE connection_id = 1")
            try await scene.execute("UPDATE leat.retired_lanes SET accepted = 39, read = 34, dropped = 7")
            #expect(try await scene.audit().faults == [])
        }
    }
}
