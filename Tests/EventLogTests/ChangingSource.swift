import EventModel
import PostgreSQL

/// Sources for tests whose partitions change, made as the catalog makes them.
struct ChangingSource {
    let pool: ConnectionPool
    private(set) var current: Generation

    init(_ pool: ConnectionPool, partitions: UInt8) async throws {
        self.pool = pool
        let made = Statement("test.source", "SELECT leat.add_source('web', true, $1)")
        let id = SourceID(rawValue: try await pool.query(made, [.int4(Int32(partitions))])[0].int8(0))
        current = Generation(source: id, number: 0, partitions: partitions)
    }

    mutating func change(to partitions: UInt8) async throws {
        let change = Statement("test.change", "SELECT leat.change_partitions($1, $2)")
        _ = try await pool.query(change, [.int8(current.source.rawValue), .int4(Int32(partitions))])
        current = Generation(source: current.source, number: current.number + 1, partitions: partitions)
    }
}
