import EventLog
import EventModel
import PostgreSQL
import TestSupport
import Testing

/// Clients that stop in the middle of an append.
@Suite struct FrozenAppendTests {
    private static let append = """
        CALL leat.append(
            ARRAY[\(Events.partition.rawValue), \(Events.other.rawValue)], ARRAY[3, 3], ARRAY[9, 9],
            ARRAY[0, 0]::smallint[], ARRAY['abc', 'def']::bytea[], NULL, NULL
        )
        """
    /// What a session that was stopped still keeps others from.
    private static let held = Statement(
        "test.held",
        """
        SELECT count(*) FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation
        WHERE l.pid = $1 AND (l.locktype = 'transactionid' OR c.relnamespace = 'leat'::regnamespace)
        """
    )
    private static let waiting = Statement(
        "test.waiting",
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )

    @Test(.timeLimit(.minutes(2)))
    func `A client that stops after its append was run and before it ends its message holds nobody up`() async throws {
        try await Database.temporary { pool in
            let log = EventLog(pool)
            try await log.openPartitions([Events.partition, Events.other])
            try await RawSession.with(pool.settings) { session in
                try await session.execute(Self.append)
                try await session.wait(for: "C")
                // Now it stands still, as after SIGSTOP between two writes.
                #expect(try await pool.query(Self.held, [.int4(session.processID)])[0].int(0) == 0)
                let drafts = [Events.draft(0..<5), Events.draft(0..<5, partition: Events.other)]
                #expect(try await log.append(drafts).map(\.firstOffset) == [3, 3])
                // What it appended is there, though nobody told it so.
                #expect(try await EventLog(pool).tail(Events.partition).offset == 8)
                try await session.sync()
                try await session.wait(for: "Z")
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func `A client that stops with the row locked would hold everybody up`() async throws
    {
        try await Database.temporary { pool in
            let log = EventLog(pool)
            try await log.openPartitions([Events.partition, Events.other])
            try await RawSession.with(pool.settings) { session in
                let id = Events.partition.rawValue
                try await session.execute("SELECT FROM leat.partition WHERE partition_id = \(id) FOR NO KEY UPDATE")
                try await session.wait(for: "C")
                #expect(try await pool.query(Self.held, [.int4(session.processID)])[0].int(0) > 0)
                async let appended = log.append([Events.draft(0..<5)])
                while try await pool.query(Self.waiting)[0].int(0) == 0 { try await Task.sleep(for: .milliseconds(1)) }
                try await session.sync()
                try await session.wait(for: "Z")
                #expect(try await appended.map(\.firstOffset) == [0])
            }
        }
    }

    @Test func `An append inside somebody's transaction is refused, for its locks would last as long`() async throws {
        try await Database.temporary { pool in
            try await EventLog(pool).openPartitions([Events.partition, Events.other])
            let error = await #expect(throws: PostgreSQLError.self) {
                try await pool.transaction { try await $0.execute(Self.append) }
            }
            guard case .server(let server) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(server.sqlState == "2D000")
            #expect(try await EventLog(pool).tail(Events.partition) == .beginning)
        }
    }

    @Test func `An append leaves the session's planning as it was`() async throws {
        try await Database.temporary(connections: 1) { pool in
            let log = EventLog(pool)
            try await log.openPartitions([Events.partition])
            for round in 0..<8 { _ = try await log.append([Events.draft(round..<round + 1)]) }
            let mode = Statement("test.mode", "SELECT current_setting('plan_cache_mode')")
            #expect(try await pool.query(mode)[0].text(0) == "auto")
        }
    }
}
