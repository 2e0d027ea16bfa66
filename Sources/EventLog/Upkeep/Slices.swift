import EventModel
import PostgreSQL

/// Makes and drops slices without standing in anybody's way.
///
/// Nothing here ever waits for a lock that an append or a reader would then queue behind, and no lock outlives one
/// statement, so a node that stops between two of them holds nobody up. Making attaches a table of its own, which
/// locks the parent only against its like. Dropping detaches concurrently: PostgreSQL takes the slice out of sight, waits
/// beside everybody's way until those who had seen it are done (a dump, a long report), and only then locks the slice
/// alone. What cannot be ended at once is ended by a later round, of this node or of another.
struct Slices: Sendable {
    private let pool: ConnectionPool
    private let tables: [SlicedTable]

    /// How often making a slice is tried again while another node is at it, and the pause between.
    private static let attempts = 50
    private static let pause = Duration.milliseconds(100)

    private static let now = Statement("slices_now", "SELECT extract(epoch FROM clock_timestamp())::float8")
    private static let survey = Statement("survey", "SELECT kind, name, state, bytes, is_measured FROM leat.survey()")
    private static let make = Statement(
        "make_slice",
        "SELECT leat.make_slice($1::text, $2, $3)",
        isCancellable: false
    )
    private static let measure = Statement(
        "measure_slice",
        "SELECT leat.measure_slice($1, $2)",
        timeout: .seconds(600)
    )
    private static let isSpread = Statement("slice_is_spread", "SELECT leat.is_spread($1::text::regclass)")
    /// How long one statement of a drop may wait; nobody but makers of slices waits meanwhile.
    private let hurry: Statement
    private static let calm = Statement("slice_calm", "RESET lock_timeout")
    /// The same for a detachment that locks the whole table, and how long that may take on other machines.
    private static let greatHurry = Statement("slice_great_hurry", "SET lock_timeout = '50ms'")
    fileprivate static let detachAtOnce = "slice_detach_at_once"
    private static let detachTime = Duration.seconds(3)

    init(_ pool: ConnectionPool, _ settings: EventLogSettings) {
        self.pool = pool
        let patience = settings.dropPatience.microseconds / 1000
        hurry = Statement("slice_hurry", "SET lock_timeout = '\(patience)ms'")
        tables = [
            SlicedTable(
                name: "chunk",
                length: settings.sliceLength.components.seconds,
                ahead: Int64(settings.slicesAhead)
            ),
            SlicedTable(name: "checkpoint", length: 3600, ahead: 3),
            SlicedTable(name: "dead_letter", length: 86_400, ahead: 2),
            SlicedTable(name: "trace", length: 86_400, ahead: 2),
        ]
    }

    /// Makes the slices that will be needed next.
    func makeAhead() async throws(EventLogError) { _ = try await make(after: try await look()) }

    /// Makes the slices that are missing by this look; false if none was.
    func make(after survey: Survey) async throws(EventLogError) -> Bool {
        var survey = survey
        var hasMade = false
        for attempt in 1...Self.attempts {
            do throws(EventLogError) {
                for table in tables {
                    let there = survey[table.name].attached.map(\.slice)
                    for slice in Slice.missing(table, existing: there, now: survey.now / 1_000_000) {
                        hasMade = true
                        try await make(slice)
                    }
                }
                return hasMade
            } catch {
                guard error.isOthersWork, attempt < Self.attempts else { throw error }
                try? await Task.sleep(for: Self.pause)
            }
            survey = try await look()
        }
        return hasMade
    }

    /// How everything stands that a round of upkeep looks after.
    func look() async throws(EventLogError) -> Survey {
        try await translated { () async throws(PostgreSQLError) in
            try Survey(try await pool.query(Self.survey))
        }
    }

    /// The slices of a table as they stand now.
    func survey(_ table: String) async throws(EventLogError) -> SliceSurvey { try await look()[table] }

    /// The time by PostgreSQL's clock, which rules the slices.
    /// - Unit: microseconds since 1970.
    func time() async throws(EventLogError) -> Int64 {
        try await translated { () async throws(PostgreSQLError) in
            Int64(try await pool.query(Self.now)[0].float8(0) * 1_000_000)
        }
    }

    /// Notes the size of a slice of the log that is over; once, whoever asks.
    func measure(_ slice: Slice) async throws(EventLogError) {
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(Self.measure, [.int8(slice.lower), .int8(slice.upper)])
        }
    }

    /// Takes a slice out of its table and drops it; false if somebody who uses it does not let it go yet.
    ///
    /// Then its detachment stays begun, nobody new sees it, and ``finish(_:)`` ends it in a later round.
    func drop(_ slice: Slice) async throws(EventLogError) -> Bool {
        do throws(EventLogError) {
            if try await isSpread(slice.table) { return try await dropAtOnce(slice) }
            let sql = "ALTER TABLE leat.\(slice.table) DETACH PARTITION leat.\(slice.name) CONCURRENTLY"
            guard try await patiently(Statement("slice_detach", sql, isCancellable: false)) else { return false }
        } catch {
            guard error.isNoConcurrency else { throw error }
            // Another node's is under way, and there is one at a time.
            guard try await survey(slice.table).leaving.isEmpty else { return false }
            return try await dropAtOnce(slice)
        }
        return try await dropLoose(slice)
    }

    /// Takes a slice out and drops it where it cannot be detached beside the others' way, as beside a slice for all the rest
    /// or on a cluster of machines: at once or not at all.
    private func dropAtOnce(_ slice: Slice) async throws(EventLogError) -> Bool {
        let sql = "ALTER TABLE leat.\(slice.table) DETACH PARTITION leat.\(slice.name)"
        let atOnce = Statement(Self.detachAtOnce, sql, isCancellable: false, timeout: Self.detachTime)
        guard try await patiently(atOnce, hurry: Self.greatHurry) else { return false }
        return try await dropLoose(slice)
    }

    private func isSpread(_ table: String) async throws(EventLogError) -> Bool {
        try await translated { () async throws(PostgreSQLError) in
            try await pool.query(Self.isSpread, [.text("leat.\(table)")]).first?.bool(0) ?? false
        }
    }

    /// Ends a detachment that was begun, and drops the slice; false if that must wait.
    func finish(_ slice: Slice) async throws(EventLogError) -> Bool {
        let sql = "ALTER TABLE leat.\(slice.table) DETACH PARTITION leat.\(slice.name) FINALIZE"
        guard try await patiently(Statement("slice_finalize", sql, isCancellable: false)) else { return false }
        return try await dropLoose(slice)
    }

    /// Drops a table that is no slice any more; false if that must wait.
    func dropLoose(_ slice: Slice) async throws(EventLogError) -> Bool {
        let sql = "DROP TABLE IF EXISTS leat.\(slice.name)"
        return try await patiently(Statement("slice_drop", sql, isCancellable: false))
    }

    private func make(_ slice: Slice) async throws(EventLogError) {
        _ = try await translated { () async throws(PostgreSQLError) in
            try await pool.query(Self.make, [.text(slice.table), .int8(slice.lower), .int8(slice.upper)])
        }
    }

    /// Runs a statement by itself; false if somebody holds what it needs, or another node was faster.
    private func patiently(_ statement: Statement, hurry: Statement? = nil) async throws(EventLogError) -> Bool {
        do {
            try await pool.withConnection { connection in
                try await connection.execute(hurry ?? self.hurry)
                do {
                    try await connection.execute(statement)
                    try await connection.execute(Self.calm)
                } catch {
                    _ = try? await connection.execute(Self.calm)
                    throw error
                }
            }
            return true
        } catch let error as PostgreSQLError {
            let error = EventLogError(error)
            guard error.isOthersWork else { throw error }
            return false
        } catch {
            throw .database(.cancelled(query: statement.name))
        }
    }
}

extension EventLogError {
    /// Somebody holds a lock, or another node has done or is doing the same.
    var isOthersWork: Bool {
        if case .database(.timedOut(Slices.detachAtOnce)) = self { return true }
        guard case .database(.server(let server)) = self else { return false }
        // Lock not available, deadlock; there already, gone already, no slice (any more), bounds that overlap.
        return ["55P03", "40P01", "42P07", "23505", "42P01", "42809", "42P17"].contains(server.sqlState)
    }

    /// Detaching concurrently is not for this table, or not now.
    fileprivate var isNoConcurrency: Bool {
        guard case .database(.server(let server)) = self else { return false }
        return ["0A000", "55000"].contains(server.sqlState)
    }
}
