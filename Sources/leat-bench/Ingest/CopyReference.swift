import PostgreSQL

/// The raw limit: the same events written by COPY as single rows of a plain table.
///
/// - Shape: two connections, 1,000 events a transaction, text format, the pieces prepared beforehand.
struct CopyReference {
    static let connections = 2
    static let rowsEach = 1000

    private let pool: ConnectionPool
    private let pieces: [[UInt8]]

    init(_ pool: ConnectionPool, events: SampleEvents) {
        self.pool = pool
        pieces = stride(from: 0, to: events.count - Self.rowsEach + 1, by: Self.rowsEach).map { start in
            var piece: [UInt8] = []
            for index in start..<start + Self.rowsEach {
                piece.append(contentsOf: "\(index)\t".utf8)
                for byte in events[index] {
                    // The one byte of JSON on one line that COPY reads differently.
                    if byte == UInt8(ascii: "\\") { piece.append(byte) }
                    piece.append(byte)
                }
                piece.append(UInt8(ascii: "\n"))
            }
            return piece
        }
    }

    /// Rows a second over `time`.
    func measure(for time: Duration) async throws -> Double {
        try await pool.execute(
            Statement(
                "prepare raw table",
                "DROP TABLE IF EXISTS raw_event; CREATE TABLE raw_event (id bigint NOT NULL, payload text NOT NULL)"
            )
        )
        let copy = Statement("copy raw rows", "COPY raw_event (id, payload) FROM STDIN")
        let start = ContinuousClock.now
        let rows = try await withThrowingTaskGroup(of: Int.self) { group in
            for number in 0..<Self.connections {
                group.addTask {
                    try await self.pool.withConnection { connection in
                        try await self.write(copy, on: connection, from: number, until: start + time)
                    }
                }
            }
            return try await group.reduce(0, +)
        }
        return Double(rows) / ((ContinuousClock.now - start) / .seconds(1))
    }

    private func write(
        _ copy: Statement,
        on connection: Connection,
        from first: Int,
        until end: ContinuousClock.Instant
    ) async throws -> Int {
        var rows = 0
        var turn = first
        while ContinuousClock.now < end {
            var piece: [UInt8]? = pieces[turn % pieces.count]
            turn += Self.connections
            rows += try await connection.copyIn(copy) {
                defer { piece = nil }
                return piece
            }
        }
        return rows
    }
}
