import EventModel
import PostgreSQL
import TestSupport
import Testing

@Suite struct ConnectionTests {
    @Test func `Every kind of value comes back as it was sent`() async throws {
        try await Database.empty { pool in
            try await pool.withConnection { connection in
                let rows = try await connection.query(
                    Statement(
                        "echo",
                        """
                        SELECT $1::int2, $2::int4, $3::int8, $4::float8, $5::bool, $6::text, $7::bytea, $8::timestamptz,
                               $9::int8[], $10::text[], $11::bytea[], $12::text, $13::jsonb, $14::int4[], $15::bytea
                        """
                    ),
                    [
                        .int2(-2), .int4(70_000), .int8(.min), .float8(-0.25), .bool(true), .text("größer 🌊"),
                        .bytes([0, 255, 1]), .timestamp(1_700_000_000_123_456), .int8Array([1, -1]),
                        .textArray(["a", "", "ü"]), .bytesArray([[], [0, 1]]), .null, .text(#"{"a":1}"#),
                        .int4Array([]), .bytes([]),
                    ]
                )
                let row = try #require(rows.first)
                #expect(try row.int2(0) == -2)
                #expect(try row.int4(1) == 70_000)
                #expect(try row.int8(2) == .min)
                #expect(try row.float8(3) == -0.25)
                #expect(try row.bool(4))
                #expect(try row.text(5) == "größer 🌊")
                #expect(try row.bytes(6) == [0, 255, 1])
                #expect(try row.timestamp(7) == 1_700_000_000_123_456)
                #expect(try row.int8Array(8) == [1, -1])
                #expect(try row.textArray(9) == ["a", "", "ü"])
                #expect(row.isNull(11))
                #expect(try row.textOrNull(11) == nil)
                #expect(try row.text(12) == #"{"a": 1}"#)
                #expect(try row.int8Array(13) == [])
                #expect(try row.bytes(14) == [])
                #expect(throws: PostgreSQLError.self) { try row.int8(5) }
                #expect(throws: PostgreSQLError.self) { try row.text(11) }
                #expect(throws: PostgreSQLError.self) { try row.int8(99) }
            }
        }
    }

    @Test func `An error names the state and the statement but no value`() async throws {
        try await Database.empty { pool in
            try await pool.execute(Statement("table", "CREATE TABLE t (id int8 PRIMARY KEY, name text)"))
            let insert = Statement("insert_t", "INSERT INTO t VALUES ($1, $2)")
            _ = try await pool.query(insert, [.int8(424_242), .text("secret-value")])
            let twice = await #expect(throws: PostgreSQLError.self) {
                try await pool.query(insert, [.int8(424_242), .text("secret-value")])
            }
            #expect(twice?.description.contains("23505") == true)
            #expect(twice?.description.contains("insert_t") == true)
            #expect(twice?.description.contains("424242") == false)
            let cast = await #expect(throws: PostgreSQLError.self) {
                try await pool.query(Statement("cast", "SELECT $1::text::int8"), [.text("secret-value")])
            }
            #expect(cast?.description.contains("22P02") == true)
            #expect(cast?.description.contains("secret") == false)
            #expect(cast?.disposition == .bury)
            let zero = await #expect(throws: PostgreSQLError.self) {
                try await pool.query(Statement("zero", "SELECT $1::text"), [.text("a\0b")])
            }
            #expect(zero == .invalidParameter(query: "zero", index: 0))
        }
    }

    @Test func `An address with a mistake is refused without repeating it`() async throws {
        let error = await #expect(throws: PostgreSQLError.self) {
            try await Connection.open(ConnectionSettings(address: "host=x password=hunter2 nonsense"))
        }
        #expect(error == .invalidAddress)
        #expect(error?.description.contains("hunter2") == false)
    }

    @Test func `A transaction that throws leaves nothing behind`() async throws {
        struct Stop: Error {}
        try await Database.empty { pool in
            try await pool.execute(Statement("table", "CREATE TABLE t (id int8)"))
            await #expect(throws: Stop.self) {
                try await pool.transaction { connection in
                    _ = try await connection.query("INSERT INTO t VALUES (1)")
                    throw Stop()
                }
            }
            try await pool.transaction { connection in
                _ = try await connection.query("INSERT INTO t VALUES (2)")
            }
            let rows = try await pool.query(Statement("all", "SELECT id FROM t"))
            let ids = try rows.map { try $0.int8(0) }
            #expect(ids == [2])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A statement ends on the server when its task is cancelled`() async throws {
        try await Database.empty { pool in
            let task = Task {
                try await pool.query(Statement("wait", "SELECT pg_sleep(600)"))
            }
            let isRunning = Statement(
                "running",
                """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep(%' AND state = 'active'
                """
            )
            while try await pool.query(isRunning)[0].int8(0) == 0 { try await Task.sleep(for: .milliseconds(1)) }
            task.cancel()
            await #expect(throws: PostgreSQLError.cancelled(query: "wait")) { try await task.value }
            let count = try await pool.query(isRunning)[0].int8(0)
            #expect(count == 0)
        }
    }

    @Test func `A statement that takes too long is ended and its connection lives on`() async throws {
        try await Database.empty(connections: 1) { pool in
            let process = Statement("process", "SELECT pg_backend_pid()")
            var settings = pool.settings
            // Hundreds of tests share a few cores.
            settings.cancelGrace = .seconds(60)
            let connection = try await Connection.open(settings)
            let before = try await connection.query(process)[0].int8(0)
            await #expect(throws: PostgreSQLError.timedOut(query: "long")) {
                try await connection.query(Statement("long", "SELECT pg_sleep(600)", timeout: .milliseconds(50)))
            }
            let after = try await connection.query(process)[0].int8(0)
            #expect(after == before)
            await connection.close()
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A statement on a database that hangs ends, and so does its session`()
        async throws
    {
        try await Database.empty { pool in
            try await DatabaseProxy.with(pool.settings) { proxy in
                let connection = try await Connection.open(proxy.settings)
                proxy.freeze()
                let began = ContinuousClock.now
                await #expect(throws: PostgreSQLError.connectionLost(query: "never")) {
                    try await connection.query(Statement("never", "SELECT 1", timeout: .milliseconds(50)))
                }
                #expect(began.duration(to: .now) < .seconds(30))
                #expect(!connection.isClean)
                await connection.close()
            }
        }
    }

    @Test func `A connection that the server ended is replaced`() async throws {
        try await Database.empty(connections: 1) { pool in
            await #expect(throws: PostgreSQLError.connectionLost(query: "end_me")) {
                try await pool.query(Statement("end_me", "SELECT pg_terminate_backend(pg_backend_pid())"))
            }
            let one = try await pool.query(Statement("one", "SELECT 1"))[0].int8(0)
            #expect(one == 1)
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Notifications reach a connection that sleeps`() async throws {
        try await Database.empty { pool in
            let listener = try await Connection.open(pool.settings)
            var notifications = try await listener.listen(["one", "two"]).makeAsyncIterator()
            for text in ["a", "b", "c"] {
                _ = try await pool.query(Statement("notify", "SELECT pg_notify('two', $1)"), [.text(text)])
                #expect(await notifications.next() == Notification(channel: "two", payload: text))
            }
            await listener.close()
            #expect(await notifications.next() == nil)
        }
    }

    @Test func `Rows go in by COPY, and none of them when the sender gives up`() async throws {
        struct Stop: Error {}
        try await Database.empty { pool in
            try await pool.withConnection { connection in
                try await connection.execute("CREATE TABLE t (id int8, name text)")
                let copy = Statement("copy_t", "COPY t FROM STDIN")
                var left = 1000
                let count = try await connection.copyIn(copy) {
                    left -= 1
                    return left < 0 ? nil : Array("\(left)\tname\n".utf8)
                }
                #expect(count == 1000)
                var sent = 0
                await #expect(throws: Stop.self) {
                    try await connection.copyIn(copy) {
                        sent += 1
                        if sent > 10 { throw Stop() }
                        return Array("1\tx\n".utf8)
                    }
                }
                #expect(try await connection.query("SELECT count(*) FROM t")[0].int8(0) == 1000)
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func `Callers of a full pool are served in the order in which they came`()
        async throws
    {
        try await Database.empty(connections: 2) { pool in
            let sum = try await withThrowingTaskGroup(of: Int64.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        try await pool.query(Statement("echo", "SELECT $1::int8"), [.int8(Int64(number))])[0].int8(0)
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(sum == 19_900)
            let sessions = Statement(
                "sessions",
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            )
            let count = try await pool.query(sessions)[0].int8(0)
            #expect(count == 2)
        }
    }
}
